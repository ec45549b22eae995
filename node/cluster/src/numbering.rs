//! What this crate needs of the Raft group: the committed views, how the group is, and a way to propose the
//! next view.
//!
//! The group numbers the views 1, 2, 3 and so on. A number is the epoch of everything that is done under its
//! view. The wiring of the server implements [`Numbering`] over the group.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use ringwatch_frame::TargetId;
use tokio::sync::watch;

use crate::member::{Incarnation, NodeId, SaidRaft};
use crate::ring::RingMember;

/// A view as the group has committed it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Its number: 1 for the first, and one more for each after it.
    pub number: u64,
    /// Who is in it, sorted by node; each node once.
    pub seats: Vec<Seat>,
    /// The targets that are not where the ring would have them.
    pub pins: BTreeMap<TargetId, Pin>,
}

impl Committed {
    /// The seat of a node.
    pub fn seat(&self, node: &NodeId) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.node == *node)
    }
}

/// A member's place in a view.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seat {
    /// The node.
    pub node: NodeId,
    /// Which life of it. A later one needs a seat of its own.
    pub generation: u64,
    /// How many points it has on the ring.
    pub points: u32,
}

impl Seat {
    /// The life that has it.
    pub fn who(&self) -> Incarnation {
        Incarnation {
            node: self.node.clone(),
            generation: self.generation,
        }
    }

    /// Its place on a ring.
    pub(crate) fn on_ring(&self) -> RingMember {
        RingMember {
            node: self.node.clone(),
            points: self.points,
        }
    }
}

/// Where a target is kept, whatever the ring says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pin {
    /// By whom it is owned.
    pub to: NodeId,
    /// Who wants it so.
    pub by: By,
}

/// Who has set a pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum By {
    /// The balance of the load. It may change the pin again.
    Load,
    /// An operator. Only an operator takes it back.
    Operator,
}

/// How the group is, as this node sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupStanding {
    /// This node leads, and a majority of the voters has confirmed that a moment ago.
    pub leads: bool,
    /// Who leads, if that is known.
    pub leader: Option<NodeId>,
    /// The group can commit: there is a leader with a majority.
    pub quorum: bool,
    /// The group exists.
    pub founded: bool,
    /// The voters that are missing, by node; sorted.
    pub missing: Vec<NodeId>,
    /// What the group waits for while it is not founded, for operators.
    pub waiting: Option<String>,
}

/// What the group wants to be said of this node by gossip.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// Its part in the group; `None`: it has none yet.
    pub raft: Option<SaidRaft>,
    /// Version and hash of the data set that it has applied; (0, 0): none.
    pub dataset: (u64, u64),
}

/// Why a view was not committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCommitted {
    /// Another view was committed before it.
    #[error("view {present} was committed before it")]
    Overtaken {
        /// The number of the present view.
        present: u64,
    },
    /// No majority of the voters can be reached.
    #[error("the group has no quorum, missing voters: {}", names(missing))]
    NoQuorum {
        /// Those that are missing.
        missing: Vec<NodeId>,
    },
    /// The answer did not come in time: it may have been committed.
    #[error("the group did not answer in time")]
    Unknown,
    /// It cannot be committed as it is.
    #[error("the group refused the view: {0}")]
    Refused(String),
}

/// Names of nodes, for people.
pub(crate) fn names(nodes: &[NodeId]) -> String {
    let names: Vec<&str> = nodes.iter().map(NodeId::as_str).collect();
    if names.is_empty() {
        "none, a leader is being elected: try again".into()
    } else {
        names.join(", ")
    }
}

/// The Raft group, as far as ownership needs it.
pub trait Numbering: Send + Sync + 'static {
    /// The newest committed view that this node has applied. Its number never falls.
    fn committed(&self) -> watch::Receiver<Option<Arc<Committed>>>;

    /// How the group is.
    fn standing(&self) -> watch::Receiver<GroupStanding>;

    /// Proposes `next`, whose number must be one above that of the present view. Only the node that leads
    /// proposes. An answer must come within seconds.
    fn propose<'a>(&'a self, next: Committed, reason: String) -> BoxFuture<'a, Result<(), NotCommitted>>;

    /// What each target costs: seconds of query time per second. Targets that are not in it are unknown.
    fn weights(&self) -> Arc<BTreeMap<TargetId, f64>>;

    /// Whether targets may be moved for the sake of the load without an operator's word.
    fn rebalances(&self) -> bool;
}
