//! Limits of rows a second and a minute, on the time of the readings.

use serde::{Deserialize, Serialize};

const NANOS: u64 = 1_000_000_000;
/// A frame older than this against the newest says nothing of the clock, unless such frames are all there
/// are.
const BEHIND: i64 = 600 * 1_000_000_000;
/// So many old frames in a row, and the newest is what was wrong.
const ALL_BEHIND: u32 = 100;

/// Now, by the ticks of the frames that came: the latest of them. It does not go back for a frame that comes
/// late; it does when the clock that made it was wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Now {
    nanos: Option<i64>,
    #[serde(skip)]
    behind: u32,
    #[serde(skip)]
    is_of_this_run: bool,
}

impl Now {
    /// The time of a run that has ended, until the first frame of this one says better: the clock of that run
    /// may have been ahead, and limits must not wait until this one has caught up.
    pub(super) fn of_last_run(&self) -> Self {
        Self {
            nanos: self.nanos,
            ..Self::default()
        }
    }

    /// Notes a frame's tick and gives the time, in nanoseconds since the Unix epoch.
    pub(super) fn see(&mut self, tick: i64) -> i64 {
        let Some(now) = self.of_this_run() else {
            self.nanos = Some(tick);
            self.is_of_this_run = true;
            return tick;
        };
        if tick < now.saturating_sub(BEHIND) {
            self.behind += 1;
        } else {
            self.behind = 0;
        }
        let next = if self.behind >= ALL_BEHIND {
            self.behind = 0;
            tick
        } else {
            now.max(tick)
        };
        self.nanos = Some(next);
        next
    }

    /// The same, once a frame of this run has told it.
    pub(super) fn of_this_run(&self) -> Option<i64> {
        self.nanos.filter(|_| self.is_of_this_run)
    }

    /// The time as it was seen last.
    pub(super) fn get(&self) -> i64 {
        self.nanos.unwrap_or(0)
    }
}

/// A token bucket that holds what one second brings. It is full at first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bucket {
    /// Rows, in thousand millionths; `None` before the first time.
    level: Option<u64>,
    at: i64,
}

impl Bucket {
    /// Takes up to `wanted` rows at `now` where `per_second` may pass, and says how many were there. `0` is
    /// no limit.
    pub(super) fn take(&mut self, now: i64, per_second: u64, wanted: u64) -> u64 {
        if per_second == 0 {
            return wanted;
        }
        let full = per_second.saturating_mul(NANOS);
        let passed = u64::try_from(now.saturating_sub(self.at)).unwrap_or(0);
        let grown = self.level.map_or(full, |level| {
            level.saturating_add(passed.saturating_mul(per_second))
        });
        let level = grown.min(full);
        let taken = wanted.min(level / NANOS);
        self.level = Some(level - taken * NANOS);
        self.at = now;
        taken
    }
}

/// How many rows were kept in each of the last sixty seconds: a window that slides, so that no minute,
/// wherever it begins, holds more than the limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Minute {
    limit: u64,
    second: i64,
    counts: [u64; 60],
    sum: u64,
}

/// The part of [`Minute`] that outlives the process: seconds since the Unix epoch, and rows.
pub(super) type MinuteState = Vec<(i64, u64)>;

impl Minute {
    /// A minute in which nothing was kept. `0` is no limit.
    pub(super) fn new(limit: u64) -> Self {
        Self {
            limit,
            second: i64::MIN,
            counts: [0; 60],
            sum: 0,
        }
    }

    /// Moves to `now`, in nanoseconds. A step back forgets everything.
    pub(super) fn move_to(&mut self, now: i64) {
        let second = now.div_euclid(NANOS.cast_signed());
        let passed = second.checked_sub(self.second);
        match passed {
            Some(0) => return,
            Some(passed @ 1..60) => {
                for gone in 0..passed {
                    let count = self.count_at(second - gone);
                    let old = std::mem::take(count);
                    // counts out of a file need not make the sum
                    self.sum = self.sum.saturating_sub(old);
                }
            }
            _ => {
                self.counts = [0; 60];
                self.sum = 0;
            }
        }
        self.second = second;
    }

    /// Whether one more row may be kept; then it is counted.
    pub(super) fn take(&mut self) -> bool {
        if self.limit == 0 {
            return true;
        }
        if self.sum >= self.limit {
            return false;
        }
        let second = self.second;
        *self.count_at(second) += 1;
        self.sum += 1;
        true
    }

    /// Takes back what [`Minute::take`] counted, for a row that another limit dropped.
    pub(super) fn give_back(&mut self) {
        let second = self.second;
        let count = self.count_at(second);
        if *count > 0 {
            *count -= 1;
            self.sum = self.sum.saturating_sub(1);
        }
    }

    fn count_at(&mut self, second: i64) -> &mut u64 {
        let at = usize::try_from(second.rem_euclid(60)).unwrap_or(0);
        &mut self.counts[at]
    }

    /// How many rows were kept in the last minute; `None` where there is no limit.
    pub(super) fn used(&self) -> Option<u64> {
        (self.limit > 0).then_some(self.sum)
    }

    /// Counts rows of an earlier life in `minute`, counted from the Unix epoch, unless some were kept since. They count
    /// as the first ones of that minute, so that no more than the limit passes in what is left of it.
    pub(super) fn adopt(&mut self, minute: i64, used: u64) {
        if self.sum == 0 && used > 0 && self.limit > 0 {
            *self = Self::restore(self.limit, &vec![(minute.saturating_mul(60), used)]);
        }
    }

    /// What must be remembered.
    pub(super) fn state(&self) -> MinuteState {
        let seconds = (0..60).filter_map(|ago| self.second.checked_sub(ago));
        let counts = seconds.filter_map(|second| {
            let at = usize::try_from(second.rem_euclid(60)).ok()?;
            self.counts.get(at).map(|count| (second, *count))
        });
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// A minute with what was remembered; seconds that do not belong together are left out.
    pub(super) fn restore(limit: u64, state: &MinuteState) -> Self {
        let mut minute = Self::new(limit);
        let Some(newest) = state.iter().map(|(second, _)| *second).max() else {
            return minute;
        };
        minute.second = newest;
        for (second, count) in state {
            if newest.saturating_sub(*second) < 60 {
                let place = minute.count_at(*second);
                *place = place.saturating_add(*count);
                minute.sum = minute.sum.saturating_add(*count);
            }
        }
        minute
    }
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
