//! When faults were at work, and when more than one was.

use ringwatch_cluster::member::Incarnation;
use ringwatch_frame::{Schedule, Tick};

use crate::oracle::{Books, millis, shifted};
use crate::story::{Fault, Kind, Story};

/// So long after a fault its consequences are over, in milliseconds.
const AFTER: i64 = 5_000;
/// So long before it what it can still hit had begun.
const BEFORE: i64 = 700;

/// Where anything may happen at any time, it takes until a node that returned is in the ring again.
const LONG_AFTER: i64 = 12_000;

/// So long after a cut has healed a node may still act on what it saw behind it, in milliseconds.
const HEALED: i64 = 1_000;

/// From when to when each fault was at work.
pub(crate) struct Windows(Vec<Window>);

struct Window {
    from: Tick,
    to: Tick,
    /// The life that was cut off, and until when.
    cut: Option<(Option<Incarnation>, Tick)>,
}

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
            let cut = match happened.fault {
                Fault::Partition(_, time) | Fault::Unheard(_, time) => {
                    Some(shifted(happened.at, millis(time)))
                }
                _ => None,
            };
            Window {
                from: shifted(happened.at, -BEFORE),
                to: shifted(happened.at, lasts),
                cut: cut.map(|until| (happened.life.clone(), until)),
            }
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
        let near = |window: &&Window| window.from <= until && from <= window.to;
        self.0.iter().filter(near).count() > 1
    }

    /// Whether a node was cut off at this tick, or a short time ago.
    pub(crate) fn cut(&self, tick: Tick) -> bool {
        let near = |window: &&Window| window.from <= tick && tick <= shifted(window.to, LONG_AFTER);
        self.0.iter().filter(near).any(|window| window.cut.is_some())
    }

    /// Whether this life was cut off at this tick.
    pub(crate) fn cuts_off(&self, who: &Incarnation, tick: Tick) -> bool {
        let cut = |window: &Window| {
            let (life, until) = window.cut.as_ref()?;
            let off = window.from <= tick && tick <= shifted(*until, HEALED);
            Some(off && life.as_ref() == Some(who))
        };
        self.0.iter().filter_map(cut).any(|off| off)
    }

    fn at_work(&self, tick: Tick) -> impl Iterator<Item = &Window> {
        self.0
            .iter()
            .filter(move |window| window.from <= tick && tick <= window.to)
    }
}
