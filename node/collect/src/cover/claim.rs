//! A claimed tick, which is read or given back.

use std::sync::Arc;

use arrow_array::RecordBatch;
use ringwatch_frame::{Epoch, FrameMeta, Receipt, StreamId, TargetId, Tick};

use super::Standby;

/// A tick that is this node's to read. Where its reading is not told, the claim is given back when this is dropped.
pub(super) struct Claim {
    standby: Arc<dyn Standby>,
    target: TargetId,
    stream: StreamId,
    tick: Tick,
    /// Under which it is read.
    pub(super) epoch: Epoch,
    told: bool,
}

impl Claim {
    /// Claims a tick, if it can be had.
    pub(super) fn of(
        standby: &Arc<dyn Standby>,
        target: &TargetId,
        stream: &StreamId,
        tick: Tick,
    ) -> Option<Self> {
        let epoch = standby.claim(target, stream, tick)?;
        Some(Self {
            standby: Arc::clone(standby),
            target: target.clone(),
            stream: stream.clone(),
            tick,
            epoch,
            told: false,
        })
    }

    /// It was read. `None`: the reading does not count any more.
    pub(super) fn covered(
        mut self,
        meta: &FrameMeta,
        rows: &RecordBatch,
        baseline: Option<RecordBatch>,
    ) -> Option<Receipt> {
        self.told = true;
        self.standby.covered(meta, rows, baseline)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.told {
            self.standby.abandoned(&self.target, &self.stream, self.tick);
        }
    }
}
