//! The names of locks.

use ringwatch_frame::TargetId;
use xxhash_rust::xxh3::xxh3_64;

/// The lock of one target: 64 bits of a hash of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LockKey(u64);

impl LockKey {
    /// The lock of `target`.
    pub(crate) fn of(target: &TargetId) -> Self {
        Self(hash_of(&format!("ringwatch\0{target}")))
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
        let key = LockKey::of(&TargetId::from_name("postgresql://db1:5432"));
        assert_ne!(key, LockKey::of(&TargetId::from_name("postgresql://db2:5432")));
        assert_eq!(key.number().cast_unsigned(), key.0);
        assert_eq!(key.name().len(), 26);
        // Nodes of different versions must agree on it.
        assert_eq!(key.0, xxh3_64(b"ringwatch\0postgresql://db1:5432"));
    }
}
