//! Between the collector and the cluster: targets that others own, and what this node does for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use ringwatch_cluster::memories::Memories;
use ringwatch_cluster::node::{Covering, Gate};
use ringwatch_collect::{Cover, Standby, TargetSpec};
use ringwatch_frame::{Epoch, FrameMeta, Receipt, StreamId, TargetId, TargetMemory, Tick};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::incidents::Incidents;
use super::share::Share;
use crate::audit::{TickBooks, What};

/// The shadows of targets that others own; the books hear of frames, and people of what is covered.
pub(super) struct InShadows {
    pub(super) gate: Arc<Gate>,
    pub(super) memories: Arc<Memories>,
    pub(super) books: Arc<TickBooks>,
    pub(super) incidents: Arc<Incidents>,
}

impl Standby for InShadows {
    fn memory(&self, target: &TargetId) -> TargetMemory {
        self.memories.shadow_memory(target)
    }

    fn lasts(&self, target: &TargetId) -> BTreeMap<StreamId, Tick> {
        self.memories.shadow_lasts(target)
    }

    fn unreachable(&self, target: &TargetId) -> Vec<(StreamId, Tick)> {
        self.memories.unreachable(target)
    }

    fn claim(&self, target: &TargetId, stream: &StreamId, tick: Tick) -> Option<Epoch> {
        self.memories.claim(target, stream, tick)
    }

    fn covered(
        &self,
        meta: &FrameMeta,
        rows: &RecordBatch,
        baseline: Option<RecordBatch>,
    ) -> Option<Receipt> {
        let receipt = self.memories.covered(meta, rows, baseline)?;
        self.incidents.covered(&meta.id);
        Some(self.books.opened(&meta.id, What::Covered, Some(receipt)))
    }

    fn abandoned(&self, target: &TargetId, stream: &StreamId, tick: Tick) {
        self.memories.abandoned(target, stream, tick);
    }

    fn excused(&self, target: &TargetId, stream: &StreamId, until: Tick) {
        self.memories.excused(target, stream, until);
    }

    fn stands_by(&self, target: &TargetId) -> bool {
        self.gate.stands_by(target)
    }
}

/// The targets that this node stands by for, with what is configured of them, as both change.
pub(super) fn follow_covers(
    mut covering: watch::Receiver<Arc<[Covering]>>,
    share: &Share,
) -> (watch::Receiver<Arc<[Cover]>>, AbortOnDropHandle<()>) {
    let (mut configured, spec) = (share.ids(), share.specs());
    let first = covers(&covering.borrow_and_update(), &spec);
    let (told, receiver) = watch::channel(first);
    let follow = tokio::spawn(async move {
        loop {
            let changed = tokio::select! {
                changed = covering.changed() => changed,
                changed = configured.changed() => changed,
            };
            if changed.is_err() {
                return;
            }
            let now = covers(&covering.borrow_and_update(), &spec);
            told.send_replace(now);
        }
    });
    (receiver, AbortOnDropHandle::new(follow))
}

/// What nothing here names is not covered.
fn covers(covering: &[Covering], spec: impl Fn(&TargetId) -> Option<Arc<TargetSpec>>) -> Arc<[Cover]> {
    let covers = covering.iter().filter_map(|one| {
        Some(Cover {
            target: spec(&one.target)?,
            owner: one.owner.to_string(),
        })
    });
    covers.collect()
}
