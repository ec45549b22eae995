//! What is remembered of targets, beyond the life of their lanes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arrow_array::RecordBatch;
use ringwatch_frame::{FrameId, FrameMeta, Receipt, StreamId, TargetId, TargetMemory, Tick};

use crate::ownership::{Reach, Succession};

/// Keeps in memory what it is told.
#[derive(Default)]
pub(crate) struct Keeper {
    memory: Mutex<BTreeMap<TargetId, TargetMemory>>,
    collected: Mutex<Vec<FrameId>>,
    forgotten: Mutex<Vec<StreamId>>,
    /// Frames that have ended.
    pub(super) ended: Arc<AtomicUsize>,
}

impl Keeper {
    pub(super) fn has_collected(&self, id: &FrameId) -> bool {
        self.collected.lock().unwrap().last() == Some(id)
    }

    pub(super) fn forgotten(&self) -> Vec<StreamId> {
        self.forgotten.lock().unwrap().clone()
    }

    /// The last tick of a stream that ended.
    pub(super) fn last(&self, target: &TargetId, stream: &StreamId) -> Option<Tick> {
        self.change(target, |memory| memory.get(stream)?.last)
    }

    /// Looks at what is remembered of a target, or changes it.
    pub(super) fn change<T>(&self, target: &TargetId, change: impl FnOnce(&mut TargetMemory) -> T) -> T {
        change(self.memory.lock().unwrap().entry(target.clone()).or_default())
    }
}

impl Succession for Keeper {
    fn recall(&self, target: &TargetId) -> TargetMemory {
        self.change(target, |memory| memory.clone())
    }

    fn collected(&self, meta: &FrameMeta, _: &RecordBatch, baseline: Option<RecordBatch>) -> Option<Receipt> {
        self.collected.lock().unwrap().push(meta.id.clone());
        self.change(&meta.id.target, |memory| {
            let stream = memory.entry(meta.id.stream.clone()).or_default();
            stream.last = Some(meta.id.tick);
            stream.baseline = baseline;
        });
        let ended = Arc::clone(&self.ended);
        Some(Receipt::new(move || {
            ended.fetch_add(1, Ordering::Relaxed);
        }))
    }

    fn missed(&self, target: &TargetId, stream: &StreamId, tick: Tick, _: Reach) {
        self.change(target, |memory| {
            memory.entry(stream.clone()).or_default().last = Some(tick);
        });
    }

    fn forget(&self, target: &TargetId, stream: &StreamId) {
        self.forgotten.lock().unwrap().push(stream.clone());
        self.change(target, |memory| memory.remove(stream));
    }
}
