//! How often the database is asked about the owner: pure.

use std::time::Duration;

use ringwatch_frame::Tick;
use tokio::time::Instant;

/// The shortest time between two questions.
const SHORTEST: Duration = Duration::from_millis(100);
/// The longest, while the owner lives and the same ticks are open.
const LONGEST: Duration = Duration::from_secs(1);

/// When it may be asked next.
#[derive(Debug)]
pub(super) struct Pace {
    asked: Option<Instant>,
    wait: Duration,
    /// The newest open tick at the last question.
    newest: Option<Tick>,
}

impl Pace {
    /// Not asked yet.
    pub(super) const fn new() -> Self {
        Self {
            asked: None,
            wait: SHORTEST,
            newest: None,
        }
    }

    /// When it may be asked, with `newest` as the newest open tick.
    pub(super) fn due(&self, newest: Option<Tick>, now: Instant) -> Instant {
        let wait = if newest == self.newest {
            self.wait
        } else {
            SHORTEST
        };
        self.asked.map_or(now, |asked| asked + wait)
    }

    /// Nothing new is to be expected before so long.
    pub(super) fn waits(&mut self, wait: Duration) {
        self.wait = wait.clamp(SHORTEST, LONGEST);
    }

    /// It is asked now.
    pub(super) fn asks(&mut self, newest: Option<Tick>, now: Instant) {
        self.wait = if newest == self.newest {
            (self.wait * 2).min(LONGEST)
        } else {
            SHORTEST
        };
        self.asked = Some(now);
        self.newest = newest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_same_ticks_are_asked_about_more_and_more_seldom() {
        let start = Instant::now();
        let tick = |n| Some(Tick::from_unix_nanos(n));
        let (mut pace, mut now, mut waits) = (Pace::new(), start, Vec::new());
        assert_eq!(pace.due(tick(1), now), now);
        pace.asks(tick(1), now);
        for _ in 0..6 {
            let due = pace.due(tick(1), now);
            waits.push((due - now).as_millis());
            now = due;
            pace.asks(tick(1), now);
        }
        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(
            pace.due(tick(2), now) - now,
            SHORTEST,
            "a new one is asked about soon"
        );
        pace.asks(tick(2), now);
        assert_eq!(pace.due(tick(2), now) - now, SHORTEST);
        pace.waits(Duration::from_millis(350));
        assert_eq!(pace.due(tick(2), now) - now, Duration::from_millis(350));
        pace.waits(Duration::ZERO);
        assert_eq!(pace.due(tick(2), now) - now, SHORTEST);
    }
}
