//! Which tick of a stream is due, and how many passed by: pure.

use std::time::Duration;

use ringwatch_frame::{Schedule, Tick};

/// How old the last tick of a timeline may be that is gone on with. What passed since is counted tick by
/// tick.
const OLDEST: i64 = 7 * 24 * 3600 * 1_000_000_000;

/// The instant so long before `tick`.
pub(crate) fn minus(tick: Tick, time: Duration) -> Tick {
    let nanos = i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    Tick::from_unix_nanos(tick.unix_nanos().saturating_sub(nanos))
}

/// Why a timeline is not gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotResumed {
    /// Its last tick is later than the next one of our clock.
    #[error("its last tick {0} lies in the future: compare the clocks of the nodes")]
    Future(Tick),
    /// It ended more than a week ago.
    #[error("its last tick {0} is older than a week")]
    Old(Tick),
}

/// The ticks of one stream as they are accounted for. Each tick after the start is given out exactly once, as the
/// one that is due or as one of those that were skipped.
#[derive(Debug)]
pub(crate) struct Timeline {
    schedule: Schedule,
    last: Tick,
}

impl Timeline {
    /// Begins at `now`: the first tick is the next scheduled one.
    pub(crate) fn new(schedule: Schedule, now: Tick) -> Self {
        Self {
            schedule,
            last: schedule.at_or_before(now),
        }
    }

    /// Goes on after `last`, the last tick that ended elsewhere. One that lies less than an interval ahead
    /// comes from a clock that is a little ahead of ours.
    pub(crate) fn resume(&mut self, last: Tick, now: Tick) -> Result<(), NotResumed> {
        let interval = i64::try_from(self.schedule.interval().as_nanos()).unwrap_or(i64::MAX);
        let age = now.unix_nanos().saturating_sub(last.unix_nanos());
        if age <= -interval {
            return Err(NotResumed::Future(last));
        }
        if age > OLDEST {
            return Err(NotResumed::Old(last));
        }
        // Where the interval was another one, it need not be an instant of this schedule.
        self.last = self.schedule.at_or_before(last);
        Ok(())
    }

    /// Another node accounts for the ticks up to `last`. Says whether that is to be believed: one that lies in the
    /// future by an interval or more comes from a clock that is wrong.
    pub(crate) fn rebase(&mut self, last: Tick, now: Tick) -> bool {
        if last >= self.schedule.next(now) {
            return false;
        }
        self.last = self.last.max(self.schedule.at_or_before(last));
        true
    }

    /// The last tick that is accounted for.
    pub(crate) fn last(&self) -> Tick {
        self.last
    }

    /// The tick before `tick`.
    pub(crate) fn before(&self, tick: Tick) -> Tick {
        let instant_before = Tick::from_unix_nanos(tick.unix_nanos().saturating_sub(1));
        self.schedule.at_or_before(instant_before)
    }

    /// The last tick that was due at `now`.
    pub(crate) fn newest(&self, now: Tick) -> Tick {
        self.schedule.at_or_before(now)
    }

    /// The first tick that is not accounted for.
    pub(crate) fn next(&self) -> Tick {
        self.schedule.next(self.last)
    }

    /// The tick after `tick`: until then `tick` can be begun.
    pub(crate) fn after(&self, tick: Tick) -> Tick {
        self.schedule.next(tick)
    }

    /// The tick to begin now, if one is due: the newest. When the clock was set back by more than a tick, the
    /// timeline goes back with it, because it would wait for a time that was never true.
    pub(crate) fn due(&mut self, now: Tick) -> Option<Tick> {
        let newest = self.schedule.at_or_before(now);
        if self.schedule.between(newest, self.last) > 1 {
            self.last = newest;
        }
        (newest > self.last).then_some(newest)
    }

