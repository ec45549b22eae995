//! The node: the one task that knows the members, decides what to do and does it.
//!
//! [`steer`] decides and does no I/O; [`run`] carries out what it says, each thing as a child task with a
//! deadline, and tells it what came of it. What others may see is published: whether a target may be read
//! ([`Gate`]), what is known of the cluster ([`Knowledge`]), how far this node is ([`Status`]).

mod act;
mod calls;
mod claims;
mod collecting;
mod covering;
mod effect;
mod events;
mod gate;
mod handle;
mod handoff;
mod join;
mod knowledge;
mod late;
mod metrics;
mod moves;
mod notes;
mod number;
mod offers;
mod orders;
mod parts;
mod pause;
mod questions;
mod receive;
mod rivals;
mod run;
mod status;
mod steer;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use collecting::Collecting;
pub use covering::Covering;
pub use events::{ClusterEvent, EventKind};
pub use gate::{Gate, GateRefusal};
pub use handle::{ClusterControl, ClusterNode};
pub use knowledge::{Knowledge, Known, Placed};
pub use late::May;
pub use moves::MovesCap;
pub use orders::{Moved, OrderError, Rebalanced};
pub use parts::{ClusterError, ClusterParts, Prepared, prepare_cluster};
pub use status::{NodeFailure, Status};

/// What the operator and the server want of this node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// The server can take targets.
    pub(crate) ready: bool,
    /// Hand everything over and stay.
    pub(crate) draining: bool,
    /// Hand everything over and go.
    pub(crate) leaving: bool,
    /// It has gone, whatever is left.
    pub(crate) left: bool,
}
