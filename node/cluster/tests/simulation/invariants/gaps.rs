//! No gap: every tick of every stream is delivered, once.
//!
//! Where nodes only join, drain and leave none is missing. A kill may cost a stream of 1 s two ticks of
//! what the dead owner read, one of 2 s one, and one of 10 s none; what a former owner had read and was
//! still to deliver dies with it. A pause costs what falls into it, and into the time that it takes to be
//! seen. Where the network is cut nothing is promised yet, nor while the group cannot number views.

use std::collections::BTreeMap;

use ringwatch_frame::Tick;

use crate::collector::schedule;
use crate::oracle::{Books, Happened, Series, millis, shifted};
use crate::story::{Fault, Kind, Story};

pub(crate) fn faults(story: &Story, books: &Books, end: Tick) -> Vec<String> {
    if matches!(story.kind, Kind::Everything | Kind::Votes) {
        return Vec::new();
    }
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
            .filter(|t| !ticks.contains_key(t));
        let mut excused: BTreeMap<usize, i64> = BTreeMap::new();
        for tick in missing {
            match reason(books, series, tick) {
                Some((nth, allowed)) => {
                    let count = excused.entry(nth).or_default();
                    *count += 1;
                    if *count > allowed {
                        faults.push(format!(
                            "{series:?} misses one tick too many: {tick} after {:?}",
                            books.happened.get(nth)
                        ));
                    }
                }
                None => faults.push(format!(
                    "{series:?} misses {tick}, read: {:?}",
                    books.read.get(&(series.clone(), tick))
                )),
            }
        }
    }
    faults
}

/// The fault that may have cost this tick, and how many it may cost.
fn reason(books: &Books, series: &Series, tick: Tick) -> Option<(usize, i64)> {
    let interval = millis(schedule(&series.0, &series.1).interval());
    let near = |happened: &Happened, before: i64, after: i64| {
        shifted(happened.at, -before) <= tick && tick <= shifted(happened.at, after)
    };
    let costs = |happened: &Happened| match happened.fault {
        Fault::Kill(..)
            if near(happened, 700, 0) && died_with_former_owner(books, series, tick, happened) =>
        {
            Some(1)
        }
        Fault::Kill(..) if happened.held.contains(&series.0) && near(happened, 700, 3_000) => {
            (interval < 10_000).then_some(if interval > 1_000 { 1 } else { 2 })
        }
        Fault::Pause(_, time) if happened.held.contains(&series.0) => {
            let time = millis(time).min(2_000) + 1_000;
            near(happened, 700, time + 3_000).then_some(time / interval + 1)
        }
        _ => None,
    };
    let found = books
        .happened
        .iter()
        .enumerate()
        .find_map(|(nth, happened)| Some((nth, costs(happened)?)));
    found.filter(|(_, allowed)| *allowed > 0)
}

/// Whether the tick had been read, and its reader died when it had handed the target over and not delivered
/// all.
fn died_with_former_owner(books: &Books, series: &Series, tick: Tick, killed: &Happened) -> bool {
    let read = books.read.get(&(series.clone(), tick)).into_iter().flatten();
    let mut by_the_dead = read.filter(|(life, _)| killed.life.as_ref() == Some(life));
    by_the_dead.next().is_some() && !killed.held.contains(&series.0)
}
