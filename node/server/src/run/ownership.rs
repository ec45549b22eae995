//! Between the collector and the cluster: who may read, and what is remembered.

use std::sync::Arc;

use arrow_array::RecordBatch;
use ringwatch_cluster::memories::Memories;
use ringwatch_cluster::node::{Gate, GateRefusal};
use ringwatch_collect::{Ownership, Refusal, Succession};
use ringwatch_frame::{Epoch, FrameMeta, Receipt, StreamId, TargetId, TargetMemory, Tick};

/// The cluster says who may read a target.
pub(super) struct ByGate(pub(super) Arc<Gate>);

impl Ownership for ByGate {
    fn ask(&self, target: &TargetId, _: &StreamId, _: Tick) -> Result<Epoch, Refusal> {
        self.0.ask(target).map_err(|refusal| match refusal {
            GateRefusal::NotOwned => Refusal::NotOwned,
            GateRefusal::Unsure => Refusal::Unsure,
        })
    }

    fn holds(&self, target: &TargetId) -> bool {
        self.0.holds(target)
    }
}

/// The cluster keeps what is remembered of targets, here and with the standby.
pub(super) struct InMemories(pub(super) Arc<Memories>);

impl Succession for InMemories {
    fn recall(&self, target: &TargetId) -> TargetMemory {
        self.0.recall(target)
    }

    fn collected(
        &self,
        meta: &FrameMeta,
        rows: &RecordBatch,
        baseline: Option<RecordBatch>,
    ) -> Option<Receipt> {
        self.0.collected(meta, rows, baseline)
    }

    fn missed(&self, target: &TargetId, stream: &StreamId, tick: Tick) {
        self.0.missed(target, stream, tick);
    }

    fn forget(&self, target: &TargetId, stream: &StreamId) {
        self.0.forget(target, stream);
    }
}
