//! The clock: wall-clock time that flows monotonically and that tests can own.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::Tick;

/// Beyond this difference the node's time follows a step of the system's clock at once.
const STEP: i64 = 10 * 60 * 1_000_000_000;
/// Up to this difference the time is slewed by at most one part in `SLEW` of what has passed.
const SLEW: i64 = 20;
/// Waiting is cut into pieces of this length, so that a correction of the clock is seen while waiting.
const LONGEST_SLEEP: Duration = Duration::from_secs(2);

/// Wall-clock time for ticks, disciplined: between two looks it advances with the monotonic clock, and a
/// difference to the system's wall clock is taken up gently (at most 50 ms a second), so that a correction by NTP neither
/// skips nor repeats a tick. A difference of more than ten minutes is a clock that was wrong before: it is
/// followed at once and counted by [`Clock::steps`].
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// `None` when time is simulated: then it is the tokio clock alone that moves it.
    system: Option<fn() -> i64>,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    anchor: Instant,
    wall: i64,
    steps: u64,
    offset: i64,
}

impl Clock {
    /// The clock of a running node, on the system's wall clock.
    pub fn system() -> Self {
        Self::on(system_nanos)
    }

    /// A clock that starts at `start` and is moved by tokio's clock alone, which tests can pause and advance.
    pub fn simulated(start: Tick) -> Self {
        Self::build(None, start.unix_nanos())
    }

    fn on(system: fn() -> i64) -> Self {
        Self::build(Some(system), system())
    }

    fn build(system: Option<fn() -> i64>, wall: i64) -> Self {
        let state = State {
            anchor: Instant::now(),
            wall,
            steps: 0,
            offset: 0,
        };
        Self(Arc::new(Inner {
            system,
            state: Mutex::new(state),
        }))
    }

    /// Now, as an instant that ticks can be compared with.
    pub fn now(&self) -> Tick {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let at = Instant::now();
        if let Some(system) = self.0.system {
            *state = advance(*state, at, system());
        } else {
            *state = advance(*state, at, state.wall + nanos_between(state.anchor, at));
        }
        Tick::from_unix_nanos(state.wall)
    }

    /// Waits on the monotonic clock until `tick`, looking at the wall clock now and then on the way.
    pub async fn sleep_until(&self, tick: Tick) {
        loop {
            let left = tick.unix_nanos() - self.now().unix_nanos();
            if left <= 0 {
                return;
            }
            tokio::time::sleep(Duration::from_nanos(left.unsigned_abs()).min(LONGEST_SLEEP)).await;
        }
    }

    /// How often the system's clock was stepped so far that this one had to jump.
    pub fn steps(&self) -> u64 {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).steps
    }

    /// How far, in seconds, the system's wall clock was ahead of this one at the last look.
    pub fn offset_seconds(&self) -> f64 {
        let nanos = self.0.state.lock().unwrap_or_else(PoisonError::into_inner).offset;
        Duration::from_nanos(nanos.unsigned_abs()).as_secs_f64() * if nanos < 0 { -1.0 } else { 1.0 }
    }
}

/// The one decision of the clock, pure: where it stands at `at` when the system says `system`.
fn advance(state: State, at: Instant, system: i64) -> State {
    let passed = nanos_between(state.anchor, at);
    let plain = state.wall + passed;
    let offset = system - plain;
    if offset.abs() > STEP {
        return State {
            anchor: at,
            wall: system,
            steps: state.steps + 1,
            offset: 0,
        };
    }
    let slew = offset.clamp(-passed / SLEW, passed / SLEW);
    State {
        anchor: at,
        wall: plain + slew,
        steps: state.steps,
        offset: offset - slew,
    }
}

fn nanos_between(from: Instant, to: Instant) -> i64 {
    i64::try_from(to.saturating_duration_since(from).as_nanos()).unwrap_or(i64::MAX)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the system's wall clock"
)]
fn system_nanos() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_nanos()).unwrap_or(i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn state(wall: i64) -> State {
        State {
            anchor: Instant::now(),
            wall,
            steps: 0,
            offset: 0,
        }
    }

    #[test]
    fn a_small_correction_is_slewed_and_time_never_goes_back() {
        let start = state(1_000 * SECOND);
        let later = start.anchor + Duration::from_secs(1);
        let behind = advance(start, later, 1_000 * SECOND);
        assert_eq!(
            behind.wall,
            1_001 * SECOND - SECOND / SLEW,
            "one second passed, the system's clock fell back by one"
        );
        assert_eq!(behind.steps, 0);
        let ahead = advance(start, later, 1_002 * SECOND);
        assert_eq!(ahead.wall, 1_001 * SECOND + SECOND / SLEW);
        assert_eq!(ahead.offset, SECOND - SECOND / SLEW);
    }

    #[test]
    fn a_wrong_clock_that_is_set_right_is_followed_at_once() {
        let start = state(1_000 * SECOND);
        let later = start.anchor + Duration::from_secs(1);
        let set = advance(start, later, 5_000 * SECOND);
        assert_eq!((set.wall, set.steps), (5_000 * SECOND, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn simulated_time_moves_with_tokio() {
        let clock = Clock::simulated(Tick::from_unix_nanos(50 * SECOND));
        clock.sleep_until(Tick::from_unix_nanos(60 * SECOND)).await;
        let drift = clock.now().unix_nanos() - 60 * SECOND;
        assert!((0..5_000_000).contains(&drift), "woke {drift} ns after the tick");
    }
}
