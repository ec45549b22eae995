//! The side of the standby: it reads what an owner does not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::RecordBatch;
use ringwatch_frame::{Epoch, FrameMeta, PendingFrame, Receipt, StreamId, TargetId, TargetMemory, Tick};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Change, Leave, Memories, Word};
use crate::member::Incarnation;

/// Sees what owners tell this node of ticks, where that counts.
pub trait Witness: Send + Sync {
    /// An owner has told this: a tick that ended, a frame that was settled, or a stream that is gone. `begins`: a stream
    /// begins, of which the owner had told nothing before; the tick is the one before its first, and was never due. Must
    /// not wait.
    fn told(&self, from: &Incarnation, change: &Change, begins: bool);
}

impl std::fmt::Debug for dyn Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Witness")
    }
}

impl Memories {
    /// What is known of a target that another node owns, without pending frames.
    pub fn shadow_memory(&self, target: &TargetId) -> TargetMemory {
        self.shadows().memory(target)
    }

    /// The last tick of each stream of another node's target that has ended, there or here.
    pub fn shadow_lasts(&self, target: &TargetId) -> BTreeMap<StreamId, Tick> {
        self.shadows().lasts(target)
    }

    /// The ticks that the owner of a target could not read; each is told once.
    pub fn unreachable(&self, target: &TargetId) -> Vec<(StreamId, Tick)> {
        self.shadows().unreachable(target)
    }

    /// This node reads a tick of another node's target from now on, under the epoch of that node; it says
    /// then that it has [`covered`](Self::covered) or [`abandoned`](Self::abandoned) it. `None`: it must not,
    /// because the tick has ended, or the target is not one for which this node stands by.
    pub fn claim(&self, target: &TargetId, stream: &StreamId, tick: Tick) -> Option<Epoch> {
        let runs = self.runs();
        if !runs.sure {
            return None;
        }
        self.shadows().claim(target, stream, tick, runs.pauses).map(Epoch)
    }

    /// A claimed tick was read. `baseline` is the new one, where deltas are made. The frame is this node's to
    /// deliver and pending until the receipt is dropped. `None`: it does not count and must be thrown away,
    /// because this node was paused meanwhile, or stands by no more.
    pub fn covered(
        self: &Arc<Self>,
        meta: &FrameMeta,
        rows: &RecordBatch,
        baseline: Option<RecordBatch>,
    ) -> Option<Receipt> {
        let runs = self.runs();
        let pauses = runs.sure.then_some(runs.pauses);
        let frame = PendingFrame {
            meta: meta.clone(),
            rows: rows.clone(),
        };
        let id = &meta.id;
        // One lock in the other: nobody takes the target over between the two.
        let mut shadows = self.shadows();
        let (counts, gone) = shadows.cover((&id.target, &id.stream, id.tick), baseline, pauses);
        let lodged = counts.then(|| self.lock().lodge(frame));
        drop(shadows);
        drop(gone);
        self.testify();
        let entry = self.told(lodged?);
        Some(entry.map_or_else(|| Receipt::new(|| {}), |entry| self.receipt_of(id, entry)))
    }

    /// Ticks of another node's target up to `until` are its owner's, though it has not told their end: it was at work when
    /// their successor was due.
    pub fn excused(&self, target: &TargetId, stream: &StreamId, until: Tick) {
        let gone = self.shadows().excuse(target, stream, until);
        drop(gone);
    }

    /// A claimed tick was not read.
    pub fn abandoned(&self, target: &TargetId, stream: &StreamId, tick: Tick) {
        self.shadows().abandon(target, stream, tick);
        self.testify();
    }

    /// Lets `witness` see from now on what owners tell. Only the first one is taken.
    pub fn witness(&self, witness: Arc<dyn Witness>) {
        if self.witness.set(witness).is_ok() {
            self.shadows().taken = Some(Vec::new());
        }
    }

    /// A stream of `owner` begins: what it hears on it.
    pub fn listen(&self, owner: &Incarnation) -> mpsc::Receiver<Word> {
        self.shadows().listen(owner)
    }

    /// The owner of a target is late with a tick, and asks whether it may begin it. `known` is the last
    /// covered tick of which it knows, `epoch` its own.
    pub fn may(
        &self,
        from: &Incarnation,
        what: (&TargetId, &StreamId, Tick),
        (known, epoch): (Option<Tick>, u64),
    ) -> Leave {
        self.shadows().may(from, what, (known, epoch))
    }

    /// As [`shadow`](Self::shadow), of whatever owner, for a node that may own the target next: nothing is
    /// covered until it does, or has had the time to.
    pub(crate) fn recall_shadow(&self, target: &TargetId) -> Option<TargetMemory> {
        let memory = self.shadows().recall(target);
        self.testify();
        memory
    }

    /// This node is about to own a target of another: it claims nothing more of it. Says whether what it reads
    /// of it just now should be waited for.
    pub(crate) fn closes(&self, target: &TargetId) -> bool {
        self.shadows().closes(target)
    }

    /// These are the targets for which this node stands by.
    pub(crate) fn set_covers(&self, covers: &BTreeSet<TargetId>) {
        self.shadows().set_covers(covers);
        self.testify();
    }

    /// Whether another node has asked for what is known of a target, to own it, and may be about to: who wants it here
    /// asks first.
    pub(crate) fn is_promised(&self, target: &TargetId) -> bool {
        self.shadows().is_promised(target, Instant::now())
    }

    /// Who owned the target when it told of it last.
    pub(crate) fn shadow_owner(&self, target: &TargetId) -> Option<Incarnation> {
        self.shadows().owner(target).cloned()
    }

    /// Who owns the targets of which this node knows something, and under which epoch.
    pub(crate) fn shadow_owners(&self) -> Vec<(TargetId, Incarnation, u64)> {
        let shadows = self.shadows();
        let owners = shadows.owners();
        owners
            .map(|(target, owner, epoch)| (target.clone(), owner.clone(), epoch))
            .collect()
    }

    /// Shows the witness what was taken in, when the lock is free.
    pub(super) fn testify(&self) {
        let Some(witness) = self.witness.get() else {
            return;
        };
        let taken = self.shadows().taken.as_mut().map(std::mem::take);
        for testimony in taken.unwrap_or_default() {
            witness.told(&testimony.from, &testimony.change, testimony.begins);
        }
    }
}
