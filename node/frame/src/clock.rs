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
///
/// Where the clocks of other nodes are known, whoever compares them says how far the system's clock is to be corrected
/// ([`Clock::correct`]). From then on a large difference is not followed by itself, as the next comparison shows whose
/// clock it is that jumped.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

/// What the comparison with the clocks of other nodes says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Correction {
    /// There are no others: the system's clock is all there is.
    Alone,
    /// So many nanoseconds are to be added to the system's clock.
    By(i64),
    /// As [`By`](Self::By), a moment after the start, when little or nothing was read by this clock: it is set at once.
    Set(i64),
    /// It is not known whose clock is right. Time goes on as it did, whatever the system's clock says.
    Hold,
}

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
    /// What is added to the system's clock.
    correction: i64,
    /// Somebody compares it with others: a large difference waits for the next comparison.
    compared: bool,
}

impl Clock {
    /// The clock of a running node, on the system's wall clock.
    pub fn system() -> Self {
        Self::build(Some(system_nanos), system_nanos())
    }

    /// A clock that starts at `start` and is moved by tokio's clock alone, which tests can pause and advance.
    pub fn simulated(start: Tick) -> Self {
        Self::build(None, start.unix_nanos())
    }

    fn build(system: Option<fn() -> i64>, wall: i64) -> Self {
        let state = State {
            anchor: Instant::now(),
            wall,
            steps: 0,
            offset: 0,
            correction: 0,
            compared: false,
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

    /// The system's wall clock as it stands, in nanoseconds since the Unix epoch, neither smoothed nor corrected: for
    /// comparing clocks with each other, and for nothing else.
    pub fn uncorrected(&self) -> i64 {
        match self.0.system {
            Some(system) => system(),
            None => self.now().unix_nanos(),
        }
    }

    /// Takes in what a comparison with other clocks says. A difference of more than ten minutes that it leaves is followed
    /// at once, a smaller one gently.
    pub fn correct(&self, correction: Correction) {
        let Some(system) = self.0.system else { return };
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = corrected(*state, Instant::now(), system(), correction);
    }

    /// How much is added to the system's clock, in seconds, because the clocks of other nodes say so.
    pub fn correction_seconds(&self) -> f64 {
        seconds(
            self.0
                .state
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .correction,
        )
    }

    /// How often the system's clock was stepped so far that this one had to jump.
    pub fn steps(&self) -> u64 {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).steps
    }

    /// How far, in seconds, the system's wall clock was ahead of this one at the last look.
    pub fn offset_seconds(&self) -> f64 {
        seconds(self.0.state.lock().unwrap_or_else(PoisonError::into_inner).offset)
    }
}

fn seconds(nanos: i64) -> f64 {
    Duration::from_nanos(nanos.unsigned_abs()).as_secs_f64() * if nanos < 0 { -1.0 } else { 1.0 }
}

/// The one decision of the clock, pure: where it stands at `at` when the system says `system`.
fn advance(state: State, at: Instant, system: i64) -> State {
    let passed = nanos_between(state.anchor, at);
    let plain = state.wall + passed;
    let aim = system.saturating_add(state.correction);
    let offset = aim - plain;
    if offset.abs() > STEP && !state.compared {
        return stepped(state, at, aim);
    }
    let room = if offset.abs() > STEP { 0 } else { passed / SLEW };
    let slew = offset.clamp(-room, room);
    State {
        anchor: at,
        wall: plain + slew,
        offset: offset - slew,
        ..state
    }
}

/// Where the clock stands once a comparison was taken in.
fn corrected(state: State, at: Instant, system: i64, correction: Correction) -> State {
    let plain = state.wall + nanos_between(state.anchor, at);
    let (by, compared) = match correction {
        Correction::Alone => (0, false),
        Correction::By(by) | Correction::Set(by) => (by, true),
        Correction::Hold => (plain.saturating_sub(system), true),
    };
    let state = State {
        anchor: at,
        wall: plain,
        correction: by,
        compared,
        ..state
    };
    let aim = system.saturating_add(by);
    let offset = aim - plain;
    if offset.abs() > STEP {
        return stepped(state, at, aim);
    }
    if matches!(correction, Correction::Set(_)) {
        return State {
            wall: aim,
            offset: 0,
            ..state
        };
    }
    State { offset, ..state }
}

/// It jumps.
fn stepped(state: State, at: Instant, to: i64) -> State {
    State {
        anchor: at,
        wall: to,
        steps: state.steps + 1,
        offset: 0,
        ..state
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
            correction: 0,
            compared: false,
        }
    }

    #[test]
    fn one_clock_that_jumps_among_others_moves_nothing() {
        let start = state(1_000 * SECOND);
        let start = corrected(start, start.anchor, 1_000 * SECOND, Correction::By(0));
        let at = |seconds| start.anchor + Duration::from_secs(seconds);
        // An hour ahead: it is waited for the next comparison, and then corrected.
        let waiting = advance(start, at(1), 4_601 * SECOND);
        assert_eq!((waiting.wall, waiting.steps), (1_001 * SECOND, 0));
        let held = corrected(waiting, at(2), 4_602 * SECOND, Correction::By(-3_600 * SECOND));
        let later = advance(held, at(3), 4_603 * SECOND);
        assert_eq!(
            (later.wall, later.offset, later.steps),
            (1_003 * SECOND, 0, 0),
            "{later:?}"
        );
        // All have jumped: it is followed.
        let all = corrected(waiting, at(2), 4_602 * SECOND, Correction::By(0));
        assert_eq!((all.wall, all.steps), (4_602 * SECOND, 1));
        // Nobody knows whose clock is right.
        let open = corrected(waiting, at(2), 4_602 * SECOND, Correction::Hold);
        assert_eq!(advance(open, at(9), 4_609 * SECOND).wall, 1_009 * SECOND);
        // The others are gone.
        let alone = corrected(open, at(10), 4_610 * SECOND, Correction::Alone);
        assert_eq!((alone.wall, alone.correction), (4_610 * SECOND, 0));
    }

    #[test]
    fn a_clock_that_starts_wrong_is_set_before_anything_is_read() {
        let start = state(1_300 * SECOND);
        let set = corrected(
            start,
            start.anchor,
            1_300 * SECOND,
            Correction::Set(-300 * SECOND),
        );
        assert_eq!((set.wall, set.steps, set.offset), (1_000 * SECOND, 0, 0));
        let slewed = corrected(start, start.anchor, 1_300 * SECOND, Correction::By(-300 * SECOND));
        let later = advance(slewed, start.anchor + Duration::from_secs(1), 1_301 * SECOND);
        assert_eq!(later.wall, 1_301 * SECOND - SECOND / SLEW);
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
