//! One target's breaker with what is shown and remembered of it.

use ringwatch_frame::{Clock, Tick};
use tokio::time::Instant;

use super::breaker::Breaker;
use super::listener::Told;
use super::metrics::Meters;
use super::phase::{Change, Reason, State};
use super::record::Record;
use super::status::CircuitStatus;
use crate::covered::CoveredTarget;

/// What is behind one lock.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) target: CoveredTarget,
    /// The key of its entry.
    pub(crate) entry: Option<String>,
    pub(crate) name: String,
    pub(crate) breaker: Breaker,
    pub(crate) meters: Meters,
    pub(crate) rejected: u64,
    /// When it became what it is.
    pub(crate) since: Tick,
    pub(crate) reason: Option<Reason>,
    /// When it was no longer in the list of targets.
    pub(crate) gone: Option<Instant>,
    /// Whether this process makes its readings: it has asked for leave since the circuit came from another.
    pub(crate) is_asked: bool,
    pub(crate) told: Told,
}

impl Slot {
    /// Shows and tells what a change made of it. Gives what to remember.
    pub(crate) fn changed(&mut self, change: Change, clock: &Clock, now: Instant) -> Record {
        self.since = clock.now();
        self.tell(change, now);
        match change {
            Change::Opened { reason, .. } => {
                self.reason = Some(reason);
                if reason != Reason::Manual {
                    self.meters.tripped();
                }
            }
            Change::HalfOpened { .. } => {}
            Change::Closed { after, .. } => {
                self.reason = None;
                self.meters.recovered(after);
            }
        }
        self.show();
        Record::of(self.breaker.circuit(), self.since, now)
    }

    /// One line for each change, with what happens next.
    fn tell(&self, change: Change, now: Instant) {
        let (database, target) = (self.name.as_str(), &self.target.id);
        let circuit = self.breaker.circuit();
        match change {
            Change::Opened {
                reason: Reason::Manual,
                lasts,
            } => {
                let seconds = lasts.map(|lasts| lasts.as_secs_f64());
                tracing::warn!(database, %target, seconds,
                    "the circuit was opened by hand: the database is not asked until then, or until it is reset");
            }
            Change::Opened { reason, lasts } => {
                let counts = circuit.counts(now);
                let (readings, failed) = (counts.readings, counts.failed);
                let average_ms = counts.average().as_secs_f64() * 1000.0;
                let seconds = lasts.map(|lasts| lasts.as_secs_f64());
                let (trips, leaves) = (circuit.past.trips, circuit.rules().half_open);
                tracing::warn!(database, %target, %reason, readings, failed, average_ms, trips, seconds,
                    leaves, "the circuit opened: the database is not asked until the break is over, then tried");
            }
            Change::HalfOpened { .. } if !self.is_asked => {}
            Change::HalfOpened { leaves } => tracing::info!(database, %target, leaves,
                "the break is over: so many readings try whether the database is well"),
            Change::Closed { after, by_hand } => {
                let seconds = after.as_secs_f64();
                tracing::info!(database, %target, seconds, by_hand,
                    "the circuit closed: the database is asked again");
            }
        }
    }

    /// Shows what may have changed without a change of state.
    pub(crate) fn show(&mut self) {
        if self.gone.is_some() {
            return;
        }
        self.meters.state(self.breaker.circuit().state());
        self.meters.timeout(self.breaker.timeouts().longest());
        let factor = self.breaker.slowdown();
        let (database, target) = (self.name.as_str(), &self.target.id);
        match self.meters.slowdown(factor) {
            None | Some(0) => {}
            Some(before) if before < factor => tracing::warn!(database, %target, factor,
                "the target is asked less often: one of so many ticks is read"),
            Some(_) => tracing::info!(database, %target, factor,
                "the target is asked more often again: one of so many ticks is read"),
        }
    }

    /// What lists show.
    pub(crate) fn status(&self, processor: &str, wall: Tick, now: Instant) -> CircuitStatus {
        let circuit = self.breaker.circuit();
        let counts = circuit.counts(now);
        let until = circuit.open_until().map(|end| {
            let left = i64::try_from(end.saturating_duration_since(now).as_nanos()).unwrap_or(i64::MAX);
            Tick::from_unix_nanos(wall.unix_nanos().saturating_add(left))
        });
        CircuitStatus {
            name: self.name.clone(),
            target: self.target.id.clone(),
            processor: processor.to_owned(),
            entry: self.entry.clone(),
            state: circuit.state(),
            since: self.since,
            reason: self.reason.filter(|_| circuit.state() != State::Closed),
            until,
            trips: circuit.past.trips,
            rejected: self.rejected,
            readings: counts.readings,
            error_percent: counts.error_percent(),
            average: counts.average(),
            slowdown: self.breaker.slowdown(),
            doublings: circuit.healing.doublings(),
            timeout: self.breaker.timeouts().longest(),
        }
    }
}
