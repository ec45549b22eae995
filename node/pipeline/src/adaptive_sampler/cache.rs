//! What is remembered of fingerprints, in the order in which they were seen.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

const NONE: u32 = u32::MAX;

/// What is remembered of one fingerprint of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The tick of its last row.
    pub(super) seen: i64,
    /// The rules that its rows of that tick matched, one bit each.
    pub(super) now: u64,
    /// The same of the tick before.
    pub(super) before: u64,
}

impl Entry {
    /// Notes a row of `tick` that matched `rule`. Says whether no row of the tick before did.
    pub(super) fn note(&mut self, tick: i64, rule: u8) -> bool {
        if tick != self.seen {
            self.before = self.now;
            self.now = 0;
            self.seen = tick;
        }
        let bit = 1_u64.checked_shl(u32::from(rule)).unwrap_or(0);
        self.now |= bit;
        self.before & bit == 0
    }

    /// The first of the rules that matched last.
    pub(super) fn rule(&self) -> u8 {
        let rules = if self.now == 0 { self.before } else { self.now };
        u8::try_from(rules.trailing_zeros()).unwrap_or(u8::MAX)
    }
}

struct Slot {
    key: u64,
    entry: Entry,
    newer: u32,
    older: u32,
}

/// Keys are hashes already.
#[derive(Default)]
struct AsItIs(u64);

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

/// The entries by key, in the order in which they were seen.
#[derive(Default)]
pub(super) struct Cache {
    places: HashMap<u64, u32, BuildHasherDefault<AsItIs>>,
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
