//! What another node has read of a target, which cannot be heard: as far as its sessions tell that were ended.

use std::time::Duration;

use ringwatch_frame::Tick;

use crate::session::{Asked, LastQuestion};
use crate::timeline::{Timeline, minus};

/// What is known of it.
#[derive(Debug, Default)]
pub(crate) struct Elsewhere {
    /// It owned the target under a newer epoch than ours until then: all is its own.
    until: Option<Tick>,
    /// What its sessions were at when they were ended, and when they had asked that.
    last: Vec<(LastQuestion, Tick)>,
}

impl Elsewhere {
    /// All that was due until then is another node's.
    pub(super) fn read_until(&mut self, until: Tick) {
        self.until = self.until.max(Some(until));
    }

    /// Sessions were ended at `now`.
    pub(super) fn ended(&mut self, last: Vec<LastQuestion>, now: Tick) {
        self.last.extend(last.into_iter().map(|question| {
            let asked = minus(now, question.age);
            (question, asked)
        }));
    }

    /// Up to when a stream with this `timeline` was read. `tick_of`: the newest tick of a stream of the same lane at an
    /// instant, by its name and its database; the lane reads one tick after the other, as they are due.
    pub(crate) fn of(
        &self,
        timeline: &Timeline,
        tick_of: impl Fn(&str, Option<&str>, Tick) -> Option<Tick>,
    ) -> Option<Tick> {
        let unread = |asked| timeline.before(timeline.newest(asked));
        let told = self.last.iter().filter_map(|(question, asked)| {
            let tick = |name: &str| tick_of(name, question.database.as_deref(), *asked);
            match &question.asked {
                // The answer never came.
                Asked::Stream(name) if question.active => Some(minus(tick(name)?, Duration::from_nanos(1))),
                Asked::Stream(name) => tick(name),
                // It was about to read, or did.
                Asked::Before => Some(unread(*asked)),
                Asked::Unknown if question.active => Some(unread(*asked)),
                Asked::Unknown => Some(*asked),
            }
        });
        told.max().max(self.until)
    }
}

#[cfg(test)]
mod tests {
    use ringwatch_frame::{Schedule, StreamId, TargetId};

    use super::*;

    /// A lane of two streams, and a tick of the first, while the newest of the second is another one.
    struct Lane {
        first: Timeline,
        second: Timeline,
        tick: Tick,
    }

    impl Lane {
        fn new() -> Self {
            let target = TargetId::new("postgresql", "db1:5432");
            let start = Tick::from_unix_nanos(1_700_000_000_000_000_000);
            let timeline = |name: &str, millis| {
                let id = StreamId::of_server(name);
                Timeline::new(
                    Schedule::new(&target, &id, Duration::from_millis(millis)).unwrap(),
                    start,
                )
            };
            let (first, second) = (timeline("first", 1_000), timeline("second", 700));
            let mut tick = first.next();
            while second.newest(later(tick, 10)) >= tick {
                tick = first.after(tick);
            }
            Self { first, second, tick }
        }

        fn tick_of(&self, name: &str, database: Option<&str>, at: Tick) -> Option<Tick> {
            match name {
                "first" => Some(self.first.newest(at)),
                "second" if database.is_none_or(|database| database == "app") => Some(self.second.newest(at)),
                _ => None,
            }
        }

        /// Up to when both are read that a session asked this 290 ms before it was ended, 300 ms after a tick of the first.
        fn read(&self, asked: Asked, active: bool, database: &str) -> (Option<Tick>, Option<Tick>) {
            let now = later(self.tick, 300);
            let mut elsewhere = Elsewhere::default();
            let question = LastQuestion {
                asked,
                active,
                age: Duration::from_millis(290),
                database: Some(database.to_owned()),
            };
            elsewhere.ended(vec![question], now);
            let of = |line| elsewhere.of(line, |name, database, at| self.tick_of(name, database, at));
            (of(&self.first), of(&self.second))
        }
    }

    fn later(tick: Tick, millis: i64) -> Tick {
        Tick::from_unix_nanos(tick.unix_nanos() + millis * 1_000_000)
    }

    #[test]
    fn what_was_read_is_told_by_the_last_question_of_each_session() {
        let lane = Lane::new();
        let tick = lane.tick;
        let second = lane.second.newest(tick);
        let named = |name: &str| Asked::Stream(name.to_owned());
        let (first, _) = lane.read(named("first"), false, "app");
        assert_eq!(first, Some(tick), "it is read");
        let (first, _) = lane.read(named("first"), true, "app");
        assert!(
            first < Some(tick) && first > Some(second),
            "its answer never came"
        );
        let (first, of_second) = lane.read(named("second"), false, "app");
        assert_eq!((first, of_second), (Some(second), Some(second)));
        assert!(
            first < Some(tick),
            "what was due later was not begun, though it was due when the other was asked"
        );
        assert_eq!(
            lane.read(named("second"), false, "shop"),
            (None, None),
            "another database"
        );
        assert_eq!(
            lane.read(named("third"), false, "app"),
            (None, None),
            "another lane"
        );
    }

    #[test]
    fn what_is_not_told_is_the_tick_before_or_all() {
        let lane = Lane::new();
        let tick = lane.tick;
        let before = Some(lane.first.before(tick));
        assert_eq!(lane.read(Asked::Before, false, "app").0, before);
        assert_eq!(lane.read(Asked::Unknown, true, "app").0, before);
        assert_eq!(lane.read(Asked::Unknown, false, "app").0, Some(later(tick, 10)));
    }

    #[test]
    fn all_is_a_newer_owners() {
        let lane = Lane::new();
        let mut elsewhere = Elsewhere::default();
        let of = |elsewhere: &Elsewhere| elsewhere.of(&lane.first, |_, _, _| None);
        assert_eq!(of(&elsewhere), None);
        elsewhere.read_until(lane.first.next());
        assert_eq!(of(&elsewhere), Some(lane.first.next()));
    }
}
