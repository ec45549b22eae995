//! What an operator orders of the node that leads the group.

use ringwatch_frame::TargetId;
use tokio::sync::oneshot;

use crate::member::NodeId;
use crate::numbering::{NotCommitted, names};
use crate::peer::Refused;

/// What is asked of the node's loop from within this process.
#[derive(Debug)]
pub(crate) enum Asked {
    /// This is to be done by who leads.
    Order(Order),
    /// The target cannot be reached from here.
    Unreachable(TargetId),
}

/// An order, with the place for its answer.
#[derive(Debug)]
pub(crate) enum Order {
    /// Pin a target, or take its pin away.
    Move {
        target: TargetId,
        to: Option<NodeId>,
        reply: oneshot::Sender<Result<u64, OrderError>>,
    },
    /// Pin a target that its owner cannot reach to its standby, which can.
    Offer {
        target: TargetId,
        from: NodeId,
        to: NodeId,
        reply: oneshot::Sender<Result<(), Refused>>,
    },
    /// Even out the load.
    Rebalance {
        dry_run: bool,
        reply: oneshot::Sender<Result<Rebalanced, OrderError>>,
    },
}

impl Order {
    /// Whether nobody waits for the answer any more.
    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::Move { reply, .. } => reply.is_closed(),
            Self::Rebalance { reply, .. } => reply.is_closed(),
            // It is done for the target, not for who asks.
            Self::Offer { .. } => false,
        }
    }
}

/// What evening out the load does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rebalanced {
    /// The targets that move, in this order.
    pub moves: Vec<Moved>,
    /// What each member bears before, sorted by node: the sum of the weights of its targets. A target whose
    /// weight is not known counts as the median of the others.
    pub before: Vec<(NodeId, f64)>,
    /// What each bears after all moves.
    pub after: Vec<(NodeId, f64)>,
}

/// A target that moves for the sake of the load.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// The target.
    pub target: TargetId,
    /// Whose it is by the view.
    pub from: NodeId,
    /// Whose it will be.
    pub to: NodeId,
    /// What it costs: seconds of query time per second.
    pub weight: f64,
}

/// Why an order is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Only the node that leads can do it.
    #[error("another node leads the group: {}", names(leader.as_slice()))]
    NotLeader {
        /// Who leads, if that is known.
        leader: Option<NodeId>,
    },
    /// No majority of the voters can be reached.
    #[error("the group has no quorum, missing voters: {}", names(missing))]
    NoQuorum {
        /// Those that are missing.
        missing: Vec<NodeId>,
    },
    /// There is no view yet.
    #[error("there is no view yet: {0}")]
    NoView(String),
    /// There is no such target.
    #[error("target `{0}` is neither configured nor pinned")]
    UnknownTarget(TargetId),
    /// The node takes no targets.
    #[error("`{node}` takes no targets; those that do: {}", names(ready))]
    NotReady {
        /// The node.
        node: NodeId,
        /// Those that could take it.
        ready: Vec<NodeId>,
    },
    /// Moved for the same reason a short time ago, or pinned by an operator.
    #[error("the target stays: {0}")]
    Stays(&'static str),
    /// Too many pins.
    #[error("there are {0} pins already: unpin some targets first")]
    TooManyPins(usize),
    /// It may have been done.
    #[error("the group did not answer in time: look at the members before trying again")]
    Unknown,
    /// Too many orders, or the node stops.
    #[error("this node is starting, stopping or overloaded: try again")]
    Busy,
    /// The group refused it.
    #[error("the group refused it: {0}")]
    Failed(String),
}

impl From<NotCommitted> for OrderError {
    fn from(error: NotCommitted) -> Self {
        match error {
            NotCommitted::NoQuorum { missing } => Self::NoQuorum { missing },
            NotCommitted::Unknown => Self::Unknown,
            NotCommitted::Refused(reason) => Self::Failed(reason),
            overtaken @ NotCommitted::Overtaken { .. } => Self::Failed(overtaken.to_string()),
        }
    }
}
