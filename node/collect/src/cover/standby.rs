//! What a standby knows of targets that another member owns, and whom it tells of the ticks that it covers.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use ringwatch_frame::{Epoch, FrameMeta, Receipt, StreamId, TargetId, TargetMemory, Tick};

use crate::target::TargetSpec;

/// A target that this node stands by for.
#[derive(Clone, Debug)]
pub struct Cover {
    /// The target.
    pub target: Arc<TargetSpec>,
    /// The id of the node that owns it: whose sessions count.
    pub owner: String,
}

impl Cover {
    /// Whether nothing that matters differs.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.owner == other.owner && self.target.same(&other.target)
    }
}

/// How a standby waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StandbyMode {
    /// With one open session for each target.
    #[default]
    Hot,
    /// It connects when it must cover.
    Warm,
    /// It does not cover.
    None,
}

/// The shadows of targets that other members own.
pub trait Standby: Send + Sync {
    /// What the owner has told of the target, with what was covered since; without pending frames.
    fn memory(&self, target: &TargetId) -> TargetMemory;

    /// The streams of which the owner has told, each with its last tick that ended.
    fn lasts(&self, target: &TargetId) -> BTreeMap<StreamId, Tick>;

    /// Ticks that the owner missed because it could not reach the server. Each is told once.
    fn unreachable(&self, target: &TargetId) -> Vec<(StreamId, Tick)>;

    /// Takes a tick to be read here, under the epoch that comes back. `None`: it has ended meanwhile, or the target is
    /// not ours to stand by for.
    fn claim(&self, target: &TargetId, stream: &StreamId, tick: Tick) -> Option<Epoch>;

    /// A claimed tick was read. Told before the frame is offered; the receipt goes with the frame. `None`: the
    /// claim does not stand any more, and the frame is superseded.
    fn covered(&self, meta: &FrameMeta, rows: &RecordBatch, baseline: Option<RecordBatch>)
    -> Option<Receipt>;

    /// A claimed tick was not read: the claim is given back.
    fn abandoned(&self, target: &TargetId, stream: &StreamId, tick: Tick);

    /// Whether a question may be sent to the target at this very moment: it is one that we stand by for, and this
    /// node was not paused just now. Asked before each question of a reading and of a look at the owner's sessions.
    fn stands_by(&self, target: &TargetId) -> bool;

    /// Ticks up to this one are the owner's, though it has not told their end: it was at work when their successor was due.
    fn excused(&self, target: &TargetId, stream: &StreamId, until: Tick);
}

/// Stands by for nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoStandby;

impl Standby for NoStandby {
    fn memory(&self, _: &TargetId) -> TargetMemory {
        TargetMemory::new()
    }

    fn lasts(&self, _: &TargetId) -> BTreeMap<StreamId, Tick> {
        BTreeMap::new()
    }

    fn unreachable(&self, _: &TargetId) -> Vec<(StreamId, Tick)> {
        Vec::new()
    }

    fn claim(&self, _: &TargetId, _: &StreamId, _: Tick) -> Option<Epoch> {
        None
    }

    fn covered(&self, _: &FrameMeta, _: &RecordBatch, _: Option<RecordBatch>) -> Option<Receipt> {
        None
    }

    fn abandoned(&self, _: &TargetId, _: &StreamId, _: Tick) {}

    fn excused(&self, _: &TargetId, _: &StreamId, _: Tick) {}

    fn stands_by(&self, _: &TargetId) -> bool {
        false
    }
}
