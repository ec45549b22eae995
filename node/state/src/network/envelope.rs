//! Who calls whom: written on every call, checked on every call.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ringwatch_proto::v1;

use super::{CallError, WIRE_VERSION};
use crate::group::parts::Me;

/// The longest name of a node, in bytes.
const MAX_NODE: usize = 256;

/// This store's identity.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) me: Me,
    pub(crate) cluster: String,
    /// The Raft id of the store.
    pub(crate) raft_id: u64,
    group: AtomicU64,
    /// The group that this store has begun, before it is one of it.
    begun: AtomicU64,
    leads: AtomicBool,
}

impl Identity {
    pub(crate) fn new(me: Me, cluster: String, raft_id: u64, group: Option<u64>) -> Self {
        Self {
            me,
            cluster,
            raft_id,
            group: AtomicU64::new(group.unwrap_or(0)),
            begun: AtomicU64::new(0),
            leads: AtomicBool::new(false),
        }
    }

    /// The group; 0: none yet.
    pub(crate) fn group(&self) -> u64 {
        self.group.load(Ordering::Acquire)
    }

    /// To be called when the store has it.
    pub(crate) fn set_group(&self, group: u64) {
        self.group.store(group, Ordering::Release);
    }

    /// The group that this store has begun; 0: none.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Acquire)
    }

    pub(crate) fn set_begun(&self, group: u64) {
        self.begun.store(group, Ordering::Release);
    }

    /// The group that openraft's own calls are made for.
    pub(super) fn speaks_for(&self) -> u64 {
        match self.group() {
            0 => self.begun(),
            group => group,
        }
    }

    pub(crate) fn set_leads(&self, leads: bool) {
        self.leads.store(leads, Ordering::Release);
    }

    /// The envelope of a call to the store `to_raft`, as a member of `group`.
    pub(crate) fn envelope(&self, to_raft: u64, group: u64) -> v1::RaftEnvelope {
        v1::RaftEnvelope {
            version: WIRE_VERSION,
            cluster: self.cluster.clone(),
            group,
            from_node: self.me.node.clone(),
            from_generation: self.me.generation,
            from_raft: self.raft_id,
            to_raft,
            leads: self.leads.load(Ordering::Acquire),
        }
    }

    /// What can be said of an envelope without knowing the state of the group.
    pub(crate) fn check(&self, envelope: &v1::RaftEnvelope) -> Result<(), CallError> {
        let refuse = |why: String| Err(CallError::Refused(why));
        if envelope.version != WIRE_VERSION {
            let theirs = envelope.version;
            return refuse(format!(
                "wire version {theirs} is not the one of this node, {WIRE_VERSION}: upgrade the older node"
            ));
        }
        if envelope.cluster != self.cluster {
            return refuse("this node belongs to another cluster, compare `cluster.name`".into());
        }
        let name = &envelope.from_node;
        if name.is_empty() || name.len() > MAX_NODE || name.chars().any(char::is_control) {
            return refuse("the call does not say which node makes it".into());
        }
        if envelope.to_raft != self.raft_id {
            return refuse("the call is meant for another store: this node's was replaced".into());
        }
        if envelope.from_raft == 0 || envelope.from_raft == self.raft_id {
            return refuse("the call does not say which store makes it".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(node: &str, cluster: &str, raft_id: u64) -> Identity {
        let me = Me {
            node: node.into(),
            generation: 1,
        };
        Identity::new(me, cluster.into(), raft_id, Some(7))
    }

    #[test]
    fn only_calls_of_this_cluster_to_this_store_pass() {
        let me = identity("a", "prod", 1);
        let good = identity("b", "prod", 2).envelope(1, 7);
        assert_eq!(me.check(&good), Ok(()));
        type Change = fn(&mut v1::RaftEnvelope);
        let changes: [(&str, Change); 7] = [
            ("wire version", |e| e.version = 2),
            ("cluster.name", |e| e.cluster = "test".into()),
            ("another store", |e| e.to_raft = 3),
            ("which store", |e| e.from_raft = 0),
            ("which store", |e| e.from_raft = 1),
            ("which node", |e| e.from_node.clear()),
            ("which node", |e| e.from_node = "b\n".into()),
        ];
        for (word, change) in changes {
            let mut bad = good.clone();
            change(&mut bad);
            let Err(CallError::Refused(why)) = me.check(&bad) else {
                panic!("{word} passed");
            };
            assert!(why.contains(word), "{why}");
        }
    }
}
