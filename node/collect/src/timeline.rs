//! Which tick of a stream is due, and how many passed by: pure.

use ringwatch_frame::{Schedule, Tick};

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
    use std::time::Duration;

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
