//! What is remembered of a circuit beyond its process.
//!
//! A record holds lengths of time and when it was written. A clock that was set back meanwhile makes a break
//! last at most as long as it would have; one that was set forward makes it half-open earlier, which asks a
//! few readings of the database. Neither closes it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringwatch_frame::{TargetId, Tick};
use serde::{Deserialize, Serialize, Serializer};
use tokio::time::Instant;

use super::circuit::Circuit;
use super::image::CircuitImage;
use super::phase::{Reason, State};
use super::rules::Rules;

/// What a breaker remembered, by target id.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Remembered(pub(crate) BTreeMap<String, Record>);

/// One circuit at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    state: State,
    /// Why it is open.
    reason: Option<Reason>,
    /// How long it stays open from then on; `None`: until it is reset.
    left_ms: Option<u64>,
    /// When this was written, in nanoseconds since the Unix epoch.
    written: i64,
    /// For how long it had been closed.
    closed_ms: u64,
    /// How long ago it had opened.
    opened_ms: Option<u64>,
    last_break_ms: u64,
    trips: u64,
    /// How often self-healing doubled the intervals.
    doublings: u32,
}

impl Record {
    /// The circuit as it is now.
    pub(crate) fn of(circuit: &Circuit, wall: Tick, now: Instant) -> Self {
        let image = circuit.image(now);
        Self {
            state: image.state,
            reason: image.reason,
            left_ms: image.left_ms,
            written: wall.unix_nanos(),
            closed_ms: image.closed_ms,
            opened_ms: image.opened_ms,
            last_break_ms: image.last_break_ms,
            trips: image.trips,
            doublings: image.doublings,
        }
    }

    /// A circuit that goes on where this one was. All leaves of a half-open phase are there again: readings
    /// of a process that has ended have ended too.
    pub(crate) fn resume(&self, rules: Arc<Rules>, wall: Tick, now: Instant) -> Circuit {
        let image = CircuitImage {
            state: self.state,
            reason: self.reason,
            left_ms: self.left_ms,
            closed_ms: self.closed_ms,
            opened_ms: self.opened_ms,
            last_break_ms: self.last_break_ms,
            trips: self.trips,
            doublings: self.doublings,
            half_open_used: 0,
            half_open_good: 0,
            half_open_took_ms: 0,
            learnt: Vec::new(),
            seq: 0,
        };
        let passed = Tick::from_unix_nanos(self.written).lateness(wall);
        Circuit::of_image(&image, rules, passed, now)
    }
}

/// The records of all circuits of a breaker; its text is made when it is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book(Arc<Mutex<BTreeMap<String, Record>>>);

impl Book {
    /// Begins with what was remembered.
    pub(crate) fn new(remembered: Remembered) -> Self {
        Self(Arc::new(Mutex::new(remembered.0)))
    }

    /// What is written of the target.
    pub(crate) fn get(&self, target: &TargetId) -> Option<Record> {
        self.records().get(target.as_str()).cloned()
    }

    /// Writes down what the target's circuit is.
    pub(crate) fn set(&self, target: &TargetId, record: Record) {
        self.records().insert(target.to_string(), record);
    }

    /// Keeps the records of these targets only. Says whether there were others.
    pub(crate) fn retain(&self, is_known: impl Fn(&str) -> bool) -> bool {
        let mut records = self.records();
        let before = records.len();
        records.retain(|target, _| is_known(target));
        records.len() < before
    }

    fn records(&self) -> MutexGuard<'_, BTreeMap<String, Record>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Serialize for Book {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.records().serialize(serializer)
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
