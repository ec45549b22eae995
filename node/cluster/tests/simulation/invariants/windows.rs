//! When faults were at work, and when more than one was.

use ringwatch_frame::{Schedule, Tick};

use crate::oracle::{Books, millis, shifted};
use crate::story::{Fault, Kind, Story};

/// So long after a fault its consequences are over, in milliseconds.
const AFTER: i64 = 5_000;
/// So long before it what it can still hit had begun.
const BEFORE: i64 = 700;

/// Where anything may happen at any time, it takes until a node that returned is in the ring again.
const LONG_AFTER: i64 = 12_000;

/// From when to when each fault was at work, and whether it cut a node off.
pub(crate) struct Windows(Vec<(Tick, Tick, bool)>);

impl Windows {
    pub(crate) fn of(story: &Story, books: &Books) -> Self {
        let any_time = matches!(story.kind, Kind::Everything | Kind::Votes);
        let after = if any_time { LONG_AFTER } else { AFTER };
        let window = |happened: &crate::oracle::Happened| {
            let lasts = match happened.fault {
                Fault::Pause(_, time)
                | Fault::Partition(_, time)
                | Fault::Unheard(_, time)
                | Fault::Blind(_, time)
                | Fault::Weather(time) => millis(time) + after,
                _ => after,
            };
            let cuts = matches!(happened.fault, Fault::Partition(..) | Fault::Unheard(..));
            (shifted(happened.at, -BEFORE), shifted(happened.at, lasts), cuts)
        };
        Self(books.happened.iter().map(window).collect())
    }

    /// Whether more than one fault was at work at this tick.
    pub(crate) fn meet(&self, tick: Tick) -> bool {
        self.at_work(tick).count() > 1
    }

    /// Whether more than one was at work while this tick of a stream could be read, which a standby does until two
    /// intervals later, or since the one before it: from then on what it counts from is known.
    pub(crate) fn meet_at(&self, schedule: &Schedule, tick: Tick) -> bool {
        let interval = schedule.interval();
        let from = shifted(tick, -millis(interval));
        let until = shifted(tick, 2 * millis(interval));
        let near = |(begins, ends, _): &&(Tick, Tick, bool)| *begins <= until && from <= *ends;
        self.0.iter().filter(near).count() > 1
    }

    /// Whether a node was cut off at this tick, or a short time ago.
    pub(crate) fn cut(&self, tick: Tick) -> bool {
        let near = |(from, to, _): &&(Tick, Tick, bool)| *from <= tick && tick <= shifted(*to, LONG_AFTER);
        self.0.iter().filter(near).any(|(_, _, cuts)| *cuts)
    }

    fn at_work(&self, tick: Tick) -> impl Iterator<Item = &(Tick, Tick, bool)> {
        self.0
            .iter()
            .filter(move |(from, to, _)| *from <= tick && tick <= *to)
    }
}
