//! Series by key, in the order in which they were seen; no more than fit.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

const NONE: u32 = u32::MAX;

/// Keys are hashes already.
#[derive(Clone, Copy, Default)]
pub(crate) struct AsItIs(u64);

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

    fn write_u128(&mut self, key: u128) {
        self.0 = u64::try_from(key & u128::from(u64::MAX)).unwrap_or(0);
    }
}

/// What is known by key. What was not seen for the longest time makes room.
pub(crate) struct Lru<T> {
    places: HashMap<u64, u32, BuildHasherDefault<AsItIs>>,
    slots: Vec<Slot<T>>,
    limit: usize,
    newest: u32,
    oldest: u32,
}

struct Slot<T> {
    key: u64,
    newer: u32,
    older: u32,
    value: T,
}

impl<T: Default> Lru<T> {
    /// Room for `limit` entries, at least one.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            places: HashMap::default(),
            slots: Vec::new(),
            limit: limit.clamp(1, NONE as usize - 1),
            newest: NONE,
            oldest: NONE,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// All values, in no order.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().map(|slot| &mut slot.value)
    }

    /// The entry of `key`, which is the newest from now on. One that was not there is the default.
    pub(crate) fn touch(&mut self, key: u64) -> &mut T {
        let known = self.places.get(&key).copied();
        let place = known.unwrap_or_else(|| self.room(key));
        if place != self.newest {
            self.unlink(place);
            self.link(place);
        }
        &mut self.slots[place as usize].value
    }

    /// A place for `key`, which is linked somewhere.
    fn room(&mut self, key: u64) -> u32 {
        let place = if self.slots.len() < self.limit {
            self.slots.push(Slot {
                key,
                newer: NONE,
                older: NONE,
                value: T::default(),
            });
            let place = u32::try_from(self.slots.len() - 1).unwrap_or(NONE);
            self.link(place);
            place
        } else {
            let place = self.oldest;
            let slot = &mut self.slots[place as usize];
            self.places.remove(&slot.key);
            slot.key = key;
            slot.value = T::default();
            place
        };
        self.places.insert(key, place);
        place
    }

    fn unlink(&mut self, place: u32) {
        let slot = &self.slots[place as usize];
        let (newer, older) = (slot.newer, slot.older);
        match self.slots.get_mut(newer as usize) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
        match self.slots.get_mut(older as usize) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
    }

    fn link(&mut self, place: u32) {
        let newest = self.newest;
        match self.slots.get_mut(newest as usize) {
            Some(slot) => slot.newer = place,
            None => self.oldest = place,
        }
        let slot = &mut self.slots[place as usize];
        (slot.older, slot.newer) = (newest, NONE);
        self.newest = place;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_seen_for_the_longest_time_makes_room() {
        let mut lru: Lru<u32> = Lru::new(3);
        for key in [1, 2, 3, 1, 4] {
            *lru.touch(key) += 1;
        }
        assert_eq!(lru.len(), 3);
        assert_eq!((*lru.touch(1), *lru.touch(3), *lru.touch(4)), (2, 1, 1));
        assert_eq!(*lru.touch(2), 0, "2 made room for 4");
        assert_eq!(*lru.touch(1), 0, "1 was then the oldest");
        let mut one: Lru<u32> = Lru::new(0);
        for key in 0..5 {
            *one.touch(key) += 1;
        }
        assert_eq!((one.len(), *one.touch(4)), (1, 1));
    }
}
