//! What is remembered of the targets of this node: pure but for the queues to the standbys.

mod heard;
mod parting;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use ringwatch_frame::{FrameId, PendingFrame, StreamId, TargetId, TargetMemory, Tick};
use tokio::sync::mpsc;
use tokio::time::Instant;

use self::heard::Heard;
#[cfg(test)]
pub(in crate::memories) use self::parting::LOST;
pub(crate) use self::parting::Parting;
use super::bounds::Bounds;
use super::change::{Change, EndedTick};
use super::links::{Due, Links, Stream, Synced};
use super::remembered::{Ended, Entry, Gone, Remembered};
use super::waits::{Grounds, Heir, Wait, Waits};
use crate::member::{Incarnation, Member};

/// How many targets of its own a node remembers.
const MAX_OWNED: usize = 100_000;
/// A tick that lies so far before one that was covered is that of a clock that was set back.
pub(super) const SET_BACK: Duration = Duration::from_secs(600);

/// All targets of this node, and who stands by for them.
#[derive(Debug)]
pub(super) struct Own {
    bounds: Arc<Bounds>,
    targets: HashMap<TargetId, Owned>,
    pub(super) links: Links,
    pub(super) waits: Waits,
    /// Targets that were lost, and since when: whoever goes on may deliver what it had taken of them.
    undecided: BTreeMap<TargetId, Instant>,
    /// The number of the next pending frame.
    next: u64,
}

#[derive(Debug)]
struct Owned {
    remembered: Remembered,
    /// Not set: only frames are left that are still to be delivered.
    ours: bool,
    synced: Synced,
    /// What is known of covers, by stream.
    heard: BTreeMap<StreamId, Heard>,
    /// When anything of it was read last.
    read_at: Option<Instant>,
    /// When a standby said last that it has covered anything of it.
    covered_at: Option<Instant>,
}

/// Whether this node runs, as its pulse says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Runs {
    pub(super) sure: bool,
    pub(super) pauses: u64,
}

/// Why a tick was missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missed {
    Here,
    /// The target could not be reached.
    Unreachable,
    /// Another node may have read it.
    ReadElsewhere,
}

/// An answer, with what must be done when the lock is free.
#[derive(Debug, Default)]
pub(super) struct Told<T> {
    pub(super) value: T,
    /// The queue to a standby was full.
    pub(super) overflow: bool,
    /// Dropped when the lock is free, as that may take long.
    _gone: Vec<Gone>,
}

/// Whether a tick is so far before another one that the clock must have been set back.
pub(super) fn is_set_back(tick: Tick, before: Tick) -> bool {
    tick.lateness(before) >= SET_BACK
}

impl Owned {
    fn new(bounds: &Arc<Bounds>) -> Self {
        Self {
            remembered: Remembered::within(bounds),
            ours: false,
            synced: Synced::default(),
            heard: BTreeMap::new(),
            read_at: None,
            covered_at: None,
        }
    }
}

