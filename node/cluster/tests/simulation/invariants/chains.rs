//! No lie: of a tick there are no two readings, and from one delivered frame of a counter to the next nothing
//! is lost and nothing doubled, whoever read them.
//!
//! A frame says what the counter was at the reading before, and what it was at its own. One frame may
//! arrive twice, when an owner died before it knew of the delivery; then both are the same, row for row.
//! Where two faults meet, a standby may not know what the owner knew: then it reads again what its owner had read a
//! short time before.

use ringwatch_frame::Tick;

use crate::collector::{counts, schedule};
use crate::invariants::windows::Windows;
use crate::oracle::{Books, millis, shifted};
use crate::story::{Kind, Story};

pub(crate) fn faults(story: &Story, books: &Books) -> Vec<String> {
    let windows = Windows::of(story, books);
    let mut faults = Vec::new();
    for (series, ticks) in &books.delivered {
        let schedule = schedule(&series.0, &series.1);
        let mut previous: Option<i64> = None;
        let mut doubtful = false;
        for (tick, frames) in ticks {
            let Some(first) = frames.first() else { continue };
            let until = shifted(*tick, 2 * millis(schedule.interval()));
            let handed = |moves: &Vec<(Tick, _)>| moves.iter().any(|(at, _)| *tick <= *at && *at <= until);
            // A standby that is cut off sees that its owner's sessions are gone, and does not hear that the target has moved.
            let moves = books.moves.get(&series.0).is_some_and(handed);
            let by_cut_off = frames.iter().any(|frame| windows.cuts_off(&frame.read_by, *tick));
            let after_doubtful = std::mem::replace(&mut doubtful, moves && by_cut_off);
            let excused = windows.meet_at(&schedule, *tick) || doubtful;
            if frames.iter().any(|frame| frame.counter != first.counter) && !excused {
                faults.push(format!("{series:?} has several readings of {tick}: {frames:?}"));
            }
            if frames.len() > 1 && story.kind == Kind::Moves {
                faults.push(format!("{series:?} has {tick} twice: {frames:?}"));
            }
            // What a cut-off owner read last is known to nobody else: its successor begins anew.
            let anew = first.counter.0.is_none() && windows.cut(*tick);
            let excused = excused || after_doubtful || anew;
            if counts(&series.1) && previous.is_some() && first.counter.0 != previous && !excused {
                let (before, now) = first.counter;
                faults.push(format!(
                    "{series:?} at {tick} counts from {before:?} to {now}, not from {previous:?}"
                ));
            }
            previous = Some(first.counter.1);
        }
    }
    faults
}
