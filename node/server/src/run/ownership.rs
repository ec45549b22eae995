//! Between the collector and the cluster: who may read, and what is remembered.

use std::sync::Arc;

use arrow_array::RecordBatch;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use ringwatch_cluster::memories::Memories;
use ringwatch_cluster::node::{Gate, GateRefusal, May};
use ringwatch_collect::{Late, Ownership, Reach, Refusal, Succession};
use ringwatch_frame::{Epoch, FrameMeta, Receipt, StreamId, StreamMemory, TargetId, TargetMemory, Tick};

use crate::audit::{TickBooks, What};

/// The cluster says who may read a target.
pub(super) struct ByGate {
    pub(super) gate: Arc<Gate>,
    pub(super) memories: Arc<Memories>,
    pub(super) may: May,
}

impl Ownership for ByGate {
    fn ask(&self, target: &TargetId, stream: &StreamId, tick: Tick) -> Result<Epoch, Refusal> {
        let epoch = self.gate.ask(target).map_err(|refusal| match refusal {
            GateRefusal::NotOwned => Refusal::NotOwned,
            GateRefusal::Unsure => Refusal::Unsure,
        })?;
        // The standby is just reading a tick of it, and our next delta begins where that reading ends.
        if self.memories.awaits(target, stream, tick) {
            return Err(Refusal::Unsure);
        }
        Ok(epoch)
    }

    fn holds(&self, target: &TargetId) -> bool {
        self.gate.holds(target)
    }

    fn late(&self, target: &TargetId, stream: &StreamId, tick: Tick) -> BoxFuture<'_, Late> {
        let answer = self.may.ask(target, stream, tick);
        let late = |go_on| if go_on { Late::GoOn } else { Late::Covered };
        answer.map(late).boxed()
    }
}

/// The cluster keeps what is remembered of targets, here and with the standby; the books hear of frames.
pub(super) struct InMemories {
    pub(super) memories: Arc<Memories>,
    pub(super) books: Arc<TickBooks>,
}

impl Succession for InMemories {
    fn recall(&self, target: &TargetId) -> TargetMemory {
        self.memories.recall(target)
    }

    fn rebase(&self, target: &TargetId, stream: &StreamId) -> Option<StreamMemory> {
        self.memories.rebase(target, stream)
    }

    fn collected(
        &self,
        meta: &FrameMeta,
        rows: &RecordBatch,
        baseline: Option<RecordBatch>,
    ) -> Option<Receipt> {
        let receipt = self.memories.collected(meta, rows, baseline);
        Some(self.books.opened(&meta.id, What::Collected, receipt))
    }

    fn missed(&self, target: &TargetId, stream: &StreamId, tick: Tick, reach: Reach) {
        self.memories
            .missed(target, stream, tick, reach == Reach::Unreachable);
    }

    fn leaves(&self, target: &TargetId, stream: &StreamId, tick: Tick) -> bool {
        self.memories.leaves(target, stream, tick)
    }

    fn read_elsewhere(&self, target: &TargetId, stream: &StreamId, tick: Tick) {
        self.memories.read_elsewhere(target, stream, tick);
    }

    fn forget(&self, target: &TargetId, stream: &StreamId) {
        self.memories.forget(target, stream);
        self.books.closed(target, stream);
    }
}
