//! No gap: every tick of every stream is delivered, whatever happens to one node at a time.
//!
//! Who cannot be helped is a target whose owner and standby are both away: where two faults meet, what is
//! missing is excused.

use ringwatch_frame::Tick;

use crate::collector::schedule;
use crate::invariants::windows::Windows;
use crate::oracle::{Books, shifted};
use crate::story::Story;

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
            .filter(|tick| !ticks.contains_key(tick) && !windows.meet(*tick));
        for tick in missing {
            let read = books.read.get(&(series.clone(), tick));
            faults.push(format!("{series:?} misses {tick}, read: {read:?}"));
        }
    }
    faults
}
