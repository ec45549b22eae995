//! What is remembered of texts that were scanned: by their hash, no more than fits.

use std::hash::BuildHasherDefault;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::unsync::{Cache, DefaultLifecycle};
use ringwatch_parse::scan::Class;

use super::super::anomaly::AsItIs;

/// Bytes that an entry takes besides its text.
const ENTRY_BYTES: u64 = 80;

/// What came of a text.
#[derive(Clone)]
pub(super) enum Scanned {
    /// There was nothing in it.
    Clean,
    /// There was something in it.
    Hit(Arc<Hit>),
}

/// A text with something in it.
pub(super) struct Hit {
    /// What takes its place.
    pub(super) text: Arc<str>,
    /// How often each class was found.
    pub(super) counts: Vec<(Class, u64)>,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<u128, Scanned> for ByBytes {
    fn weight(&self, _: &u128, scanned: &Scanned) -> u64 {
        match scanned {
            Scanned::Clean => ENTRY_BYTES,
            Scanned::Hit(hit) => 2 * ENTRY_BYTES + hit.text.len() as u64 + 16 * hit.counts.len() as u64,
        }
    }
}

type Hashed = BuildHasherDefault<AsItIs>;

/// Texts by their hashes. Two texts of one hash are not to be expected: the hash has 128 bits and a seed that
/// nobody knows.
pub(super) struct Memory(Cache<u128, Scanned, ByBytes, Hashed, DefaultLifecycle<u128, Scanned>>);

impl Memory {
    pub(super) fn new(bytes: u64) -> Self {
        let texts = usize::try_from(bytes / (2 * ENTRY_BYTES))
            .unwrap_or(usize::MAX)
            .min(1 << 16);
        Self(Cache::with(
            texts,
            bytes,
            ByBytes,
            Hashed::default(),
            DefaultLifecycle::default(),
        ))
    }

    pub(super) fn get(&self, key: u128) -> Option<&Scanned> {
        self.0.get(&key)
    }

    pub(super) fn put(&mut self, key: u128, scanned: Scanned) {
        self.0.insert(key, scanned);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Bytes and texts.
    pub(super) fn size(&self) -> (u64, usize) {
        (self.0.weight(), self.0.len())
    }
}
