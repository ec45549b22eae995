//! What is remembered of targets: by their owner, and by who stands by for it.
//!
//! The collector tells what it read and missed; that is remembered here, and told to the heir of the target,
//! if there is one. Nobody waits for that: locks are held for moments, columns are shared and never copied,
//! and a standby that does not keep up is given up and begins anew with snapshots.
//!
//! A frame that was read stays this node's to deliver, also when its target has gone to another node
//! meanwhile. But it may leave only when the standby has said that it has not read the same tick itself
//! ([`Memories::clearance`]): the standby reads what the owner does not ([`Memories::claim`]), and of two
//! readings of one tick one counts.

mod bounds;
mod change;
mod clearing;
mod links;
mod meters;
mod own;
mod remembered;
mod shadows;
mod standby;
mod waits;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use arrow_array::RecordBatch;
use prometheus::Registry;
use ringwatch_frame::{FrameId, FrameMeta, PendingFrame, Receipt, StreamId, TargetId, TargetMemory, Tick};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

pub use self::change::{Change, CoverWord, EndedTick, Leave, Word};
pub(crate) use self::links::Stream;
use self::meters::Meters;
pub(crate) use self::meters::Reset;
pub(crate) use self::own::Parting;
use self::own::{Missed, Own, Runs, Told};
use self::shadows::{Shadows, TakenOver};
pub use self::standby::Witness;
pub use self::waits::Clearance;
use crate::member::{Incarnation, Member};
use crate::peer::Refused;
use crate::pulse::Pulse;

use self::remembered::Entry;
pub(crate) use self::remembered::{MAX_FRAMES, MAX_STREAMS};

/// The reading of a standby lasts no longer than this, for the owner that waits for it.
const READING: Duration = Duration::from_secs(1);

/// How a target of ours and its heir are tied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tie {
    /// It has no heir that answers, or is not ours.
    Alone,
    /// Its heir has said that it knows all.
    Synced,
    /// Its heir has not said so yet.
    Waits,
    /// The link to its heir has been down for so long.
    Down(Duration),
}

/// The memories of a node: of its own targets, and the shadows of those of others.
#[derive(Debug)]
pub struct Memories {
    own: Mutex<Own>,
    shadows: Mutex<Shadows>,
    /// Told when a link needs a task.
    fresh: Notify,
    /// The number of our view, and our epoch: never lower than that.
    view: AtomicU64,
    epoch: AtomicU64,
    /// The highest epoch that owners told us.
    heard: AtomicU64,
    /// Says whether this node runs; without one it always does.
    pulse: OnceLock<Arc<Pulse>>,
    witness: OnceLock<Arc<dyn Witness>>,
    meters: Meters,
}

impl Memories {
    /// Memories of nothing.
    ///
    /// # Errors
    /// When `registry` has their metrics already.
    pub fn new(registry: &Registry) -> prometheus::Result<Arc<Self>> {
        let (meters, [own, shadows]) = Meters::register(registry)?;
        Ok(Arc::new(Self {
            own: Mutex::new(Own::new(own)),
            shadows: Mutex::new(Shadows::new(shadows)),
            fresh: Notify::new(),
            view: AtomicU64::new(0),
            epoch: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            pulse: OnceLock::new(),
            witness: OnceLock::new(),
            meters,
        }))
    }

    /// What is remembered of a target of ours, without pending frames; nothing if it is not ours.
    pub fn recall(&self, target: &TargetId) -> TargetMemory {
        self.lock().recall(target)
    }

    /// A tick of a target of ours was read, and its heir is told. `baseline` is the new one; without one the
    /// last stays. The frame is pending until the receipt is dropped. There is no receipt for a target that
    /// is not ours, for a tick that has ended before, and where too many streams are remembered already.
    ///
    /// A tick before the last one means that the clock was set back: the stream goes on from there.
    pub fn collected(
        self: &Arc<Self>,
        meta: &FrameMeta,
        rows: &RecordBatch,
        baseline: Option<RecordBatch>,
    ) -> Option<Receipt> {
        let frame = PendingFrame {
            meta: meta.clone(),
            rows: rows.clone(),
        };
        let runs = self.runs();
        let collected = self.lock().collected(frame, baseline, runs);
        let entry = self.told(collected)?;
        Some(self.receipt_of(&meta.id, entry))
    }