    /// Accounts for all ticks up to and including `tick`, and says how many there were before it.
    pub(crate) fn take(&mut self, tick: Tick) -> u64 {
        let skipped = self.schedule.between(self.last, tick).saturating_sub(1);
        self.last = self.last.max(tick);
        skipped
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ringwatch_frame::{StreamId, TargetId};

    use super::*;

    fn timeline(start: i64) -> Timeline {
        let target = TargetId::new("postgresql", "db1:5432");
        let schedule = Schedule::new(&target, &StreamId::of_server("s"), Duration::from_secs(1)).unwrap();
        Timeline::new(schedule, Tick::from_unix_nanos(start))
    }

    #[test]
    fn a_clock_that_was_set_back_takes_the_timeline_along() {
        let mut line = timeline(5_000_000_000_000);
        let back = Tick::from_unix_nanos(1_000_000_000_000);
        assert_eq!(line.due(back), None);
        let later = Tick::from_unix_nanos(1_001_000_000_000);
        assert!(
            line.due(later).is_some(),
            "the next tick of the new time is given out"
        );
    }

    #[test]
    fn a_timeline_goes_on_where_another_ended() {
        const SECOND: i64 = 1_000_000_000;
        let (start, now) = (5_000 * SECOND, Tick::from_unix_nanos(5_000 * SECOND));
        let own = timeline(start);
        let tick = |n: i64| Tick::from_unix_nanos(own.last().unix_nanos() + n * SECOND);
        // Ticks after our own last one: the tick that ended last, and which is due with how many before it.
        let table = [
            (0, Ok(None)),
            (1, Ok(None)),
            (2, Err(NotResumed::Future(tick(2)))),
            (-1, Ok(Some(0))),
            (-3, Ok(Some(2))),
            (-8 * 24 * 3600, Err(NotResumed::Old(tick(-8 * 24 * 3600)))),
        ];
        for (last, expected) in table {
            let mut line = timeline(start);
            let due = line.resume(tick(last), now).map(|()| line.due(now));
            let skipped = due.map(|due| {
                due.map(|due| {
                    assert_eq!(due, tick(0));
                    line.take(due)
                })
            });
            assert_eq!(skipped, expected, "{last}");
            let next = if last == 1 { tick(2) } else { tick(1) };
            assert_eq!(line.next(), next, "{last}");
        }
        for hostile in [i64::MIN, i64::MAX] {
            let mut line = timeline(start);
            assert!(line.resume(Tick::from_unix_nanos(hostile), now).is_err());
        }
        let mut line = timeline(start);
        line.resume(Tick::from_unix_nanos(tick(-1).unix_nanos() + 17), now)
            .unwrap();
        assert_eq!(line.last(), tick(-1), "an instant of another schedule");
        assert_eq!(line.before(tick(0)), tick(-1));
    }

    #[test]
    fn ticks_that_another_node_accounts_for_are_not_given_out() {
        const SECOND: i64 = 1_000_000_000;
        let start = 5_000 * SECOND;
        let mut line = timeline(start);
        let tick = |n: i64| Tick::from_unix_nanos(timeline(start).last().unix_nanos() + n * SECOND);
        assert!(line.rebase(tick(3), tick(3)));
        assert_eq!((line.last(), line.due(tick(3))), (tick(3), None));
        assert!(line.rebase(tick(1), tick(3)));
        assert_eq!(line.last(), tick(3), "never back");
        assert!(!line.rebase(tick(9), tick(3)));
        assert_eq!(line.take(tick(6)), 2);
    }

    proptest! {
        #[test]
        fn every_tick_is_given_out_once(start in 0i64..1_000_000_000_000, steps in prop::collection::vec(0i64..4_000_000_000, 1..50)) {
            let mut line = timeline(start);
            let (first, mut now, mut given) = (line.next(), start, 0);
            for step in steps {
                now += step;
                if let Some(tick) = line.due(Tick::from_unix_nanos(now)) {
                    prop_assert!(tick.unix_nanos() <= now);
                    given += line.take(tick) + 1;
                }
                prop_assert_eq!(line.due(Tick::from_unix_nanos(now)), None);
            }
            let before = line.schedule.at_or_before(Tick::from_unix_nanos(start));
            prop_assert_eq!(given, line.schedule.between(before, Tick::from_unix_nanos(now)));
            prop_assert!(line.next() >= first);
        }
    }
}
