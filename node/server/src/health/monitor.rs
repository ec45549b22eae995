//! Looks at the components every few seconds, so that it is known since when one does nothing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ringwatch_frame::Clock;
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;

use super::Condition;
use super::judge::{Figures, Signs, When};

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(5);
/// Over how long failures are counted.
const WINDOW: Duration = Duration::from_secs(300);

/// Looks at all components until it is dropped.
pub(crate) struct Monitor {
    _task: AbortOnDropHandle<()>,
}

impl Monitor {
    /// Looks at these.
    pub(crate) fn start(tracks: Vec<Arc<Track>>) -> Self {
        let task = tokio::spawn(async move {
            let mut timer = tokio::time::interval(LOOK);
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                timer.tick().await;
                for track in &tracks {
                    track.look();
                }
            }
        });
        Self {
            _task: AbortOnDropHandle::new(task),
        }
    }
}

/// What was seen of one component.
pub(crate) struct Track {
    clock: Clock,
    read: Box<dyn Fn() -> Figures + Send + Sync>,
    seen: Mutex<Seen>,
}

struct Seen {
    figures: Figures,
    /// When it last did something, or tried to.
    active: Option<Instant>,
    /// When it last did something.
    did: Option<Instant>,
    /// Since when something is due.
    due: Option<Instant>,
    started: Instant,
    /// Failures and attempts as they were counted, for the window.
    history: VecDeque<(Instant, u64, u64)>,
}

impl Track {
    /// A component with these figures.
    pub(crate) fn new(clock: &Clock, read: impl Fn() -> Figures + Send + Sync + 'static) -> Arc<Self> {
        let figures = read();
        let now = Instant::now();
        Arc::new(Self {
            clock: clock.clone(),
            read: Box::new(read),
            seen: Mutex::new(Seen {
                figures,
                active: None,
                did: None,
                due: None,
                started: now,
                history: VecDeque::from([(now, figures.failed, figures.attempts)]),
            }),
        })
    }

    /// How it is now.
    pub(crate) fn condition(&self, metrics: Value) -> Condition {
        let (signs, active, did) = self.look();
        let when = When {
            clock: &self.clock,
            active,
            did,
        };
        signs.condition(&when, metrics)
    }

    fn look(&self) -> (Signs, Option<Instant>, Option<Instant>) {
        let figures = (self.read)();
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let signs = seen.look(figures, now);
        (signs, seen.active, seen.did)
    }
}

impl Seen {
    fn look(&mut self, figures: Figures, now: Instant) -> Signs {
        let before = std::mem::replace(&mut self.figures, figures);
        if figures.done != before.done {
            self.did = Some(now);
        }
        if figures.done != before.done || figures.attempts != before.attempts {
            self.active = Some(now);
        }
        self.due = figures.due.map(|_| self.due.unwrap_or(now));
        let since = |at: Option<Instant>| now.saturating_duration_since(at.unwrap_or(self.started));
        let due_for = since(self.due);
        let (idle, undone) = (since(self.active).min(due_for), since(self.did));
        Signs {
            now: figures,
            idle,
            undone,
            recent: self.recent(now),
        }
    }

    /// Failures and attempts of the window.
    fn recent(&mut self, now: Instant) -> (u64, u64) {
        let Figures { failed, attempts, .. } = self.figures;
        // The last one before the window is what the window is compared with.
        while let Some((at, ..)) = self.history.get(1)
            && now.saturating_duration_since(*at) >= WINDOW
        {
            self.history.pop_front();
        }
        let spaced = |(at, ..): &(Instant, u64, u64)| now.saturating_duration_since(*at) >= LOOK;
        if self.history.back().is_none_or(spaced) {
            self.history.push_back((now, failed, attempts));
        }
        let (_, failed_before, attempts_before) =
            self.history.front().copied().unwrap_or((now, failed, attempts));
        (
            failed.saturating_sub(failed_before),
            attempts.saturating_sub(attempts_before),
        )
    }
}

#[cfg(test)]
mod tests {
    use ringwatch_frame::Tick;
    use serde_json::json;

    use super::*;
    use crate::health::Status;

    /// A component whose figures a test sets.
    fn track(figures: &Arc<Mutex<Figures>>) -> Arc<Track> {
        let clock = Clock::simulated(Tick::from_unix_nanos(1_700_000_000_000_000_000));
        let figures = Arc::clone(figures);
        Track::new(&clock, move || *figures.lock().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_component_is_stuck_when_it_does_nothing_although_something_was_due_for_long() {
        let figures = Arc::new(Mutex::new(Figures::default()));
        let track = track(&figures);
        let _monitor = Monitor::start(vec![Arc::clone(&track)]);
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(
            track.condition(Value::Null).status,
            Status::Healthy,
            "nothing was due"
        );
        figures.lock().unwrap().due = Some(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_secs(29)).await;
        assert_eq!(
            track.condition(Value::Null).status,
            Status::Healthy,
            "it was not due for long"
        );
        tokio::time::sleep(Duration::from_secs(10)).await;
        let sick = track.condition(Value::Null);
        assert_eq!(sick.status, Status::Unhealthy);
        assert!(
            sick.reason.is_some() && sick.facts.contains_key("LastActivity"),
            "{sick:?}"
        );
        figures.lock().unwrap().done = 1;
        tokio::time::sleep(Duration::from_secs(20)).await;
        let well = track.condition(Value::Null);
        assert_eq!(well.status, Status::Healthy);
        assert!(
            well.facts["LastActivity"].as_str().unwrap().ends_with('Z'),
            "{well:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn failures_count_for_some_minutes() {
        let figures = Arc::new(Mutex::new(Figures::default()));
        let track = track(&figures);
        let _monitor = Monitor::start(vec![Arc::clone(&track)]);
        tokio::time::sleep(Duration::from_secs(10)).await;
        *figures.lock().unwrap() = Figures {
            failed: 4,
            attempts: 8,
            ..Figures::default()
        };
        tokio::time::sleep(Duration::from_secs(200)).await;
        let sick = track.condition(Value::Null);
        assert_eq!(
            (sick.status, &sick.facts["ErrorRate"]),
            (Status::Degraded, &json!(0.5))
        );
        tokio::time::sleep(Duration::from_secs(200)).await;
        let well = track.condition(Value::Null);
        assert_eq!(
            (well.status, well.facts.get("ErrorRate")),
            (Status::Healthy, None)
        );
    }
}
