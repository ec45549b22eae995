//! From what is seen of a component to whether it is well: the thresholds, and nothing else.

use std::time::Duration;

use ringwatch_frame::{Clock, Tick};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Condition, Status};
use crate::telemetry::rfc3339;

/// A component that has something to do and does nothing for longer is stuck, unless it has more time.
pub(super) const IDLE: Duration = Duration::from_secs(30);
/// An exporter for which something has waited for longer, and that has written nothing meanwhile, is stuck.
pub(super) const UNWRITTEN: Duration = Duration::from_secs(60);
/// A greater share of failures is too many.
const ERROR_RATE: f64 = 0.05;
/// One failure alone is no rate.
const FEWEST_FAILURES: u64 = 2;
/// A fuller queue has too much before it.
const PENDING: f64 = 0.9;

/// The figures of a component at one moment. What is counted is counted from the start of the node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// How much it has done.
    pub(crate) done: u64,
    /// How many of its attempts failed, of how many.
    pub(crate) failed: u64,
    /// All attempts.
    pub(crate) attempts: u64,
    /// Whether something is to be done, and within which time; `None`: there is nothing to do.
    pub(crate) due: Option<Duration>,
    /// How much waits for it.
    pub(crate) pending: u64,
    /// How much may wait. `0`: nothing is known of it.
    pub(crate) capacity: u64,
    /// How long the oldest has waited for it to be written. `None`: nothing waits to be written.
    pub(crate) oldest: Option<Duration>,
}

/// What is seen of a component over time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Signs {
    /// The figures now.
    pub(crate) now: Figures,
    /// For how long it has done nothing and tried nothing although something was due.
    pub(crate) idle: Duration,
    /// For how long it has done nothing.
    pub(crate) undone: Duration,
    /// Failures and attempts of the last minutes.
    pub(crate) recent: (u64, u64),
}

/// When a component did something.
pub(crate) struct When<'a> {
    /// Tells the time of day.
    pub(crate) clock: &'a Clock,
    /// When it last did something, or tried to.
    pub(crate) active: Option<Instant>,
    /// When it last did something.
    pub(crate) did: Option<Instant>,
}

impl When<'_> {
    fn time(&self, at: Instant) -> String {
        let passed = i64::try_from(at.elapsed().as_nanos()).unwrap_or(i64::MAX);
        let now = self.clock.now().unix_nanos();
        rfc3339(Tick::from_unix_nanos(now.saturating_sub(passed)))
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) status: Status,
    pub(super) reason: Option<&'static str>,
}

impl Signs {
    /// The share of attempts that failed.
    #[expect(clippy::cast_precision_loss, reason = "counts of some minutes")]
    pub(super) fn error_rate(&self) -> f64 {
        let (failed, attempts) = self.recent;
        if attempts == 0 {
            0.0
        } else {
            failed as f64 / attempts as f64
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "lengths of queues")]
    fn is_full(&self) -> bool {
        let Figures {
            pending, capacity, ..
        } = self.now;
        capacity > 0 && pending as f64 > capacity as f64 * PENDING
    }

    /// The answer, with what led to it.
    pub(crate) fn condition(&self, when: &When<'_>, metrics: Value) -> Condition {
        let verdict = self.judge();
        let mut condition = Condition::well(metrics);
        if let Some(reason) = verdict.reason {
            condition = condition.because(verdict.status, reason);
        }
        let facts = &mut condition.facts;
        let time = |at: Option<Instant>| at.map(|at| when.time(at));
        facts.insert("LastActivity".into(), json!(time(when.active)));
        if self.recent.1 > 0 {
            facts.insert("ErrorRate".into(), json!(self.error_rate()));
        }
        if self.now.capacity > 0 {
            facts.insert("PendingRecords".into(), json!(self.now.pending));
            facts.insert("LastWrite".into(), json!(time(when.did)));
        }
        condition
    }

    /// What is worse is told first.
    pub(super) fn judge(&self) -> Verdict {
        let answer = |status, reason| Verdict {
            status,
            reason: Some(reason),
        };
        let unwritten = self.now.oldest.map(|oldest| oldest.min(self.undone));
        if self.now.due.is_some_and(|due| self.idle > due.max(IDLE)) {
            answer(Status::Unhealthy, "no activity for more than 30 seconds")
        } else if unwritten.is_some_and(|unwritten| unwritten > UNWRITTEN) {
            answer(
                Status::Unhealthy,
                "no writes for more than 60 seconds while something waits",
            )
        } else if self.is_full() {
            answer(Status::Degraded, "more than 90 % of the queue is full")
        } else if self.recent.0 >= FEWEST_FAILURES && self.error_rate() > ERROR_RATE {
            answer(Status::Degraded, "high error rate")
        } else {
            Verdict {
                status: Status::Healthy,
                reason: None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn status(signs: &Signs) -> Status {
        signs.judge().status
    }

    #[test]
    fn nothing_done_although_it_was_due_is_sick() {
        for (due, idle, expected) in [
            (None, 3600, Status::Healthy),
            (Some(1), 30, Status::Healthy),
            (Some(1), 31, Status::Unhealthy),
            (Some(300), 299, Status::Healthy),
            (Some(300), 301, Status::Unhealthy),
        ] {
            let now = Figures {
                due: due.map(seconds),
                ..Figures::default()
            };
            let signs = Signs {
                now,
                idle: seconds(idle),
                ..Signs::default()
            };
            assert_eq!(status(&signs), expected, "{due:?} {idle}");
        }
    }

    #[test]
    fn a_share_of_failures_over_five_percent_is_not_well() {
        for (failed, attempts, expected) in [
            (0, 0, Status::Healthy),
            (1, 1, Status::Healthy),
            (2, 40, Status::Healthy),
            (3, 59, Status::Degraded),
            (2, 2, Status::Degraded),
        ] {
            let signs = Signs {
                recent: (failed, attempts),
                ..Signs::default()
            };
            assert_eq!(status(&signs), expected, "{failed}/{attempts}");
        }
    }

    #[test]
    fn a_queue_over_nine_tenths_is_not_well() {
        for (pending, capacity, expected) in [
            (0, 0, Status::Healthy),
            (5, 0, Status::Healthy),
            (90, 100, Status::Healthy),
            (91, 100, Status::Degraded),
        ] {
            let now = Figures {
                pending,
                capacity,
                ..Figures::default()
            };
            let signs = Signs {
                now,
                ..Signs::default()
            };
            assert_eq!(status(&signs), expected, "{pending}/{capacity}");
        }
    }

    #[test]
    fn nothing_written_for_a_minute_while_something_waits_is_sick() {
        for (oldest, undone, expected) in [
            (None, 3600, Status::Healthy),
            (Some(60), 3600, Status::Healthy),
            (Some(61), 61, Status::Unhealthy),
            (Some(3600), 60, Status::Healthy),
        ] {
            let now = Figures {
                oldest: oldest.map(seconds),
                ..Figures::default()
            };
            let signs = Signs {
                now,
                undone: seconds(undone),
                ..Signs::default()
            };
            assert_eq!(status(&signs), expected, "{oldest:?} {undone}");
        }
        let now = Figures {
            oldest: Some(seconds(61)),
            pending: 99,
            capacity: 100,
            ..Figures::default()
        };
        let signs = Signs {
            now,
            undone: seconds(61),
            ..Signs::default()
        };
        assert_eq!(status(&signs), Status::Unhealthy, "what is worse is told");
    }
}
