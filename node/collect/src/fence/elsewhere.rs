//! What another node has read of a target, which cannot be heard: as far as its sessions tell that were ended.

use std::time::Duration;

use ringwatch_frame::{StreamId, Tick};

use crate::session::{Asked, LastQuestion};
use crate::timeline::Timeline;

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
            let asked = before(now, question.age);
            (question, asked)
        }));
    }

    /// Up to when the stream was read, which is one of a lane that reads `streams` one after the other.
    pub(crate) fn of(&self, stream: &StreamId, streams: &[&str], timeline: &Timeline) -> Option<Tick> {
        let unread = |asked| timeline.before(timeline.newest(asked));
        let told = self.last.iter().filter_map(|(question, asked)| {
            let other = |database| question.database.as_deref().is_some_and(|its| its != database);
            match &question.asked {
                Asked::Stream(name) if !streams.contains(&name.as_str()) => None,
                Asked::Stream(_) if stream.database().is_some_and(other) => None,
                // The answer never came.
                Asked::Stream(name) if question.active && name == stream.name() => Some(unread(*asked)),
                Asked::Stream(_) => Some(*asked),
                // It was about to read, or did.
                Asked::Before => Some(unread(*asked)),
                Asked::Unknown if question.active => Some(unread(*asked)),
                Asked::Unknown => Some(*asked),
            }
        });
        told.max().max(self.until)
    }
}

fn before(tick: Tick, time: Duration) -> Tick {
    let nanos = i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    Tick::from_unix_nanos(tick.unix_nanos().saturating_sub(nanos))
}

#[cfg(test)]
mod tests {
    use ringwatch_frame::{Schedule, TargetId};

    use super::*;

    const STREAMS: [&str; 2] = ["tables", "indexes"];

    fn timeline(stream: &StreamId) -> Timeline {
        let target = TargetId::new("postgresql", "db1:5432");
        let schedule = Schedule::new(&target, stream, Duration::from_secs(1)).unwrap();
        Timeline::new(schedule, Tick::from_unix_nanos(1_700_000_000_000_000_000))
    }

    fn later(tick: Tick, millis: i64) -> Tick {
        Tick::from_unix_nanos(tick.unix_nanos() + millis * 1_000_000)
    }

    fn ended(asked: Asked, active: bool, database: &str, age: u64, now: Tick) -> Elsewhere {
        let mut elsewhere = Elsewhere::default();
        let question = LastQuestion {
            asked,
            active,
            age: Duration::from_millis(age),
            database: Some(database.to_owned()),
        };
        elsewhere.ended(vec![question], now);
        elsewhere
    }

    #[test]
    fn what_was_read_is_told_by_the_last_question_of_each_session() {
        let tables = StreamId::of_server("tables");
        let line = timeline(&tables);
        // It is ended 300 ms after a tick, and had asked 290 ms ago.
        let tick = line.next();
        let now = later(tick, 300);
        let read = |asked: Asked, active: bool| {
            let elsewhere = ended(asked, active, "app", 290, now);
            let until = elsewhere.of(&tables, &STREAMS, &line);
            until.map(|until| until >= tick)
        };
        let named = |name: &str| Asked::Stream(name.to_owned());
        for (asked, active, expected) in [
            (named("tables"), false, Some(true)),
            (named("tables"), true, Some(false)),
            (named("indexes"), false, Some(true)),
            (named("activity"), false, None),
            (Asked::Before, false, Some(false)),
            (Asked::Unknown, false, Some(true)),
            (Asked::Unknown, true, Some(false)),
        ] {
            assert_eq!(read(asked.clone(), active), expected, "{asked:?} {active}");
        }
    }

    #[test]
    fn the_tick_before_an_unread_one_was_read() {
        let tables = StreamId::of_server("tables");
        let line = timeline(&tables);
        let (tick, now) = (line.next(), later(line.next(), 300));
        let elsewhere = ended(Asked::Before, false, "app", 290, now);
        assert_eq!(elsewhere.of(&tables, &STREAMS, &line), Some(line.before(tick)));
    }

    #[test]
    fn a_database_is_read_by_the_sessions_in_it() {
        let tables = StreamId::of_database("tables", "shop");
        let line = timeline(&tables);
        let now = later(line.next(), 300);
        let of = |database| {
            ended(Asked::Stream("tables".to_owned()), false, database, 290, now).of(&tables, &STREAMS, &line)
        };
        assert!(of("shop").is_some_and(|until| until >= line.next()));
        assert_eq!(of("app"), None);
    }

    #[test]
    fn all_is_a_newer_owners() {
        let activity = StreamId::of_server("activity");
        let line = timeline(&activity);
        let mut elsewhere = Elsewhere::default();
        assert_eq!(elsewhere.of(&activity, &["activity"], &line), None);
        elsewhere.read_until(line.next());
        assert_eq!(elsewhere.of(&activity, &["activity"], &line), Some(line.next()));
    }
}