    /// A receipt for a frame that a dead owner had read and that is pending here since its target was
    /// [owned](Self::own). Whoever delivers the frame gives it this receipt. `None`: the frame is not
    /// pending.
    pub fn receipt(self: &Arc<Self>, id: &FrameId) -> Option<Receipt> {
        let entry = self.lock().pending(id)?;
        Some(self.receipt_of(id, entry))
    }

    /// A tick of a target of ours was missed, for a reason that is counted. `unreachable`: because the target
    /// could not be reached from here; its standby tries it.
    pub fn missed(&self, target: &TargetId, stream: &StreamId, tick: Tick, unreachable: bool) {
        let why = if unreachable {
            Missed::Unreachable
        } else {
            Missed::Here
        };
        let missed = self.lock().missed(target, stream, tick, why);
        self.told(missed);
    }

    /// Whether a tick that another node seems to have read is left to that one. `false`: it was told from here that its
    /// reading does not count. What is said first stays.
    pub fn leaves(&self, target: &TargetId, stream: &StreamId, tick: Tick) -> bool {
        self.shadows().leave(target, stream, tick)
    }

    /// As [`missed`](Self::missed), because another node read it, or may have: its session had the target's
    /// lock until then. Nobody knows up to where it counted, so the stream begins a baseline anew.
    pub fn read_elsewhere(&self, target: &TargetId, stream: &StreamId, tick: Tick) {
        let missed = self.lock().missed(target, stream, tick, Missed::ReadElsewhere);
        self.told(missed);
    }

    /// A stream of a target of ours is gone: its database was dropped. What was read of it is still
    /// delivered.
    pub fn forget(&self, target: &TargetId, stream: &StreamId) {
        let forgotten = self.lock().forget(target, stream);
        self.told(forgotten);
    }

    /// The target is ours from here on, and goes on from `memory`. Pending frames in it are ours to deliver,
    /// each with its [receipt](Self::receipt); those that we have read ourselves before, and not delivered
    /// yet, stay pending too.
    pub fn own(&self, target: &TargetId, mut memory: TargetMemory) {
        // What its owner before us said is of no use any more, and must not be taken for its last word later.
        let old = self.shadows().end_cover(target, &mut memory);
        drop(old);
        let owned = self.lock().own(target, memory);
        if !self.told(owned) {
            tracing::warn!(%target, "too many targets: a successor would not know where to go on");
        }
    }

    /// The target was handed to another node; its heir is told to forget it, so whoever goes on must have the
    /// memory by then. Gives the memory without pending frames: these stay ours to deliver.
    pub fn release(&self, target: &TargetId) -> TargetMemory {
        self.part(target, Parting::Handed)
    }

    /// As [`release`](Self::release), with what becomes of frames of the target that wait for a word.
    pub(crate) fn part(&self, target: &TargetId, parting: Parting) -> TargetMemory {
        let released = self.lock().release(target, parting, Instant::now());
        self.tell_pulse();
        self.told(released)
    }

    /// The targets that are ours.
    pub fn owned_count(&self) -> usize {
        self.lock().owned_count()
    }

    /// Who stands by for which target. Cheap where nothing changes; targets that are not ours yet may be
    /// among them.
    pub fn set_heirs(&self, heirs: &BTreeMap<TargetId, Member>) {
        let changed = self.lock().set_heirs(heirs);
        if self.told(changed) {
            self.fresh.notify_one();
        }
    }

    /// What the owner of `target` told us before it died, with the frames that it has not delivered; it is
    /// ours to go on from, and not a shadow any more. `None` while its owner is `alive`, and where there is
    /// no shadow.
    pub fn take_shadow(
        &self,
        target: &TargetId,
        alive: &dyn Fn(&Incarnation) -> bool,
    ) -> Option<TargetMemory> {
        self.shadows()
            .take(target, alive, self.epoch.load(Ordering::Relaxed))
    }

    /// As [`take_shadow`](Self::take_shadow), but the shadow stays: for a node that asks what we know.
    pub fn shadow(&self, target: &TargetId, alive: &dyn Fn(&Incarnation) -> bool) -> Option<TargetMemory> {
        self.shadows().get(target, alive)
    }

    /// Whether [`take_shadow`](Self::take_shadow) would give a memory.
    pub fn has_shadow(&self, target: &TargetId, alive: &dyn Fn(&Incarnation) -> bool) -> bool {
        self.shadows().has(target, alive)
    }

