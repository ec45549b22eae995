//! How our sessions call themselves, so that nodes and operators can tell whose they are.

use std::sync::Arc;

use ringwatch_frame::{Epoch, TargetId};
use xxhash_rust::xxh3::xxh3_64;

use crate::fence::{Lock, LockKey};

/// What all names begin with.
const APPLICATION: &str = "ringwatch";
/// What a standby's session ends in.
const STANDBY: &str = "standby";
/// The most characters of a node in a name: PostgreSQL cuts names at 63.
const LONGEST_NODE: usize = 23;

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Station {
    /// It reads for the owner.
    Lane,
    /// It waits at a standby, and covers.
    Standby,
}

/// The names of one node's sessions, and of its cluster's locks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    node: Option<Arc<str>>,
    cluster: Arc<str>,
}

impl Names {
    /// Of sessions that belong to no node of a cluster.
    pub(crate) fn of_nobody() -> Self {
        Self {
            node: None,
            cluster: "".into(),
        }
    }

    /// Of the node with this id in a cluster.
    pub(crate) fn of(cluster: &str, node: &str) -> Self {
        Self {
            node: Some(session_node(cluster, node).into()),
            cluster: cluster.into(),
        }
    }

    /// The lock of a target.
    pub(crate) fn lock(&self, target: &TargetId) -> LockKey {
        LockKey::of(&self.cluster, target)
    }

    /// Another node of the cluster as names have it.
    pub(crate) fn of_other(&self, node: &str) -> String {
        session_node(&self.cluster, node)
    }

    /// The node as names have it.
    pub(crate) fn node(&self) -> Option<&str> {
        self.node.as_deref()
    }

    /// The name of a session at the target with this lock.
    pub(crate) fn session(&self, lock: LockKey, station: Station) -> String {
        match (&self.node, station) {
            (None, _) => APPLICATION.to_owned(),
            (Some(node), Station::Lane) => lane_of(node, lock),
            (Some(node), Station::Standby) => format!("{APPLICATION}/{node}/{STANDBY}"),
        }
    }

    /// The name of the session that holds the lock of a target since `epoch`.
    pub(crate) fn holder(&self, lock: Lock) -> String {
        let node = self.node.as_deref().unwrap_or_default();
        format!("{}/{}", lane_of(node, lock.key), lock.epoch)
    }
}

/// The name of a session of a lane of a node, which is called so in names, at the target with this lock: one server may
/// be several targets, and who ends the sessions of one must not end those of another.
pub(crate) fn lane_of(node: &str, lock: LockKey) -> String {
    format!("{APPLICATION}/{node}/{:08x}", lock.hash() >> 32)
}

/// The node of a session with this name, and the epoch under which it took a lock, if it did. `None`: it is none of ours.
pub(crate) fn named(name: &str) -> Option<(&str, Option<Epoch>)> {
    let mut parts = name.strip_prefix(APPLICATION)?.strip_prefix('/')?.split('/');
    let node = parts.next().filter(|node| !node.is_empty())?;
    let epoch = parts.nth(1).and_then(|part| part.parse().ok()).map(Epoch);
    Some((node, epoch))
}

/// A node as it stands in the names of its sessions: its id and its cluster, as two clusters may have nodes of the same
/// id at one server. `NODE@CLUSTER` where that is short and plain; otherwise its beginning and a hash.
pub fn session_node(cluster: &str, node: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-:@".contains(c);
    let whole = match cluster {
        "" => node.to_owned(),
        cluster => format!("{node}@{cluster}"),
    };
    if !node.is_empty() && whole.len() <= LONGEST_NODE && whole.chars().all(plain) {
        return whole;
    }
    let begin: String = whole
        .chars()
        .filter(|c| plain(*c))
        .take(LONGEST_NODE - 17)
        .collect();
    format!("{begin}~{:016x}", xxh3_64(whole.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(epoch: u64) -> Lock {
        Lock {
            key: LockKey::of("prod", &TargetId::from_name("postgresql://db1:5432")),
            epoch: Epoch(epoch),
        }
    }

    #[test]
    fn names_say_whose_session_it_is_and_what_for() {
        let (names, lock) = (Names::of("prod", "node-1"), lock(17));
        let lane = names.session(lock.key, Station::Lane);
        assert_eq!(lane, "ringwatch/node-1@prod/bf4e2918");
        assert_eq!(
            names.session(lock.key, Station::Standby),
            "ringwatch/node-1@prod/standby"
        );
        assert_eq!(names.holder(lock), format!("{lane}/17"));
        assert_eq!(Names::of_nobody().session(lock.key, Station::Lane), "ringwatch");
        for (name, expected) in [
            (&*lane, Some(("node-1@prod", None))),
            ("ringwatch/node-1@prod/standby", Some(("node-1@prod", None))),
            (
                "ringwatch/node-1@prod/00000012/17",
                Some(("node-1@prod", Some(Epoch(17)))),
            ),
            ("ringwatch", None),
            ("ringwatch/", None),
            ("psql", None),
        ] {
            assert_eq!(named(name), expected, "{name}");
        }
    }

    #[test]
    fn any_id_makes_a_short_name_of_its_own() {
        let long = "a/b c'".repeat(20);
        let (one, other) = (
            session_node("prod", &long),
            session_node("prod", &format!("{long}x")),
        );
        assert_ne!(one, other);
        let name = Names::of("prod", &long).holder(lock(10_u64.pow(18)));
        assert!(name.len() <= 63 && named(&name).is_some(), "{name}");
        assert_eq!(named(&name).unwrap().0, one);
        assert_ne!(session_node("", ""), "");
    }

    #[test]
    fn two_clusters_may_have_nodes_of_one_id() {
        for node in ["node-1", "ringwatch-0.ringwatch.monitoring.svc.cluster.local"] {
            assert_ne!(session_node("prod", node), session_node("test", node));
        }
    }
}
