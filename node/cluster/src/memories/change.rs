//! What an owner tells its standby.

use arrow_array::RecordBatch;
use ringwatch_frame::{PendingFrame, StreamId, TargetId, TargetMemory, Tick};

/// One message from the owner of a target to its standby. Columns are shared, never copied.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Takes the place of all that the standby knows of the target.
    Snapshot {
        /// Of which target.
        target: TargetId,
        /// All that is remembered of it.
        memory: TargetMemory,
        /// The epoch of its owner. What comes after the snapshot belongs to it.
        view: u64,
    },
    /// A tick has ended: it was read or missed.
    Ended {
        /// Of which target.
        target: TargetId,
        /// Of which stream.
        stream: StreamId,
        /// Which tick.
        tick: Tick,
        /// The new baseline; `None`: it stays what it was.
        baseline: Option<RecordBatch>,
        /// What was read; `None`: the tick was missed.
        frame: Option<PendingFrame>,
    },
    /// All of a frame is delivered, or dropped for a reason that is counted.
    Settled {
        /// Of which target.
        target: TargetId,
        /// Of which stream.
        stream: StreamId,
        /// Which tick.
        tick: Tick,
    },
    /// The target is not replicated to this standby any more.
    Release(TargetId),
    /// A stream is gone: its database was dropped.
    Forget {
        /// Of which target.
        target: TargetId,
        /// Which stream.
        stream: StreamId,
    },
}

impl Change {
    /// The target it is about.
    pub fn target(&self) -> &TargetId {
        match self {
            Self::Release(target) => target,
            Self::Snapshot { target, .. }
            | Self::Ended { target, .. }
            | Self::Settled { target, .. }
            | Self::Forget { target, .. } => target,
        }
    }
}
