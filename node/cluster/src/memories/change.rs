//! What an owner tells its standby, and what it is told back.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use ringwatch_frame::{PendingFrame, StreamId, TargetId, TargetMemory, Tick};

/// One message from the owner of a target to its standby. Columns are shared, never copied.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Takes the place of what the standby knows of the target, but for what it has covered since.
    Snapshot {
        /// Of which target.
        target: TargetId,
        /// All that is remembered of it.
        memory: TargetMemory,
        /// The last covered tick that the owner knows of, by stream.
        covers: BTreeMap<StreamId, Tick>,
        /// Names the snapshot in its answer; 0: its owner hears no answers.
        serial: u64,
        /// The epoch of its owner. What comes after the snapshot belongs to it.
        view: u64,
    },
    /// A tick has ended: it was read or missed.
    Ended {
        /// Of which target.
        target: TargetId,
        /// What has ended.
        ended: EndedTick,
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

/// A tick that has ended at its owner.
#[derive(Clone, Debug, PartialEq)]
pub struct EndedTick {
    /// Of which stream.
    pub stream: StreamId,
    /// Which tick.
    pub tick: Tick,
    /// The new baseline; `None`: it stays what it was.
    pub baseline: Option<RecordBatch>,
    /// What was read; `None`: the tick was missed.
    pub frame: Option<PendingFrame>,
    /// The last covered tick on which the reading is based.
    pub based: Option<Tick>,
    /// It was missed because its owner could not reach the target.
    pub unreachable: bool,
    /// The new baseline could not be told: whoever goes on with the stream begins it anew.
    pub anew: bool,
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

/// One message from a standby to the owner of a target.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// The standby will not read this tick, and what was read counts.
    Taken {
        /// Of which target.
        target: TargetId,
        /// Of which stream.
        stream: StreamId,
        /// Which tick.
        tick: Tick,
        /// The frame is in the shadow: there was one, and room for it.
        kept: bool,
    },
    /// The standby has read a tick, or is reading it.
    Covered {
        /// Of which target.
        target: TargetId,
        /// What was covered.
        cover: CoverWord,
    },
    /// What was read until a snapshot counts.
    Synced {
        /// Of which target.
        target: TargetId,
        /// Which snapshot.
        serial: u64,
        /// All frames of it are in the shadow.
        kept: bool,
    },
}

/// What a standby has covered of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct CoverWord {
    /// Of which stream.
    pub stream: StreamId,
    /// The tick of the owner that this answers; it does not count. `None`: it was told unasked.
    pub tick: Option<Tick>,
    /// The last tick of the owner that was taken: what it read until then counts.
    pub taken: Option<Tick>,
    /// The last tick that was covered.
    pub last: Tick,
    /// The raw counters of that tick, where deltas are made.
    pub baseline: Option<RecordBatch>,
    /// The reading of that tick is under way; another word follows, which decides.
    pub reading: bool,
}

/// What a standby says to an owner that is late with a tick.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Leave {
    /// The owner may begin it; the standby does not for a second.
    pub yes: bool,
    /// What was covered and the owner does not know yet.
    pub covered: Option<CoverWord>,
    /// The standby has not heard yet that the caller is the owner, and stands by for another one: it is asked again.
    pub later: bool,
}
