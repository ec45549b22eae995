//! What is remembered of a circuit beyond its process.
//!
//! A record holds lengths of time and when it was written. A clock that was set back meanwhile makes a break
//! last at most as long as it would have; one that was set forward makes it half-open earlier, which asks a
//! few readings of the database. Neither closes it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringwatch_frame::{TargetId, Tick};
use serde::{Deserialize, Serialize, Serializer};
use tokio::time::Instant;

use super::circuit::{Circuit, Phase, Until};
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
        let (reason, left) = match circuit.phase {
            Phase::Open {
                reason,
                until: Until::Time(end),
            } => (Some(reason), Some(end.saturating_duration_since(now))),
            Phase::Open {
                reason,
                until: Until::Reset,
            } => (Some(reason), None),
            Phase::Open {
                reason,
                until: Until::Calm,
            } => (Some(reason), Some(Duration::ZERO)),
            Phase::Closed | Phase::HalfOpen { .. } => (None, Some(Duration::ZERO)),
        };
        let closed = match circuit.state() {
            State::Closed => now
                .saturating_duration_since(circuit.since)
                .saturating_add(circuit.past.closed_before),
            State::Open | State::HalfOpen => Duration::ZERO,
        };
        let ago = |at: Instant| millis(now.saturating_duration_since(at));
        Self {
            state: circuit.state(),
            reason,
            left_ms: left.map(millis),
            written: wall.unix_nanos(),
            closed_ms: millis(closed),
            opened_ms: circuit.past.opened.map(ago),
            last_break_ms: millis(circuit.past.last_break),
            trips: circuit.past.trips,
            doublings: circuit.healing.doublings(),
        }
    }

    /// A circuit that goes on where this one was.
    pub(crate) fn resume(&self, rules: Arc<Rules>, wall: Tick, now: Instant) -> Circuit {
        let passed = Tick::from_unix_nanos(self.written).lateness(wall);
        let max_break = rules.max_break;
        let leaves = rules.half_open;
        let mut circuit = Circuit::new(rules, now);
        circuit.healing.resume(self.doublings);
        circuit.past.trips = self.trips;
        circuit.past.last_break = Duration::from_millis(self.last_break_ms).min(max_break);
        let reason = self.reason.unwrap_or(Reason::ErrorRate);
        circuit.phase = match (self.state, self.left_ms) {
            (State::Closed, _) => Phase::Closed,
            (State::HalfOpen, _) => Phase::half_open(leaves),
            (State::Open, None) => Phase::Open {
                reason,
                until: Until::Reset,
            },
            (State::Open, Some(left)) => {
                let left = Duration::from_millis(left);
                let left = if reason == Reason::Manual {
                    left
                } else {
                    left.min(max_break)
                };
                let end = now.checked_add(left.saturating_sub(passed));
                Phase::Open {
                    reason,
                    until: end.map_or(Until::Reset, Until::Time),
                }
            }
        };
        if self.state == State::Closed {
            circuit.past.closed_before = Duration::from_millis(self.closed_ms).saturating_add(passed);
        } else {
            let ago = Duration::from_millis(self.opened_ms.unwrap_or(0)).saturating_add(passed);
            circuit.past.opened = Some(now.checked_sub(ago).unwrap_or(now));
        }
        circuit
    }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
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
