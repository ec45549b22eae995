//! What is remembered of a target, so that whoever reads it next goes on where the last reading ended.

use std::collections::{BTreeMap, VecDeque};

use arrow_array::RecordBatch;

use crate::{FrameMeta, StreamId, Tick};

/// All that is needed to go on with a target, by stream. A stream that is not in it begins anew.
pub type TargetMemory = BTreeMap<StreamId, StreamMemory>;

/// What is remembered of one stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamMemory {
    /// The last tick that ended, collected or missed. `None`: none did.
    pub last: Option<Tick>,
    /// The baseline: the raw counters of the last reading, where deltas are made. Its columns and what its metadata
    /// mean is the collector's matter.
    pub baseline: Option<RecordBatch>,
    /// Frames that were read and are not known to be delivered, oldest first.
    pub pending: VecDeque<PendingFrame>,
}

/// A frame that was read and is not known to be delivered.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingFrame {
    /// Identity, receiver and resource.
    pub meta: FrameMeta,
    /// What was read.
    pub rows: RecordBatch,
}
