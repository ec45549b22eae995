//! Promises: how a group is founded once, and by one set of stores only.
//!
//! A group is begun by its driver alone, after all founders have promised. A store is promised to one group
//! at a time, and votes in the founding of no other. A promise is forgotten only when its group can never
//! come to be: when the driver has revoked it before it began, or when a majority of the founders has revoked
//! it before they had an entry of its log. What is revoked stays so.

use ringwatch_proto::v1;
use serde::{Deserialize, Serialize};

/// How many revoked groups are remembered. A call about one comes seconds after it at the latest.
const REMEMBERED: usize = 256;

/// A store that founds a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Founder {
    pub(crate) node: String,
    pub(crate) raft_id: u64,
}

/// A group that is to be: its id and its founders, in the order of their nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) group: u64,
    pub(crate) founders: Vec<Founder>,
}

impl Plan {
    /// The one that begins the group.
    pub(crate) fn driver(&self) -> Option<&Founder> {
        self.founders.first()
    }

    pub(crate) fn majority(&self) -> usize {
        self.founders.len() / 2 + 1
    }

    pub(crate) fn request(&self, kind: v1::PromiseKind) -> v1::PromiseRequest {
        let founder = |founder: &Founder| v1::Founder {
            raft_id: founder.raft_id,
            node_id: founder.node.clone(),
        };
        v1::PromiseRequest {
            kind: kind.into(),
            group: self.group,
            founders: self.founders.iter().map(founder).collect(),
        }
    }

    /// Reads a plan that a peer sent; it may hold anything.
    pub(crate) fn of(request: &v1::PromiseRequest) -> Option<Self> {
        let founders = request.founders.iter().map(|founder| Founder {
            node: founder.node_id.clone(),
            raft_id: founder.raft_id,
        });
        let founders: Vec<_> = founders.take(16).collect();
        let plain = founders
            .iter()
            .all(|one| one.raft_id != 0 && one.node.len() <= 256 && !one.node.is_empty());
        let ordered = founders.is_sorted_by(|one, next| one.node < next.node);
        (request.group != 0 && plain && ordered && !founders.is_empty() && request.founders.len() <= 9)
            .then_some(Self {
                group: request.group,
                founders,
            })
    }
}

/// What a store has promised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Promises {
    pub(crate) current: Option<Plan>,
    revoked: Vec<u64>,
}

impl Promises {
    /// Reads what the store has kept.
    pub(crate) fn read(bytes: Option<Vec<u8>>) -> Option<Self> {
        bytes.map_or_else(
            || Some(Self::default()),
            |bytes| postcard::from_bytes(&bytes).ok(),
        )
    }

    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        postcard::to_stdvec(self).ok()
    }

    pub(crate) fn has_revoked(&self, group: u64) -> bool {
        self.revoked.contains(&group)
    }

    /// Whether this store may vote in the founding of `group`.
    pub(crate) fn votes_in(&self, group: u64) -> bool {
        !self.has_revoked(group) && self.current.as_ref().is_some_and(|plan| plan.group == group)
    }

    /// Promises, if nothing stands against it. Whether the store is promised to `plan` then.
    pub(crate) fn promise(&mut self, plan: &Plan) -> bool {
        if self.has_revoked(plan.group) {
            return false;
        }
        self.current.get_or_insert_with(|| plan.clone()) == plan
    }

    /// Never takes part in founding `group`. A promise to it stays in the way of others until
    /// [`forget`](Self::forget).
    pub(crate) fn revoke(&mut self, group: u64) {
        if !self.has_revoked(group) {
            let surplus = (self.revoked.len() + 1).saturating_sub(REMEMBERED);
            self.revoked.drain(..surplus);
            self.revoked.push(group);
        }
    }

    /// `group` can never come to be, or this store belongs to another one now.
    pub(crate) fn forget(&mut self, group: u64) {
        self.revoke(group);
        self.current.take_if(|plan| plan.group == group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(group: u64) -> Plan {
        let founder = |(at, node): (usize, &&str)| Founder {
            node: (*node).into(),
            raft_id: at as u64 + 1,
        };
        Plan {
            group,
            founders: ["a", "b", "c"].iter().enumerate().map(founder).collect(),
        }
    }

    #[test]
    fn a_store_is_promised_to_one_group_until_that_can_never_be() {
        let mut promises = Promises::default();
        assert!(promises.promise(&plan(1)) && promises.promise(&plan(1)));
        assert!(!promises.promise(&plan(2)), "it is promised to another");
        promises.revoke(1);
        assert!(!promises.votes_in(1), "what is revoked has no vote of this store");
        assert!(!promises.promise(&plan(2)), "but the others might still found it");
        promises.forget(1);
        assert!(promises.promise(&plan(2)) && promises.votes_in(2));
        promises.forget(2);
        assert!(
            !promises.promise(&plan(1)),
            "what was revoked is never promised again"
        );
    }

    #[test]
    fn what_was_promised_is_kept_and_stays_small() {
        let mut promises = Promises::default();
        for group in 1..1000 {
            promises.promise(&plan(group));
            promises.forget(group);
        }
        promises.promise(&plan(1000));
        let bytes = promises.bytes().unwrap();
        assert!(bytes.len() < 4096, "{} bytes", bytes.len());
        assert_eq!(Promises::read(Some(bytes)), Some(promises));
        assert_eq!(Promises::read(None), Some(Promises::default()));
        assert_eq!(Promises::read(Some(vec![9, 9, 9])), None);
    }

    #[test]
    fn plans_of_strangers_are_checked() {
        let good = plan(1).request(v1::PromiseKind::Promise);
        assert_eq!(Plan::of(&good), Some(plan(1)));
        type Change = fn(&mut v1::PromiseRequest);
        let changes: [Change; 5] = [
            |r| r.group = 0,
            |r| r.founders.clear(),
            |r| r.founders.swap(0, 1),
            |r| r.founders[0].raft_id = 0,
            |r| r.founders[2].node_id = "b".into(),
        ];
        for change in changes {
            let mut bad = good.clone();
            change(&mut bad);
            assert_eq!(Plan::of(&bad), None, "{bad:?}");
        }
    }
}
