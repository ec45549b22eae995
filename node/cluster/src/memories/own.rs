//! What is remembered of the targets of this node: pure but for the queues to the standbys.

use std::collections::{BTreeMap, HashMap};

use arrow_array::RecordBatch;
use ringwatch_frame::{PendingFrame, StreamId, TargetId, TargetMemory, Tick};
use tokio::sync::mpsc;

use super::change::Change;
use super::links::{Due, Links, Stream, Synced};
use super::remembered::{Ended, Gone, Remembered};
use crate::member::{Incarnation, Member};

/// How many targets of its own a node remembers.
const MAX_OWNED: usize = 100_000;

/// All targets of this node, and who stands by for them.
#[derive(Debug, Default)]
pub(super) struct Own {
    targets: HashMap<TargetId, Owned>,
    pub(super) links: Links,
    /// The number of the next pending frame.
    next: u64,
}

#[derive(Debug, Default)]
struct Owned {
    remembered: Remembered,
    /// Not set: only frames are left that are still to be delivered.
    ours: bool,
    synced: Synced,
}

/// An answer, with what must be done when the lock is free.
#[derive(Debug, Default)]
pub(super) struct Told<T> {
    pub(super) value: T,
    /// Frames that fell out of the memory.
    pub(super) lost: usize,
    /// The queue to a standby was full.
    pub(super) overflow: bool,
    /// Dropped when the lock is free, as that may take long.
    _gone: Vec<Gone>,
}

impl Own {
    pub(super) fn recall(&self, target: &TargetId) -> TargetMemory {
        let owned = self.targets.get(target).filter(|owned| owned.ours);
        owned.map_or_else(TargetMemory::new, |owned| owned.remembered.memory(false))
    }

    pub(super) fn owned_count(&self) -> usize {
        self.targets.values().filter(|owned| owned.ours).count()
    }

    /// Gives the number of the frame, where it is pending from here on.
    pub(super) fn collected(
        &mut self,
        frame: PendingFrame,
        baseline: Option<RecordBatch>,
    ) -> Told<Option<u64>> {
        let mut told = Told::default();
        let id = frame.meta.id.clone();
        let Some(owned) = self.targets.get_mut(&id.target).filter(|owned| owned.ours) else {
            return told;
        };
        let remembered = &mut owned.remembered;
        if remembered.last(&id.stream).is_some_and(|last| id.tick < last) {
            told.drop_later(remembered.back(&id.stream, id.tick));
            self.links.renew(&id.target, &mut owned.synced);
        }
        let number = self.next;
        let change = self
            .links
            .listens(&id.target, &owned.synced)
            .then(|| Change::Ended {
                target: id.target.clone(),
                stream: id.stream.clone(),
                tick: id.tick,
                baseline: baseline.clone(),
                frame: Some(frame.clone()),
            });
        match remembered.ended(&id.stream, id.tick, baseline, Some(frame), &mut self.next) {
            Ended::New(gone) => {
                told.drop_later(gone);
                let tell = |change| self.links.tell(&id.target, &owned.synced, || change);
                told.overflow = change.is_some_and(tell);
                told.value = Some(number);
            }
            Ended::Old | Ended::Full => {}
        }
        told
    }

    pub(super) fn missed(&mut self, target: &TargetId, stream: &StreamId, tick: Tick) -> Told<()> {
        let mut told = Told::default();
        let Some(owned) = self.targets.get_mut(target).filter(|owned| owned.ours) else {
            return told;
        };
        if let Ended::New(gone) = owned.remembered.ended(stream, tick, None, None, &mut self.next) {
            told.drop_later(gone);
            told.overflow = self.links.tell(target, &owned.synced, || Change::Ended {
                target: target.clone(),
                stream: stream.clone(),
                tick,
                baseline: None,
                frame: None,
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
        told.overflow = self.links.tell(target, &owned.synced, || Change::Forget {
            target: target.clone(),
            stream: stream.clone(),
        });
        told
    }

    /// The number of a frame that is pending.
    pub(super) fn number(&self, target: &TargetId, stream: &StreamId, tick: Tick) -> Option<u64> {
        self.targets.get(target)?.remembered.number(stream, tick)
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
        let Some(gone) = owned.remembered.settled(stream, tick, Some(number)) else {
            return told;
        };
        told.drop_later(gone);
        if owned.ours {
            told.overflow = self.links.tell(target, &owned.synced, || Change::Settled {
                target: target.clone(),
                stream: stream.clone(),
                tick,
            });
        } else if owned.remembered.is_settled() {
            self.targets.remove(target);
        }
        told
    }

    /// Says whether it can be remembered.
    pub(super) fn own(&mut self, target: &TargetId, memory: TargetMemory) -> Told<bool> {
        let mut told = Told::default();
        if !self.targets.contains_key(target) && self.targets.len() >= MAX_OWNED {
            return told;
        }
        let owned = self.targets.entry(target.clone()).or_default();
        told.drop_later(owned.remembered.renew(memory, &mut self.next));
        owned.ours = true;
        self.links.renew(target, &mut owned.synced);
        told.value = true;
        told
    }

    /// Gives the memory without pending frames.
    pub(super) fn release(&mut self, target: &TargetId) -> Told<TargetMemory> {
        let mut told = Told::default();
        let Some(owned) = self.targets.get_mut(target).filter(|owned| owned.ours) else {
            return told;
        };
        told.overflow = self.links.release(target, &mut owned.synced);
        owned.ours = false;
        told.value = owned.remembered.retire();
        if owned.remembered.is_settled() {
            self.targets.remove(target);
        }
        told
    }

    /// Says whether there are links that need a task.
    pub(super) fn set_heirs(&mut self, heirs: &BTreeMap<TargetId, Member>) -> Told<bool> {
        let mut told = Told::default();
        for target in self.links.changed(heirs) {
            if let Some(owned) = self.targets.get_mut(&target).filter(|owned| owned.ours) {
                told.overflow |= self.links.release(&target, &mut owned.synced);
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
            Some(Due::Snapshot(target)) => {
                if let Some(owned) = self.targets.get_mut(&target).filter(|owned| owned.ours) {
                    owned.synced.on(stream);
                    let memory = owned.remembered.memory(true);
                    place.send(Change::Snapshot { target, memory, view });
                }
            }
        }
        true
    }
}

impl<T> Told<T> {
    fn drop_later(&mut self, gone: Gone) {
        self.lost += gone.lost;
        self._gone.push(gone);
    }
}