impl Own {
    /// Nothing is owned yet.
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds: Arc::new(bounds),
            targets: HashMap::new(),
            links: Links::default(),
            waits: Waits::default(),
            undecided: BTreeMap::new(),
            next: 0,
        }
    }

    /// The lanes of the target begin with this: what they read from now on is based on all that was covered.
    pub(super) fn recall(&mut self, target: &TargetId) -> TargetMemory {
        let Some(owned) = self.targets.get_mut(target).filter(|owned| owned.ours) else {
            return TargetMemory::new();
        };
        owned.heard.values_mut().for_each(Heard::rebase);
        owned.remembered.memory(false)
    }

    pub(super) fn owned_count(&self) -> usize {
        self.targets.values().filter(|owned| owned.ours).count()
    }

    /// `None`: it is not pending from here on.
    pub(super) fn collected(
        &mut self,
        frame: PendingFrame,
        baseline: Option<RecordBatch>,
        runs: Runs,
    ) -> Told<Option<Entry>> {
        let mut told = Told::default();
        let id = frame.meta.id.clone();
        let Some(owned) = self.targets.get_mut(&id.target).filter(|owned| owned.ours) else {
            return told;
        };
        let remembered = &mut owned.remembered;
        let heard = owned.heard.entry(id.stream.clone()).or_default();
        if heard.covers(id.tick) {
            self.waits.refuse(&id);
            return told;
        }
        if remembered.last(&id.stream).is_some_and(|last| id.tick < last) {
            told.drop_later(remembered.back(&id.stream, id.tick));
            *heard = Heard::default();
            self.links.renew(&id.target, &mut owned.synced);
        }
        owned.resolve(&id.target, &id.stream, &mut self.waits);
        let (remembered, heard) = (
            &mut owned.remembered,
            owned.heard.entry(id.stream.clone()).or_default(),
        );
        // A reading that was begun before something was covered has the wrong baseline.
        let grounds = heard.grounds();
        let stale = grounds == Grounds::Stale;
        let baseline = baseline.filter(|_| !stale);
        let number = self.next;
        let change = self
            .links
            .listens(&id.target, &owned.synced)
            .then(|| Change::Ended {
                target: id.target.clone(),
                ended: EndedTick {
                    stream: id.stream.clone(),
                    tick: id.tick,
                    baseline: baseline.clone(),
                    frame: Some(frame.clone()),
                    based: heard.based(),
                    unreachable: false,
                    anew: false,
                },
            });
        let ended = remembered.ended(&id.stream, id.tick, baseline, Some(frame), &mut self.next);
        let Ended::New(gone) = ended else {
            return told;
        };
        told.drop_later(gone);
        owned.read_at = Some(Instant::now());
        let listens = change.is_some();
        heard.read(id.tick, grounds, listens);
        let tell = |change| self.links.tell(&id.target, &owned.synced, || change);
        told.overflow = change.is_some_and(tell);
        told.value = remembered.entry(&id.stream, id.tick);
        self.hold_back(&id, (number, grounds), listens, runs);
        told
    }

    /// Lets a frame wait for the word of its standby, if there is one to wait for.
    fn hold_back(&mut self, id: &FrameId, (number, grounds): (u64, Grounds), listens: bool, runs: Runs) {
        let heir = self.links.heir(&id.target);
        let away = |heir: &Heir| heir.mute || (runs.sure && heir.is_away(Instant::now()));
        if grounds != Grounds::Sure || heir.as_ref().is_some_and(|heir| !away(heir)) {
            let told = heir.filter(|heir| listens && !heir.mute).map(|heir| heir.who);
            self.waits.add(id, Wait::new(number, told, grounds, runs.pauses));
        }
    }

    pub(super) fn missed(
        &mut self,
        target: &TargetId,
        stream: &StreamId,
        tick: Tick,
        why: Missed,
    ) -> Told<()> {
        let mut told = Told::default();
        let Some(owned) = self.targets.get_mut(target).filter(|owned| owned.ours) else {
            return told;
        };
        if let Ended::New(gone) = owned.remembered.ended(stream, tick, None, None, &mut self.next) {
            told.drop_later(gone);
            let (unreachable, anew) = (why == Missed::Unreachable, why == Missed::ReadElsewhere);
            if anew {
                drop(owned.remembered.drop_baseline(stream));
            }
            let heard = owned.heard.entry(stream.clone()).or_default();
            let based = heard.based();
            if unreachable && self.links.listens(target, &owned.synced) {
                heard.unreached(tick);
            }
            told.overflow = self.links.tell(target, &owned.synced, || Change::Ended {
                target: target.clone(),
                ended: EndedTick {
                    stream: stream.clone(),
                    tick,
                    baseline: None,
                    frame: None,
                    based,
                    unreachable,
                    anew,
                },
            });
        }
        told
    }

    pub(super) fn forget(&mut self, target: &TargetId, stream: &StreamId) -> Told<()> {
        let mut told = Told::default();
        let Some(owned) = self.targets.get_mut(target).filter(|owned| owned.ours) else {
            return told;
        };
        told.drop_later(owned.remembered.forget(stream));
        owned.heard.remove(stream);
        told.overflow = self.links.tell(target, &owned.synced, || Change::Forget {
            target: target.clone(),
            stream: stream.clone(),
        });
        told
    }

    /// The number of a frame that is pending, and what takes it back.
    pub(super) fn pending(&self, id: &FrameId) -> Option<Entry> {
        let remembered = &self.targets.get(&id.target)?.remembered;
        remembered.entry(&id.stream, id.tick)
    }

    /// The frame with this number has ended, ours as its target may be or not.
    pub(super) fn settled(
        &mut self,
        target: &TargetId,
        stream: &StreamId,
        tick: Tick,
        number: u64,
    ) -> Told<()> {
        let mut told = Told::default();
        let Some(owned) = self.targets.get_mut(target) else {
            return told;
        };
        let entry = owned.remembered.entry(stream, tick);
        let Some(gone) = owned.remembered.settled(stream, tick, Some(number)) else {
            return told;
        };
        told.drop_later(gone);
        // Whoever delivers what was taken back must not forget it.
        if !entry.is_some_and(|entry| entry.withdrawal.is_withdrawn()) {
            told.overflow = self.links.tell(target, &owned.synced, || Change::Settled {
                target: target.clone(),
                stream: stream.clone(),
                tick,
            });
        }
        if !owned.ours && owned.remembered.is_settled() {
            self.targets.remove(target);
        }
        told
    }

    /// A frame that was read for the owner of its target. `None`: there is no room for it.
    pub(super) fn lodge(&mut self, frame: PendingFrame) -> Told<Option<Entry>> {
        let mut told = Told::default();
        let target = frame.meta.id.target.clone();
        if !self.targets.contains_key(&target) && self.targets.len() >= MAX_OWNED {
            return told;
        }
        let owned = self
            .targets
            .entry(target)
            .or_insert_with(|| Owned::new(&self.bounds));
        let (entry, gone) = owned.remembered.lodge(frame, &mut self.next);
        told.drop_later(gone);
        told.value = entry;
        told
    }

    /// Says whether it can be remembered.
    pub(super) fn own(&mut self, target: &TargetId, memory: TargetMemory) -> Told<bool> {
        let mut told = Told::default();
        if !self.targets.contains_key(target) && self.targets.len() >= MAX_OWNED {
            return told;
        }
        let owned = self
            .targets
            .entry(target.clone())
            .or_insert_with(|| Owned::new(&self.bounds));
        told.drop_later(owned.remembered.renew(memory, &mut self.next));
        owned.ours = true;
        owned.heard.clear();
        // What it has is ours again, and nobody has taken it.
        owned.remembered.untake();
        self.undecided.remove(target);
        self.links.renew(target, &mut owned.synced);
        told.value = true;
        told
    }

    /// Says whether there are links that need a task.
    pub(super) fn set_heirs(&mut self, heirs: &BTreeMap<TargetId, Member>) -> Told<bool> {
        let mut told = Told::default();
        for target in self.links.changed(heirs) {
            if let Some(owned) = self.targets.get_mut(&target).filter(|owned| owned.ours) {
                told.overflow |= self.links.release(&target, &mut owned.synced);
                owned.remembered.untake();
            }
            self.links.disinherit(&target);
        }
        let ours = |target: &TargetId| self.targets.get(target).is_some_and(|owned| owned.ours);
        told.value = self.links.add_heirs(heirs, ours);
        told
    }

    /// All that is remembered of a target.
    #[cfg(test)]
    pub(super) fn whole(&self, target: &TargetId) -> TargetMemory {
        let owned = self.targets.get(target);
        owned.map_or_else(TargetMemory::new, |owned| owned.remembered.memory(true))
    }

    #[cfg(test)]
    pub(super) fn is_ours(&self, target: &TargetId) -> bool {
        self.targets.get(target).is_some_and(|owned| owned.ours)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    pub(super) fn open(&mut self, peer: &Incarnation) -> Option<Stream> {
        let Self { targets, links, .. } = self;
        links.open(peer, |target| targets.get(target).is_some_and(|owned| owned.ours))
    }

    pub(super) fn snapshot(
        &mut self,
        peer: &Incarnation,
        stream: u64,
        place: mpsc::Permit<'_, Change>,
        view: u64,
    ) -> bool {
        match self.links.next(peer, stream) {
            None => return false,
            Some(Due::Release(target)) => place.send(Change::Release(target)),
            Some(Due::Snapshot { target, serial }) => {
                if let Some(owned) = self.targets.get_mut(&target).filter(|owned| owned.ours) {
                    owned.synced.on(stream, serial, self.next);
                    let covers = owned.heard.iter();
                    let covers =
                        covers.filter_map(|(stream, heard)| Some((stream.clone(), heard.adopted()?)));
                    let covers = covers.collect();
                    let waits = self.waits.of(&target);
                    let stale = waits.filter(|(_, _, wait)| wait.grounds == Grounds::Stale);
                    let stale: Vec<_> = stale.map(|(stream, tick, _)| (stream.clone(), tick)).collect();
                    // Its heir could not tell them from what counts.
                    for (stream, tick) in stale {
                        let number = self.waits.decide(&target, &stream, tick, false);
                        drop(owned.remembered.settled(&stream, tick, number));
                    }
                    let memory = owned.remembered.memory(true);
                    for (_, _, wait) in self.waits.of(&target).filter(|_| serial > 0) {
                        wait.told.get_or_insert_with(|| peer.clone());
                    }
                    place.send(Change::Snapshot {
                        target,
                        memory,
                        covers,
                        serial,
                        view,
                    });
                }
            }
        }
        true
    }
}

impl<T> Told<T> {
    fn drop_later(&mut self, gone: Gone) {
        self._gone.push(gone);
    }
}
