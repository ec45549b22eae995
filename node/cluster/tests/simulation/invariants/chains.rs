//! No lie: from one delivered frame of a counter to the next nothing is lost and nothing doubled, whoever
//! read them.
//!
//! A frame says what the counter was at the reading before, and what it was at its own. One frame may
//! arrive twice, when an owner died before it knew of the delivery; then both are the same, row for row.
//! Where the network is cut a target may have two owners, so that nothing is promised yet; and where an owner
//! and its standby are killed at once, what they knew is gone.

use crate::collector::counts;
use crate::oracle::Books;
use crate::story::{Kind, Story};

pub(crate) fn faults(story: &Story, books: &Books) -> Vec<String> {
    if matches!(story.kind, Kind::Everything | Kind::Votes) {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (series, ticks) in &books.delivered {
        let mut previous: Option<i64> = None;
        for (tick, frames) in ticks {
            let Some(first) = frames.first() else { continue };
            if frames.iter().any(|frame| frame.counter != first.counter) {
                faults.push(format!("{series:?} has several readings of {tick}: {frames:?}"));
            }
            if frames.len() > 1 && story.kind == Kind::Moves {
                faults.push(format!("{series:?} has {tick} twice: {frames:?}"));
            }
            if counts(&series.1) && previous.is_some() && first.counter.0 != previous {
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
