//! How late the ticks are that standbys read: by the server's log and the receiver's books.

use std::collections::BTreeMap;
use std::time::Duration;

use super::database::{Seen, is_standbys_reading};
use crate::cluster::ticks::ACTIVITY;
use crate::postgres::questions;
use crate::sink::Ledger;

/// What the activity stream's readings are called in the server's log.
const STREAM: &str = "/* ringwatch postgresql.activity */";
const NANOS_PER_MILLI: u64 = 1_000_000;

/// A tick of the activity stream that a standby read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cover {
    /// How long after the tick the reading began.
    pub read: Duration,
    /// How long after the tick the first of it came to the receiver.
    pub came: Duration,
}

/// All of them. The log does not name the tick of a reading: the last reading of a target is taken to be of the last tick
/// before it, each earlier one of an earlier tick, as a standby reads ticks in their order, and each once.
pub fn of(log: &str, seen: &Seen, ledger: &Ledger) -> Vec<Cover> {
    let mut readings: BTreeMap<&String, Vec<u64>> = BTreeMap::new();
    let questions = questions::read(log);
    for question in questions
        .iter()
        .filter(|q| is_standbys_reading(q) && q.text.starts_with(STREAM))
    {
        let place = seen.place(question.backend, question.at);
        if let Some((target, at)) = place.zip(u64::try_from(question.at).ok()) {
            readings.entry(target).or_default().push(at * NANOS_PER_MILLI);
        }
    }
    readings
        .into_iter()
        .flat_map(|(target, at)| of_target(target, at, ledger))
        .collect()
}

/// Those of one target, which was read at these times.
fn of_target(target: &str, mut readings: Vec<u64>, ledger: &Ledger) -> Vec<Cover> {
    let ticks = ledger.event_times.get(&(target.to_owned(), ACTIVITY.to_owned()));
    let Some((ticks, arrivals)) = ticks.zip(ledger.repeats.arrivals.get(target)) else {
        return Vec::new();
    };
    readings.sort_unstable();
    let (mut covers, mut below) = (Vec::new(), u64::MAX);
    for at in readings.into_iter().rev() {
        // The log's times are cut off at the millisecond.
        let Some(tick) = ticks.range(..below.min(at + NANOS_PER_MILLI)).next_back() else {
            break;
        };
        below = *tick;
        if let Some(came) = arrivals.get(tick) {
            covers.push(Cover {
                read: Duration::from_nanos(at.saturating_sub(*tick)),
                came: Duration::from_nanos(came.at.saturating_sub(*tick)),
            });
        }
    }
    covers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::ticks::SECOND;
    use crate::sink::{Arrival, Memory};

    #[test]
    fn readings_of_standbys_are_told_of_their_ticks() {
        let mut ledger = Ledger::new(Memory::OF_A_TEST);
        let key = ("x:1".to_owned(), ACTIVITY.to_owned());
        let ticks = [1, 2, 3, 4].map(|n| n * SECOND);
        ledger.event_times.insert(key, ticks.into());
        let came = |tick: u64| Arrival {
            at: tick + 2 * SECOND,
            request: 1,
        };
        let arrivals = ticks.map(|tick| (tick, came(tick)));
        ledger.repeats.arrivals.insert("x:1".to_owned(), arrivals.into());
        let mut seen = Seen::default();
        seen.note_place(7, "x:1", 2_000);
        seen.note_place(7, "x:1", 4_000);
        let line = |at: &str, name: &str, stream: &str| {
            format!(
                "1970-01-01 00:00:0{at} UTC [7] app=ringwatch/{name} user=u db=d LOG:  execute s: /* ringwatch {stream} */ select 1\n"
            )
        };
        let log = [
            line("2.001", "a@c/0a0b0c0d/3", "postgresql.activity"),
            line("3.400", "b@c/standby", "postgresql.activity"),
            line("3.410", "b@c/standby", "postgresql.activity"),
            line("3.411", "b@c/standby", "postgresql.activity").replace("select 1", "COMMIT"),
            line("3.420", "b@c/standby", "postgresql.tables"),
            line("4.310", "b@c/standby", "postgresql.activity"),
        ];
        let covers = of(&log.concat(), &seen, &ledger);
        let cover = |read| Cover {
            read: Duration::from_millis(read),
            came: Duration::from_secs(2),
        };
        assert_eq!(covers, [cover(310), cover(410), cover(1_400)]);
    }
}
