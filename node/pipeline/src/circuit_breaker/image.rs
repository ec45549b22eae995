//! A circuit as it travels: what another node needs to go on where this one is.
//!
//! An image holds lengths of time and no instants: clocks of nodes differ. Who takes it over says how old it
//! is. What the window of a closed circuit has counted stays behind; so do the troubles of a process, which
//! another process has not.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::circuit::Circuit;
use super::parts::{Away, Phase, Until};
use super::phase::{Reason, State};
use super::rules::Rules;

/// Of so many streams at most an image tells what was learnt.
pub const MOST_STREAMS: usize = 64;

/// One circuit at one moment. The lengths of time are in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CircuitImage {
    /// What it is.
    pub state: State,
    /// Why it is open, or was before it became half-open.
    pub reason: Option<Reason>,
    /// How long it stays open; `None`: until it is reset.
    pub left_ms: Option<u64>,
    /// For how long it had been closed.
    pub closed_ms: u64,
    /// How long ago it had opened.
    pub opened_ms: Option<u64>,
    /// How long the last break for the target's sake was.
    pub last_break_ms: u64,
    /// How often it opened by itself.
    pub trips: u64,
    /// How often self-healing doubled the intervals.
    pub doublings: u32,
    /// Permits taken in the present half-open phase, with those whose readings have ended well.
    #[serde(default)]
    pub half_open_used: u32,
    /// Permits whose readings have ended well.
    #[serde(default)]
    pub half_open_good: u32,
    /// How long the answered ones of these took together.
    #[serde(default)]
    pub half_open_took_ms: u64,
    /// What was learnt of streams, at most [`MOST_STREAMS`].
    #[serde(default)]
    pub learnt: Vec<StreamLearnt>,
    /// Grows with each change of this circuit in one process, and is never less than that of an image which
    /// was taken over.
    #[serde(default)]
    pub seq: u64,
}

/// What was learnt of the readings of one stream, in milliseconds. 0 stands for what is not known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamLearnt {
    /// The stream, with its database after a slash where it is of one.
    pub stream: String,
    /// The longest that one round trip may take.
    pub deadline_ms: u64,
    /// How long a reading usually takes.
    pub typical_ms: f64,
    /// By how much that usually varies.
    pub deviation_ms: f64,
}

impl Circuit {
    /// It as it is now, without what was learnt.
    pub(crate) fn image(&self, now: Instant) -> CircuitImage {
        let ago = |at: Instant| millis(now.saturating_duration_since(at));
        let (reason, left_ms) = match self.phase {
            Phase::Open {
                reason,
                until: Until::Time(end),
            } => (Some(reason), Some(millis_up(end.saturating_duration_since(now)))),
            Phase::Open {
                reason,
                until: Until::Reset,
            } => (Some(reason), None),
            Phase::Open {
                reason,
                until: Until::Calm,
            } => (Some(reason), Some(0)),
            Phase::Closed | Phase::HalfOpen { .. } => (None, Some(0)),
        };
        let (used, good, took) = match &self.phase {
            Phase::HalfOpen {
                leaves,
                spare,
                good,
                answers,
            } => (leaves.saturating_sub(*spare), *good, answers.took()),
            Phase::Closed | Phase::Open { .. } => (0, 0, Duration::ZERO),
        };
        let is_closed = self.phase == Phase::Closed;
        CircuitImage {
            state: self.state(),
            reason,
            left_ms,
            closed_ms: if is_closed {
                millis(self.closed_for(now))
            } else {
                0
            },
            opened_ms: self.past.opened.map(ago),
            last_break_ms: millis(self.past.last_break),
            trips: self.past.trips,
            doublings: self.healing.doublings(),
            half_open_used: used,
            half_open_good: good,
            half_open_took_ms: millis(took.saturating_add(Duration::from_micros(500))),
            learnt: Vec::new(),
            seq: self.seq,
        }
    }

    /// A circuit that goes on where `image` was `age` ago. Breaks are no longer than these rules allow.
    pub(crate) fn of_image(image: &CircuitImage, rules: Arc<Rules>, age: Duration, now: Instant) -> Self {
        let mut circuit = Self::new(rules, now);
        let max_break = circuit.rules.max_break;
        // Far from the end, whatever a peer says.
        circuit.seq = image.seq.min(u64::MAX / 2);
        circuit.healing.resume(image.doublings);
        circuit.past.trips = image.trips;
        circuit.past.last_break = Duration::from_millis(image.last_break_ms).min(max_break);
        circuit.phase = image.phase(&circuit.rules, age, now);
        if image.state == State::Closed {
            let closed = Duration::from_millis(image.closed_ms);
            circuit.past.closed_before = closed.saturating_add(age);
            circuit.healing.closed_before(closed, age, now);
        } else {
            let ago = Duration::from_millis(image.opened_ms.unwrap_or(0)).saturating_add(age);
            circuit.past.opened = Some(now.checked_sub(ago).unwrap_or(now));
        }
        if let Phase::HalfOpen { spare, good, .. } = circuit.phase {
            circuit.away = Away {
                since: now.checked_sub(age).unwrap_or(now),
                leaves: circuit.rules.half_open - spare - good,
            };
        }
        circuit
    }
}

impl CircuitImage {
    fn phase(&self, rules: &Rules, age: Duration, now: Instant) -> Phase {
        let reason = self.reason.unwrap_or(Reason::ErrorRate);
        match (self.state, self.left_ms) {
            (State::Closed, _) => Phase::Closed,
            (State::HalfOpen, _) => self.half_open(rules.half_open),
            (State::Open, None) => Phase::Open {
                reason,
                until: Until::Reset,
            },
            (State::Open, Some(left)) => {
                let left = Duration::from_millis(left);
                let left = if reason == Reason::Manual {
                    left
                } else {
                    left.min(rules.max_break)
                };
                let end = now.checked_add(left.saturating_sub(age));
                Phase::Open {
                    reason,
                    until: end.map_or(Until::Reset, Until::Time),
                }
            }
        }
    }

    /// The half-open phase with the permits that are left. At least one reading of this process has to go
    /// well before it closes, whatever the image says.
    fn half_open(&self, leaves: u32) -> Phase {
        let mut used = self.half_open_used.min(leaves);
        let mut good = self.half_open_good.min(used);
        if good == leaves {
            (used, good) = (used.saturating_sub(1), good.saturating_sub(1));
        }
        let mut phase = Phase::half_open(leaves);
        if let Phase::HalfOpen {
            spare,
            good: known,
            answers,
            ..
        } = &mut phase
        {
            (*spare, *known) = (leaves - used, good);
            answers.add_many(good, Duration::from_millis(self.half_open_took_ms));
        }
        phase
    }
}

/// Whole milliseconds, without what is over.
pub(super) fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

/// Whole milliseconds, not less than `length`: a break must not end early.
fn millis_up(length: Duration) -> u64 {
    millis(length.saturating_add(Duration::from_nanos(999_999)))
}

#[cfg(test)]
#[path = "image_tests.rs"]
mod tests;
