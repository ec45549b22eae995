//! Ticks: scheduled instants that any node computes alike.

use std::fmt;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use crate::{StreamId, TargetId};

const NANOS_PER_MILLI: i64 = 1_000_000;

/// The scheduled instant of a reading, in nanoseconds since the Unix epoch. It is the timestamp of everything
/// that the reading yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tick(i64);

impl Tick {
    /// The tick at `nanos` nanoseconds since the Unix epoch.
    pub const fn from_unix_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn unix_nanos(self) -> i64 {
        self.0
    }

    /// How long `now` is past this tick; zero if it is not.
    pub fn lateness(self, now: Tick) -> Duration {
        Duration::from_nanos(now.0.saturating_sub(self.0).max(0).unsigned_abs())
    }
}

impl fmt::Display for Tick {
    /// Seconds since the epoch with milliseconds: `1763683200.250`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.div_euclid(NANOS_PER_MILLI);
        write!(f, "{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000))
    }
}

/// An interval that no schedule can have.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("interval {0:?} cannot be scheduled: it must be whole milliseconds, from 100ms to 24h")]
pub struct ScheduleError(pub Duration);

/// The ticks of one stream of one target: `phase + n x interval` of wall-clock time.
///
/// The phase is a hash of target and stream, so that many targets spread evenly over the interval and every
/// node, today and after a restart, agrees on each instant without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    interval: i64,
    phase: i64,
}

impl Schedule {
    /// The shortest interval that can be scheduled.
    pub const MIN_INTERVAL: Duration = Duration::from_millis(100);
    /// The longest interval that can be scheduled.
    pub const MAX_INTERVAL: Duration = Duration::from_secs(24 * 3600);

    /// The schedule of `stream` of `target`.
    ///
    /// # Errors
    /// When the interval is not whole milliseconds between [`Self::MIN_INTERVAL`] and [`Self::MAX_INTERVAL`].
    pub fn new(target: &TargetId, stream: &StreamId, interval: Duration) -> Result<Self, ScheduleError> {
        let nanos = i64::try_from(interval.as_nanos()).map_err(|_| ScheduleError(interval))?;
        let fits = (Self::MIN_INTERVAL..=Self::MAX_INTERVAL).contains(&interval);
        if !fits || nanos % NANOS_PER_MILLI != 0 {
            return Err(ScheduleError(interval));
        }
        let millis = (nanos / NANOS_PER_MILLI).unsigned_abs();
        let hash = xxh3_64(format!("{target}\0{stream}").as_bytes());
        let phase = i64::try_from(hash % millis).unwrap_or(0) * NANOS_PER_MILLI;
        Ok(Self {
            interval: nanos,
            phase,
        })
    }

    /// The distance between two ticks.
    pub fn interval(&self) -> Duration {
        Duration::from_nanos(self.interval.unsigned_abs())
    }

    /// Where in the interval the ticks lie.
    pub fn phase(&self) -> Duration {
        Duration::from_nanos(self.phase.unsigned_abs())
    }

    /// The last tick at or before `now`.
    pub fn at_or_before(&self, now: Tick) -> Tick {
        let n = (now.0 - self.phase).div_euclid(self.interval);
        Tick(self.phase + n * self.interval)
    }

    /// The first tick after `now`.
    pub fn after(&self, now: Tick) -> Tick {
        Tick(self.at_or_before(now).0 + self.interval)
    }

    /// The tick that follows `tick`.
    pub fn next(&self, tick: Tick) -> Tick {
        Tick(tick.0 + self.interval)
    }

    /// How many ticks lie after `from` up to and including `to`; 0 when `to` is not later.
    pub fn between(&self, from: Tick, to: Tick) -> u64 {
        let index = |t: Tick| (t.0 - self.phase).div_euclid(self.interval);
        u64::try_from(index(to) - index(from)).unwrap_or(0)
    }

    /// Whether `tick` is an instant of this schedule.
    pub fn contains(&self, tick: Tick) -> bool {
        (tick.0 - self.phase).rem_euclid(self.interval) == 0
    }
}
