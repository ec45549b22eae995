//! The names of locks.

use ringwatch_frame::TargetId;
use xxhash_rust::xxh3::xxh3_64;

/// The lock of one target: 64 bits of a hash of its name and of the cluster's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LockKey(u64);

impl LockKey {
    /// The lock of `target` in a cluster: two clusters that read one server know nothing of each other.
    pub(crate) fn of(cluster: &str, target: &TargetId) -> Self {
        Self(hash_of(&format!("ringwatch\0{cluster}\0{target}")))
    }

    /// As part of another name.
    pub(crate) const fn hash(self) -> u64 {
        self.0
    }

    /// As PostgreSQL names it.
    pub(crate) const fn number(self) -> i64 {
        self.0.cast_signed()
    }

    /// As MySQL and MariaDB name it.
    pub(crate) fn name(self) -> String {
        format!("ringwatch:{:016x}", self.0)
    }
}

/// The hash of a name.
pub(crate) fn hash_of(name: &str) -> u64 {
    xxh3_64(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_has_a_lock_of_its_own_that_never_changes() {
        let (one, two) = (
            TargetId::from_name("postgresql://db1:5432"),
            TargetId::from_name("postgresql://db2:5432"),
        );
        let key = LockKey::of("prod", &one);
        assert_ne!(key, LockKey::of("prod", &two));
        assert_ne!(key, LockKey::of("test", &one));
        assert_eq!(key.number().cast_unsigned(), key.0);
        assert_eq!(key.name().len(), 26);
        // Nodes of different versions must agree on it.
        assert_eq!(key.0, xxh3_64(b"ringwatch\0prod\0postgresql://db1:5432"));
    }
}
