//! No gap: every tick of every stream is delivered, whatever happens to one node at a time.
//!
//! Who cannot be helped is a target whose owner and standby are both away: where two faults meet, what is
//! missing is excused. So is what a node that was killed had read, and its standby was lost before it could
//! deliver it.

use ringwatch_frame::Tick;

use crate::collector::schedule;
use crate::invariants::windows::Windows;
use crate::oracle::{Books, Series, shifted};
use crate::story::{Fault, Story};

/// So long after a kill its standby delivers what the dead node had read, in milliseconds.
const TAKES_OVER: i64 = 5_000;

pub(crate) fn faults(story: &Story, books: &Books, end: Tick) -> Vec<String> {
    let windows = Windows::of(story, books);
    let mut faults = Vec::new();
    for (series, ticks) in &books.delivered {
        let Some((first, _)) = ticks.first_key_value() else {
            continue;
        };
        let last = books
            .removed
            .get(&series.0)
            .map_or(end, |removed| shifted(*removed, -500));
        let schedule = schedule(&series.0, &series.1);
        let expected = std::iter::successors(Some(*first), |tick| Some(schedule.next(*tick)));
        let missing = expected
            .take_while(|tick| *tick < shifted(last, -500))
            .filter(|tick| !ticks.contains_key(tick) && !windows.meet(*tick))
            .filter(|tick| !is_lost_twice(books, series, *tick));
        for tick in missing {
            let read = books.read.get(&(series.clone(), tick));
            faults.push(format!("{series:?} misses {tick}, read: {read:?}"));
        }
    }
    faults
}

/// Whether all who had read it were killed before it was delivered, each with another fault before the
/// standby could deliver it.
fn is_lost_twice(books: &Books, series: &Series, tick: Tick) -> bool {
    let readers = books.read.get(&(series.clone(), tick));
    let lost = |(life, at): &(_, Tick)| {
        books.happened.iter().any(|kill| {
            let killed = matches!(kill.fault, Fault::Kill(..)) && kill.life.as_ref() == Some(life);
            let undelivered = *at <= kill.at && kill.at <= shifted(*at, 700);
            let next = books.happened.iter().any(|next| {
                next.life.is_some() && kill.at < next.at && next.at <= shifted(kill.at, TAKES_OVER)
            });
            killed && undelivered && next
        })
    };
    readers.is_some_and(|readers| readers.iter().all(lost))
}
