//! Which entries there are, and the newest of them themselves.

use std::collections::BTreeMap;

use openraft::RaftLogId;

use crate::group::types::{Entry, LogId};
use crate::store::error::Damage;
use crate::store::{Kv, StoreError, key, record};

/// Up to this size entries stay in memory; older ones are read from the store.
const KEPT_BYTES: usize = 4 << 20;

/// The entries by index.
#[derive(Debug, Default)]
pub(super) struct Entries {
    slots: BTreeMap<u64, Slot>,
    /// Purged but still stored: index and number of parts.
    purged: Vec<(u64, u16)>,
    kept_bytes: usize,
    /// The slots before this index hold no entry.
    kept_from: u64,
}

#[derive(Debug)]
struct Slot {
    id: LogId,
    parts: u16,
    bytes: usize,
    entry: Option<Entry>,
}

/// An entry, or where it is.
pub(super) enum Kept {
    Here(Entry),
    Stored(u64),
}

impl Entries {
    /// Notes an entry that is stored in `parts` parts of `bytes` bytes together.
    pub(super) fn insert(&mut self, entry: Entry, parts: u16, bytes: usize) {
        let id = *entry.get_log_id();
        let slot = Slot {
            id,
            parts,
            bytes,
            entry: Some(entry),
        };
        self.kept_bytes += bytes;
        self.kept_from = self.kept_from.min(id.index);
        if let Some(old) = self.slots.insert(id.index, slot) {
            self.let_go(&old);
        }
        while self.kept_bytes > KEPT_BYTES {
            let mut kept = self.slots.range_mut(self.kept_from..);
            let Some((index, slot)) = kept.next() else { break };
            if *index == id.index {
                break;
            }
            self.kept_from = index + 1;
            if slot.entry.take().is_some() {
                self.kept_bytes = self.kept_bytes.saturating_sub(slot.bytes);
            }
        }
    }

    pub(super) fn first(&self) -> Option<u64> {
        self.slots.keys().next().copied()
    }

    pub(super) fn last(&self) -> Option<LogId> {
        self.slots.values().next_back().map(|slot| slot.id)
    }

    pub(super) fn last_before(&self, index: u64) -> Option<LogId> {
        self.slots.range(..index).next_back().map(|(_, slot)| slot.id)
    }

    /// In how many parts the entry is stored, if it is.
    pub(super) fn parts(&self, index: u64) -> Option<u16> {
        self.slots.get(&index).map(|slot| slot.parts)
    }

    /// Index and number of parts of the entries from `index` on.
    pub(super) fn from(&self, index: u64) -> impl Iterator<Item = (u64, u16)> {
        self.slots
            .range(index..)
            .map(|(index, slot)| (*index, slot.parts))
    }

    /// Removes the entries from `index` on.
    pub(super) fn truncate(&mut self, index: u64) {
        for slot in self.slots.split_off(&index).into_values() {
            self.let_go(&slot);
        }
    }

    /// Moves the entries up to `index` to the purged ones.
    pub(super) fn purge(&mut self, index: u64) {
        let rest = self.slots.split_off(&index.saturating_add(1));
        for (index, slot) in std::mem::replace(&mut self.slots, rest) {
            self.let_go(&slot);
            self.purged.push((index, slot.parts));
        }
    }

    /// What was purged and is still stored.
    pub(super) fn purged(&self) -> impl Iterator<Item = (u64, u16)> {
        self.purged.iter().copied()
    }

    /// The store has no more of what was purged.
    pub(super) fn forget_purged(&mut self) {
        self.purged.clear();
    }

    /// The entries in `from..to`, up to `most` bytes and one more.
    pub(super) fn range(&self, from: u64, to: u64, most: usize) -> Vec<Kept> {
        let mut bytes = 0;
        let mut found = Vec::new();
        if from >= to {
            return found;
        }
        for (index, slot) in self.slots.range(from..to) {
            if bytes >= most {
                break;
            }
            bytes += slot.bytes;
            found.push(slot.entry.clone().map_or(Kept::Stored(*index), Kept::Here));
        }
        found
    }

    fn let_go(&mut self, slot: &Slot) {
        if slot.entry.is_some() {
            self.kept_bytes = self.kept_bytes.saturating_sub(slot.bytes);
        }
    }
}

/// Reads entries from the store, `None` for those that are not there.
pub(super) fn read(kv: &dyn Kv, indexes: &[u64]) -> Result<Vec<Option<Entry>>, StoreError> {
    let read = |index: &u64| {
        let stored = record::read(kv, &key::log_key(*index))?;
        stored.map(|stored| decode(*index, &stored.value)).transpose()
    };
    indexes.iter().map(read).collect()
}

/// An entry of stored bytes.
pub(crate) fn decode(index: u64, bytes: &[u8]) -> Result<Entry, StoreError> {
    let entry: Entry = postcard::from_bytes(bytes).map_err(|error| damaged(index, &error.to_string()))?;
    if entry.log_id.index != index {
        return Err(damaged(index, "says another index"));
    }
    Ok(entry)
}

pub(super) fn damaged(index: u64, what: &str) -> StoreError {
    StoreError::damaged(Damage::Log, format!("entry {index} {what}"))
}
