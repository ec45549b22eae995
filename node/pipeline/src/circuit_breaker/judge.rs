//! What the readings say: whether they are so bad that the circuit has to open.

use std::time::Duration;

use tokio::time::Instant;

use super::phase::{Outcome, Reason};
use super::rules::Rules;
use super::window::{Counts, Window};

/// The readings of a closed circuit.
#[derive(Debug)]
pub(crate) struct Judge {
    window: Window,
    run: Run,
}

/// Failures since the last success.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    readings: u32,
    /// A reading that took several of its intervals to fail stands for the ticks that passed meanwhile.
    ticks: u32,
}

impl Judge {
    /// Nothing seen yet.
    pub(crate) fn new(rules: &Rules, now: Instant) -> Self {
        Self {
            window: Window::new(rules.window, now),
            run: Run::default(),
        }
    }

    /// The readings of the window.
    pub(crate) fn counts(&self, now: Instant) -> Counts {
        self.window.counts(now)
    }

    /// A reading of a stream with this interval ended.
    pub(crate) fn count(&mut self, interval: Duration, outcome: Outcome, now: Instant) {
        match outcome {
            Outcome::Answered { took, .. } => {
                self.window.add(false, took, now);
                self.run = Run::default();
            }
            Outcome::Failed { took } => {
                self.window.add(true, took, now);
                let ticks = took.as_nanos() / interval.as_nanos().max(1);
                let ticks = u32::try_from(ticks).unwrap_or(u32::MAX).max(1);
                self.run.readings = self.run.readings.saturating_add(1);
                self.run.ticks = self.run.ticks.saturating_add(ticks);
            }
            Outcome::Ignored | Outcome::NotMade => {}
        }
    }

    /// Why the circuit has to open, if it has to.
    pub(crate) fn verdict(&self, rules: &Rules, now: Instant) -> Option<Reason> {
        let (enough, counts) = (rules.minimum_volume, self.window.counts(now));
        // A server that hangs or is gone is asked so seldom that its failures fill no window.
        if self.run.ticks >= enough && self.run.readings >= enough.min(2) {
            return Some(Reason::FailuresInARow);
        }
        if counts.readings < enough {
            return None;
        }
        let percent = counts.error_percent();
        let per_second = f64::from(counts.readings) / rules.window.as_secs_f64();
        if counts.failed > 0 && (percent > rules.error_percent || percent >= 100.0) {
            Some(Reason::ErrorRate)
        } else if rules.latency.is_some_and(|most| counts.average() > most) {
            Some(Reason::Latency)
        } else if rules.volume.is_some_and(|most| per_second > most) {
            Some(Reason::Volume)
        } else {
            None
        }
    }
}

/// Whether the reading told of more sessions than there may be.
pub(crate) fn has_too_many_sessions(rules: &Rules, outcome: Outcome) -> bool {
    match (outcome, rules.sessions) {
        (
            Outcome::Answered {
                sessions: Some(active),
                ..
            },
            Some(most),
        ) => active > most,
        _ => false,
    }
}
