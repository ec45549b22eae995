//! Between the collector and the cluster: whose session a new owner may end, and who cannot reach what.

use std::sync::{Arc, OnceLock};

use ringwatch_cluster::member::{NodeId, State, TargetKey};
use ringwatch_cluster::node::{ClusterControl, Gate, Knowledge, Known};
use ringwatch_collect::{Arbiter, EndedTicks, Holder, TickBook, session_node};
use ringwatch_frame::{Epoch, TargetId};
use tokio::sync::watch;

use super::incidents::Incidents;
use crate::audit::TickBooks;

/// The view says who outranks whom.
pub(super) struct ByView {
    /// The name of the cluster, which is part of what sessions are called.
    pub(super) cluster: String,
    pub(super) gate: Arc<Gate>,
    pub(super) knowledge: watch::Receiver<Arc<Knowledge>>,
    /// There when the cluster has started.
    pub(super) control: Arc<OnceLock<ClusterControl>>,
}

impl Arbiter for ByView {
    fn outranks(&self, target: &TargetId, holder: &Holder) -> bool {
        let known = Arc::clone(&self.knowledge.borrow());
        let node = node_of((&self.cluster, &known.members), &known.me, target, holder);
        node.is_some_and(|node| self.gate.outranks(target, &node, holder.epoch))
    }

    fn epoch(&self, target: &TargetId) -> Option<Epoch> {
        self.gate.epoch(target)
    }

    fn is_seated(&self, target: &TargetId, holder: &Holder) -> bool {
        let known = Arc::clone(&self.knowledge.borrow());
        let node = node_of((&self.cluster, &known.members), &known.me, target, holder);
        node.is_none_or(|node| self.gate.is_seated(&node))
    }

    fn others(&self) -> Vec<String> {
        let known = Arc::clone(&self.knowledge.borrow());
        let others = known.members.iter().filter(|member| member.who.node != known.me);
        others
            .map(|member| session_node(&self.cluster, member.who.node.as_str()))
            .collect()
    }

    fn unreachable(&self, target: &TargetId) {
        if let Some(control) = self.control.get() {
            control.unreachable(target);
        }
    }
}

/// Whose session the holder's is: a node that may be no member at all. `None`: it may be one that is at work.
fn node_of(
    (cluster, members): (&str, &[Known]),
    me: &NodeId,
    target: &TargetId,
    holder: &Holder,
) -> Option<NodeId> {
    if holder.node.is_empty() {
        // The server does not tell; whoever has the target and lives says so by gossip.
        let key = TargetKey::from(target);
        let has = |member: &Known| member.state != State::Dead && member.said.owned.contains(&key);
        let mut others = members.iter().filter(|member| member.who.node != *me);
        return (!others.any(has)).then(|| NodeId::new(""));
    }
    // Sessions carry short names; of a name that no member has, the cluster has not heard.
    let mut ids = members.iter().map(|member| &member.who.node);
    let known = ids.find(|id| session_node(cluster, id.as_str()) == holder.node);
    Some(known.cloned().unwrap_or_else(|| NodeId::new(&holder.node)))
}

/// The books hear of all ticks, and people of those that a lock stood in the way of.
pub(super) struct Accounts {
    pub(super) books: Arc<TickBooks>,
    pub(super) incidents: Arc<Incidents>,
}

impl TickBook for Accounts {
    fn ended(&self, ended: &EndedTicks<'_>) {
        self.books.ended(ended);
        if ended.outcome == "fenced" {
            self.incidents.fenced(ended.target, ended.stream);
        }
    }
}

#[cfg(test)]
mod tests {
    use ringwatch_cluster::member::{Incarnation, Member, PROTOCOL, Said, Stage};
    use ringwatch_frame::Tick;

    use super::*;

    fn member(node: &str, state: State, owned: &[&TargetId]) -> Known {
        let owned: Vec<TargetKey> = owned.iter().map(|target| TargetKey::from(*target)).collect();
        Known {
            member: Member {
                who: Incarnation {
                    node: NodeId::new(node),
                    generation: 1,
                },
                state,
                since: Tick::from_unix_nanos(0),
                gossip_address: None,
                said: Said {
                    stage: Stage::Ready,
                    grpc_address: String::new(),
                    version: String::new(),
                    points: 1,
                    view: 1,
                    targets: 0,
                    owned: owned.into(),
                    excluded: Arc::default(),
                    raft: None,
                    dataset: (0, 0),
                    protocol: PROTOCOL,
                },
            },
            owned: 0,
            standby: 0,
        }
    }

    #[test]
    fn a_session_is_known_by_its_short_name_or_by_who_says_to_have_the_target() {
        let (a, b) = (
            TargetId::from_name("mysql://a:1"),
            TargetId::from_name("mysql://b:1"),
        );
        let long = "ringwatch-0.ringwatch.monitoring.svc.cluster.local";
        let members = [
            member("me", State::Ready, &[&a]),
            member(long, State::Ready, &[&b]),
            member("gone", State::Dead, &[&a]),
        ];
        let me = NodeId::new("me");
        let of = |target, node: &str| {
            let holder = Holder {
                node: node.into(),
                epoch: Epoch(3),
            };
            node_of(("prod", &members), &me, target, &holder)
        };
        assert_eq!(of(&a, &session_node("prod", long)), Some(NodeId::new(long)));
        assert_ne!(of(&a, &session_node("test", long)), Some(NodeId::new(long)));
        assert_eq!(of(&a, "stranger"), Some(NodeId::new("stranger")));
        assert_eq!(of(&a, ""), Some(NodeId::new("")), "a dead one has it, and we");
        assert_eq!(of(&b, ""), None, "somebody lives and has it");
    }
}
