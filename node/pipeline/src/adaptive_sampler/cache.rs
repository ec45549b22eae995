//! What is remembered of fingerprints, in the order in which they were seen.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::entry::Entry;

const NONE: u32 = u32::MAX;

struct Slot {
    key: u64,
    entry: Entry,
    newer: u32,
    older: u32,
}

/// Keys are hashes already.
#[derive(Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// How tables are made whose keys are hashes.
pub(super) type ByHash = BuildHasherDefault<AsItIs>;

/// The entries by key, in the order in which they were seen.
#[derive(Default)]
pub(super) struct Cache {
    places: HashMap<u64, u32, ByHash>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    ends: Ends,
}

/// The two ends of the order.
struct Ends {
    newest: u32,
    oldest: u32,
}

impl Default for Ends {
    fn default() -> Self {
        Self {
            newest: NONE,
            oldest: NONE,
        }
    }
}

impl Cache {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The entry of `key`, if there is one. It does not become newer by that.
    pub(super) fn get(&self, key: u64) -> Option<&Entry> {
        let place = *self.places.get(&key)?;
        self.slots.get(place as usize).map(|slot| &slot.entry)
    }

    /// The entry of `key`, which is now the newest, and whether it was there.
    pub(super) fn touch(&mut self, key: u64) -> (&mut Entry, bool) {
        let (place, was_there) = match self.places.get(&key) {
            Some(place) => {
                let place = *place;
                if place != self.ends.newest {
                    self.unlink(place);
                    self.link(place);
                }
                (place, true)
            }
            None => (self.insert(key), false),
        };
        (&mut self.slots[place as usize].entry, was_there)
    }

    /// Forgets what was seen more than `ttl` before `now`, or after it, both in nanoseconds. Says how many
    /// those were.
    pub(super) fn forget_old(&mut self, now: i64, ttl: u64) -> usize {
        let before = self.len();
        while let Some(slot) = self.slots.get(self.ends.oldest as usize) {
            if now.abs_diff(slot.entry.seen) <= ttl {
                break;
            }
            self.forget_oldest();
        }
        before - self.len()
    }

    /// All entries, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, Entry)> {
        let oldest = self.slots.get(self.ends.oldest as usize);
        std::iter::successors(oldest, |slot| self.slots.get(slot.newer as usize))
            .map(|slot| (slot.key, slot.entry))
    }

    /// How many places there are, with those that are free.
    pub(super) fn places(&self) -> usize {
        self.slots.len()
    }

    /// The entries in the next `places` places from `from` on, which is moved to where the next turn begins.
    pub(super) fn turn(&self, from: &mut usize, places: usize) -> impl Iterator<Item = (u64, Entry)> {
        let all = self.slots.len().max(1);
        let first = *from % all;
        let places = places.min(self.slots.len());
        *from = (first + places) % all;
        let turn = (first..first + places).map(move |at| at % all);
        turn.filter_map(|at| {
            let slot = self.slots.get(at)?;
            let is_taken = self
                .places
                .get(&slot.key)
                .is_some_and(|place| *place as usize == at);
            is_taken.then_some((slot.key, slot.entry))
        })
    }

    /// The entry that was not seen for the longest time.
    pub(super) fn oldest(&self) -> Option<&Entry> {
        self.slots.get(self.ends.oldest as usize).map(|slot| &slot.entry)
    }

    /// The entry of `key` without making it newer; one that was not there is the oldest.
    pub(super) fn put(&mut self, key: u64, entry: Entry) {
        let place = match self.places.get(&key) {
            Some(place) => *place,
            None => {
                let place = self.insert(key);
                self.unlink(place);
                self.link_oldest(place);
                place
            }
        };
        if let Some(slot) = self.slots.get_mut(place as usize) {
            slot.entry = entry;
        }
    }

    fn insert(&mut self, key: u64) -> u32 {
        let slot = Slot {
            key,
            entry: Entry {
                seen: i64::MIN,
                now: 0,
                before: 0,
            },
            newer: NONE,
            older: NONE,
        };
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place as usize] = slot;
                place
            }
            None => {
                self.slots.push(slot);
                u32::try_from(self.slots.len() - 1).unwrap_or(NONE)
            }
        };
        self.places.insert(key, place);
        self.link(place);
        place
    }

    /// Forgets the entry that was not seen for the longest time.
    pub(super) fn forget_oldest(&mut self) {
        let place = self.ends.oldest;
        let Some(slot) = self.slots.get(place as usize) else {
            return;
        };
        self.places.remove(&slot.key);
        self.unlink(place);
        self.free.push(place);
    }

    fn unlink(&mut self, place: u32) {
        let (newer, older) = {
            let slot = &self.slots[place as usize];
            (slot.newer, slot.older)
        };
        match self.slots.get_mut(newer as usize) {
            Some(slot) => slot.older = older,
            None => self.ends.newest = older,
        }
        match self.slots.get_mut(older as usize) {
            Some(slot) => slot.newer = newer,
            None => self.ends.oldest = newer,
        }
    }

    fn link_oldest(&mut self, place: u32) {
        let oldest = self.ends.oldest;
        match self.slots.get_mut(oldest as usize) {
            Some(slot) => slot.older = place,
            None => self.ends.newest = place,
        }
        let slot = &mut self.slots[place as usize];
        (slot.older, slot.newer) = (NONE, oldest);
        self.ends.oldest = place;
    }

    fn link(&mut self, place: u32) {
        let newest = self.ends.newest;
        match self.slots.get_mut(newest as usize) {
            Some(slot) => slot.newer = place,
            None => self.ends.oldest = place,
        }
        let slot = &mut self.slots[place as usize];
        (slot.older, slot.newer) = (newest, NONE);
        self.ends.newest = place;
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
