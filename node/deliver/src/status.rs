//! How an exporter stands: what its health is judged by.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::queue::QueueState;

/// How far back the error rate looks.
const WINDOW: Duration = Duration::from_secs(60);
/// The window goes on in steps of this length.
const STEP: Duration = Duration::from_secs(5);
const STEPS: u64 = WINDOW.as_secs() / STEP.as_secs();

/// Whether an exporter sends to its backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CircuitState {
    /// It does.
    #[default]
    Closed,
    /// The backend is away, or asked for rest: nobody tries.
    Open,
    /// One request is under way that decides for all.
    HalfOpen,
}

impl CircuitState {
    /// The value of the metric `ringwatch_exporter_circuit_state`.
    pub const fn code(self) -> i64 {
        match self {
            Self::Closed => 0,
            Self::Open => 1,
            Self::HalfOpen => 2,
        }
    }
}

/// How an exporter stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ExporterStatus {
    /// Its queue; an exporter that has none takes everything.
    pub queue: QueueState,
    /// When it last took a batch or ended an attempt. `None`: never yet.
    pub last_activity: Option<Instant>,
    /// When something last reached the backend. `None`: never yet.
    pub last_success: Option<Instant>,
    /// Attempts that ended in the last minute.
    pub attempts: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// Whether it sends to its backend.
    pub circuit: CircuitState,
}

impl ExporterStatus {
    /// The share of the queue that is taken, from 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    pub fn pending_share(&self) -> f64 {
        match self.queue.capacity {
            0 => 0.0,
            capacity => self.queue.waiting as f64 / capacity as f64,
        }
    }

    /// The share of the attempts of the last minute that failed, from 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    pub fn error_rate(&self) -> f64 {
        match self.attempts {
            0 => 0.0,
            attempts => self.failures as f64 / attempts as f64,
        }
    }
}

/// What an exporter did lately.
#[derive(Debug)]
pub(crate) struct Activity {
    began: Instant,
    seen: Mutex<Seen>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    last_activity: Option<Instant>,
    last_success: Option<Instant>,
    /// Attempts and failures by step; a step has the place of the one that was a window before it.
    steps: [(u64, u64); STEPS as usize],
    /// The number of the step that was last written to.
    step: u64,
}

impl Default for Activity {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            seen: Mutex::default(),
        }
    }
}

impl Activity {
    /// A batch came.
    pub(crate) fn accepted(&self) {
        self.note(|seen, now| seen.last_activity = Some(now));
    }

    /// An attempt ended.
    pub(crate) fn attempted(&self, success: bool) {
        self.note(|seen, now| {
            seen.last_activity = Some(now);
            if success {
                seen.last_success = Some(now);
            }
            let at = place(seen.step);
            if let Some((attempts, failures)) = seen.steps.get_mut(at) {
                *attempts += 1;
                *failures += u64::from(!success);
            }
        });
    }

    /// How things stand with this queue and this circuit.
    pub(crate) fn status(&self, queue: QueueState, circuit: CircuitState) -> ExporterStatus {
        self.note(|seen, _| ExporterStatus {
            queue,
            circuit,
            last_activity: seen.last_activity,
            last_success: seen.last_success,
            attempts: seen.steps.iter().map(|(attempts, _)| attempts).sum(),
            failures: seen.steps.iter().map(|(_, failures)| failures).sum(),
        })
    }

    fn note<T>(&self, what: impl FnOnce(&mut Seen, Instant) -> T) -> T {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        seen.advance(now.saturating_duration_since(self.began).as_secs() / STEP.as_secs());
        what(&mut seen, now)
    }
}

impl Seen {
    /// Forgets the steps between the last one and `step`.
    fn advance(&mut self, step: u64) {
        let passed = step.saturating_sub(self.step).min(STEPS);
        for old in 0..passed {
            if let Some(counts) = self.steps.get_mut(place(step - old)) {
                *counts = (0, 0);
            }
        }
        self.step = self.step.max(step);
    }
}

const fn place(step: u64) -> usize {
    (step % STEPS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn attempts_count_for_a_minute() {
        let activity = Activity::default();
        let status = || activity.status(QueueState::default(), CircuitState::Closed);
        assert_eq!(status(), ExporterStatus::default());
        let start = Instant::now();
        for second in 0..60 {
            activity.attempted(second % 4 != 0);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let seen = status();
        assert!((54..=60).contains(&seen.attempts), "{seen:?}");
        assert!((seen.error_rate() - 0.25).abs() < 0.03, "{seen:?}");
        assert_eq!(seen.last_success, Some(start + Duration::from_secs(59)));
        activity.attempted(false);
        assert_eq!(status().last_activity, Some(start + Duration::from_secs(60)));
        assert_eq!(status().last_success, Some(start + Duration::from_secs(59)));
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!((status().attempts, status().failures), (0, 0));
        assert_eq!(status().last_success, Some(start + Duration::from_secs(59)));
        tokio::time::advance(Duration::from_secs(100_000)).await;
        activity.accepted();
        assert_eq!(status().attempts, 0);
        assert_eq!(status().last_activity, Some(Instant::now()));
    }

    #[test]
    fn an_empty_queue_has_no_share() {
        let mut status = ExporterStatus::default();
        assert!(status.pending_share().abs() < f64::EPSILON);
        status.queue.waiting = 9;
        status.queue.capacity = 10;
        assert!((status.pending_share() - 0.9).abs() < 1e-9);
    }
}
