//! The books of all records: digest, number, size, and what an entry changed.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::applied::{Change, Touched};

/// The hash of one record. The state's digest is the wrapping sum over all of its records.
pub fn record_hash(key: &[u8], value: &[u8]) -> u64 {
    xxh3_64_with_seed(value, xxh3_64(key))
}

/// Number and size of some records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// How many.
    pub records: u64,
    /// Their keys and values, in bytes.
    pub bytes: u64,
}

/// What a table notes of each of its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Noted {
    hash: u64,
    bytes: u32,
}

/// Keeps the books while tables change.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    digests: BTreeMap<u8, u64>,
    sizes: BTreeMap<u8, Sizes>,
    changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    touched: Vec<Touched>,
}

impl Ledger {
    /// A record was written.
    pub(crate) fn put(&mut self, key: Vec<u8>, value: Vec<u8>, before: Option<Noted>) -> Noted {
        let noted = self.note(&key, &value, before);
        self.changes.insert(key, Some(value));
        noted
    }

    /// A record was read from the store.
    pub(crate) fn note(&mut self, key: &[u8], value: &[u8], before: Option<Noted>) -> Noted {
        let table = key.first().copied().unwrap_or(0);
        if let Some(before) = before {
            self.forget(table, before);
        }
        let bytes = u32::try_from(key.len() + value.len()).unwrap_or(u32::MAX);
        let noted = Noted {
            hash: record_hash(key, value),
            bytes,
        };
        let digest = self.digests.entry(table).or_default();
        *digest = digest.wrapping_add(noted.hash);
        let sizes = self.sizes.entry(table).or_default();
        sizes.records += 1;
        sizes.bytes += u64::from(bytes);
        noted
    }

    /// A record was removed.
    pub(crate) fn remove(&mut self, key: Vec<u8>, before: Noted) {
        self.forget(key.first().copied().unwrap_or(0), before);
        self.changes.insert(key, None);
    }

    fn forget(&mut self, table: u8, noted: Noted) {
        let digest = self.digests.entry(table).or_default();
        *digest = digest.wrapping_sub(noted.hash);
        let sizes = self.sizes.entry(table).or_default();
        sizes.records = sizes.records.saturating_sub(1);
        sizes.bytes = sizes.bytes.saturating_sub(u64::from(noted.bytes));
    }

    /// Notes for subscribers that something changed; the same twice in a row is one.
    pub(crate) fn touch(&mut self, touched: Touched) {
        if self.touched.last() != Some(&touched) {
            self.touched.push(touched);
        }
    }

    /// What changed since the last time this was asked.
    pub(crate) fn take(&mut self) -> (Vec<Change>, Vec<Touched>) {
        let changes = std::mem::take(&mut self.changes).into_iter();
        let changes = changes.map(|(key, value)| Change { key, value }).collect();
        (changes, std::mem::take(&mut self.touched))
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digests.values().fold(0, |sum, one| sum.wrapping_add(*one))
    }

    /// The digest of some tables.
    pub(crate) fn content(&self, tables: &[u8]) -> u64 {
        let digests = tables.iter().filter_map(|table| self.digests.get(table));
        digests.fold(0, |sum, one| sum.wrapping_add(*one))
    }

    pub(crate) fn of_table(&self, table: u8) -> Sizes {
        self.sizes.get(&table).copied().unwrap_or_default()
    }

    pub(crate) fn total(&self) -> Sizes {
        self.sizes.values().fold(Sizes::default(), |sum, one| Sizes {
            records: sum.records + one.records,
            bytes: sum.bytes + one.bytes,
        })
    }
}
