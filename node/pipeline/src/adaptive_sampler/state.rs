//! What outlives the process, as it is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::entry::{Entry, move_bits};
use super::limits::{Bucket, MinuteState, Now};
use super::rate::Load;
use crate::store::Keeper;

/// What a sampler remembers, by pipeline.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct SamplerState {
    pipelines: BTreeMap<String, Arc<PipelineState>>,
}

impl fmt::Debug for SamplerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.pipelines.keys()).finish()
    }
}

/// What a sampler remembers in one pipeline.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct PipelineState {
    /// The names that the bits of fingerprints stand for.
    pub(super) rules: Vec<String>,
    /// In percent: as it was configured, and the lowest that the load made of it.
    pub(super) default_rate: f64,
    pub(super) rate: f64,
    /// The rates by target; states of earlier releases have one for all.
    #[serde(default)]
    pub(super) rates: Option<BTreeMap<String, f64>>,
    pub(super) now: Now,
    pub(super) cleaned: Option<i64>,
    pub(super) load: Load,
    pub(super) decisions: Bucket,
    pub(super) records: Bucket,
    pub(super) minutes: BTreeMap<String, MinuteState>,
    /// The oldest first.
    pub(super) fingerprints: Vec<Fingerprint>,
}

/// A fingerprint: its hash, its rules in the tick of its last row and in the one before, and that tick in
/// nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fingerprint(Hex, u64, u64, i64);

impl From<(u64, Entry)> for Fingerprint {
    fn from((key, entry): (u64, Entry)) -> Self {
        Self(Hex(key), entry.rules(), entry.before, entry.seen)
    }
}

impl Fingerprint {
    /// Its key and entry, with the bits of its rules where they are now.
    pub(super) fn entry(self, moved: &[Option<u8>]) -> (u64, Entry) {
        let bits = |old: u64| move_bits(old, moved);
        let Self(key, now, before, seen) = self;
        let entry = Entry {
            seen,
            now: bits(now),
            before: bits(before),
        };
        (key.0, entry)
    }
}

/// A hash, which people read in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hex(u64);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:016x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16).map(Self).map_err(D::Error::custom)
    }
}

/// Puts the states of one sampler's pipelines together for its keeper.
pub(super) struct Memory {
    keeper: Option<Keeper>,
    state: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    state: SamplerState,
    /// The pipelines that there are now.
    pipelines: BTreeSet<String>,
}

impl Memory {
    /// A memory that begins with what is remembered.
    pub(super) fn new(keeper: Option<Keeper>, state: SamplerState) -> Self {
        let pipelines = BTreeSet::new();
        Self {
            keeper,
            state: Mutex::new(Known { state, pipelines }),
        }
    }

    /// Who keeps it.
    pub(super) fn keeper(&self) -> Option<&Keeper> {
        self.keeper.as_ref()
    }

    /// What is remembered of `pipeline`, which is there from now on.
    pub(super) fn claim(&self, pipeline: &str) -> Option<Arc<PipelineState>> {
        let mut known = self.known();
        known.pipelines.insert(pipeline.to_owned());
        known.state.pipelines.get(pipeline).cloned()
    }

    /// Hands the newest state of `pipeline` over, with those of the others.
    pub(super) fn put(&self, pipeline: &str, state: PipelineState) {
        let Some(keeper) = &self.keeper else { return };
        let mut known = self.known();
        known.state.pipelines.insert(pipeline.to_owned(), Arc::new(state));
        keeper.put(known.state.clone());
    }

    /// Lets go of what is remembered of pipelines that are not there any more.
    pub(super) fn tidy(&self) {
        let mut known = self.known();
        let Known { state, pipelines } = &mut *known;
        state.pipelines.retain(|name, _| pipelines.contains(name));
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