    /// What `from` says of a target that it owns. Words of a life before the one that we know, and changes of
    /// a target of which `from` has given no snapshot, change nothing.
    ///
    /// # Errors
    /// When a snapshot was taken under an older view than ours.
    pub fn shadowed(&self, from: &Incarnation, change: Change) -> Result<(), Refused> {
        let epoch = match &change {
            Change::Snapshot { view, .. } => {
                let mine = self.view.load(Ordering::Relaxed);
                // One that says nothing of it has none yet.
                if (1..mine).contains(view) {
                    return Err(Refused::Stale { view: mine });
                }
                *view
            }
            Change::Ended { ended, .. } => {
                let frame = ended.frame.as_ref();
                frame.map_or(0, |frame| frame.meta.id.epoch.0)
            }
            _ => 0,
        };
        self.heard.fetch_max(epoch, Ordering::Relaxed);
        let gone = self.shadows().take_in(from, change);
        self.testify();
        match gone {
            Ok(gone) => drop(gone),
            Err(TakenOver) => {
                return Err(Refused::Because("this target was taken over meanwhile".into()));
            }
        }
        Ok(())
    }

    /// This node has the view of this number, and acts under this epoch.
    pub(crate) fn set_view(&self, view: u64, epoch: u64) {
        self.view.store(view, Ordering::Relaxed);
        self.epoch.store(epoch, Ordering::Relaxed);
    }

    /// The epoch under which this node acts.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    /// The highest epoch under which owners have read what they told us.
    pub(crate) fn heard_epoch(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// Of how many targets of others we know something.
    pub fn shadow_count(&self) -> usize {
        self.shadows().count()
    }

    /// Drops the shadows that have not been `wanted` for a minute. To be called every few seconds.
    pub fn expire_shadows(&self, wanted: &dyn Fn(&TargetId) -> bool) {
        let gone = self.shadows().expire(Instant::now(), wanted);
        drop(gone);
    }

    fn receipt_of(self: &Arc<Self>, id: &FrameId, entry: Entry) -> Receipt {
        let (memories, id) = (Arc::clone(self), id.clone());
        let Entry { number, withdrawal } = entry;
        let receipt = Receipt::new(move || {
            let settled = memories.lock().settled(&id.target, &id.stream, id.tick, number);
            memories.told(settled);
        });
        receipt.withdrawn_by(withdrawal)
    }

    /// Accounts for what was told, once the lock is free: what is not remembered any more is dropped here.
    fn told<T>(&self, told: Told<T>) -> T {
        if told.overflow {
            self.meters.reset(Reset::Overflow);
        }
        told.value
    }

    /// Whether this node runs, as its pulse says.
    fn runs(&self) -> Runs {
        self.pulse.get().map_or(
            Runs {
                sure: true,
                pauses: 0,
            },
            |pulse| Runs {
                sure: pulse.sure(),
                pauses: pulse.pauses(),
            },
        )
    }

    /// Taken after the lock of the shadows where both are needed.
    fn lock(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shadows(&self) -> MutexGuard<'_, Shadows> {
        self.shadows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The side of the replication.
impl Memories {
    /// The peers whose link has no task yet; waits for one.
    pub(crate) async fn fresh_links(&self) -> Vec<Incarnation> {
        loop {
            let fresh = self.lock().links.fresh();
            if !fresh.is_empty() {
                return fresh;
            }
            self.fresh.notified().await;
        }
    }

    /// Begins a new stream to `peer`. `None`: it stands by for nothing, and its link needs no task any more.
    pub(crate) fn open(&self, peer: &Incarnation) -> Option<Stream> {
        self.lock().open(peer)
    }

    /// Ends the stream to `peer`.
    pub(crate) fn close(&self, peer: &Incarnation) {
        self.lock().links.close(peer);
    }

    /// `peer` has heard all that it was told, and stands by for nothing.
    pub(crate) fn heard(&self, peer: &Incarnation) {
        self.lock().links.heard(peer);
    }

    /// Whether `peer` stands by for nothing, and was told so.
    pub(crate) fn is_idle(&self, peer: &Incarnation) -> bool {
        self.lock().links.idle(peer)
    }

    /// Puts one snapshot that is due into its place in the stream. Says whether there was one.
    pub(crate) fn snapshot(&self, peer: &Incarnation, stream: u64, place: mpsc::Permit<'_, Change>) -> bool {
        let epoch = self.epoch.load(Ordering::Relaxed);
        self.lock().snapshot(peer, stream, place, epoch)
    }

    pub(crate) fn count_reset(&self, reason: Reset) {
        self.meters.reset(reason);
    }
}
