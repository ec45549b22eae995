//! What was seen recently: bounded, the least recently seen is forgotten first.

use super::cache::Cache;
use super::entry::Entry;
use super::fingerprint::is_whole_row;

/// What an entry takes at most, with its share of the tables' room to grow, in bytes.
pub(super) const ENTRY_BYTES: u64 = 128;
/// More entries cannot be numbered.
const MOST: usize = 1 << 30;

/// The fingerprints that are remembered. Rows that are only known as a whole are forgotten before any other:
/// their numbers change with every reading, and they would drive out the rest.
pub(super) struct Recent {
    limit: usize,
    kinds: Cache,
    rows: Cache,
}

impl Recent {
    /// Room for `limit` entries, at least one.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit: limit.clamp(1, MOST),
            kinds: Cache::default(),
            rows: Cache::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.kinds.len() + self.rows.len()
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Makes it smaller or larger. What is over the new limit is forgotten.
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit.clamp(1, MOST);
        self.make_room(0);
    }

    /// The entry of `key`, if there is one. It does not become newer by that.
    pub(super) fn get(&self, key: u64) -> Option<&Entry> {
        if is_whole_row(key) {
            self.rows.get(key)
        } else {
            self.kinds.get(key)
        }
    }

    /// The entry of `key`, which is now the newest, and whether it was there.
    pub(super) fn touch(&mut self, key: u64) -> (&mut Entry, bool) {
        if is_whole_row(key) {
            if self.len() >= self.limit && self.rows.get(key).is_none() {
                self.rows.forget_oldest();
                self.make_room(1);
            }
            self.rows.touch(key)
        } else {
            if self.len() >= self.limit && self.kinds.get(key).is_none() {
                self.make_room(1);
            }
            self.kinds.touch(key)
        }
    }

    /// Takes over what another node has seen, as the oldest. What was seen later is kept and not driven out.
    pub(super) fn adopt(&mut self, key: u64, entry: Entry) {
        if is_whole_row(key) || self.kinds.get(key).is_some_and(|known| known.seen >= entry.seen) {
            return;
        }
        if self.kinds.get(key).is_none() && self.len() >= self.limit {
            let is_older = |oldest: &Entry| oldest.seen >= entry.seen;
            if self.rows.len() == 0 && self.kinds.oldest().is_some_and(is_older) {
                return;
            }
            self.make_room(1);
        }
        self.kinds.put(key, entry);
    }

    /// Those that are not known as whole rows only.
    pub(super) fn kinds(&self) -> &Cache {
        &self.kinds
    }

    /// Forgets what was seen more than `ttl` before `now`, or after it, both in nanoseconds.
    pub(super) fn forget_old(&mut self, now: i64, ttl: u64) {
        self.kinds.forget_old(now, ttl);
        self.rows.forget_old(now, ttl);
    }

    /// All entries, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, Entry)> {
        self.kinds.iter().chain(self.rows.iter())
    }

    fn make_room(&mut self, entries: usize) {
        while self.len() + entries > self.limit && self.len() > 0 {
            if self.rows.len() > 0 {
                self.rows.forget_oldest();
            } else {
                self.kinds.forget_oldest();
            }
        }
    }
}

#[cfg(test)]
#[path = "recent_tests.rs"]
mod tests;
