//! What a listener has to hear of: gathered while frames are decided, told a few times a second.

use super::core::Core;
use super::entry::Noted;
use super::fingerprint::is_whole_row;
use super::listener::SeenEntry;

/// So many changes wait to be told. What is beyond is told when it is its turn to be told anyway.
const MOST: usize = 1 << 16;

/// Keys of entries that have changed since they were told.
#[derive(Default)]
pub(super) struct News {
    changed: Vec<Changed>,
    /// The place in the memory from which on entries are told that have not changed.
    place: usize,
    /// How many of these are due, as far as that is no whole number.
    due: f64,
}

/// The entry of a key in one tick.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Changed {
    key: u64,
    tick: i64,
    /// It is known to differ from the tick before; else it may still become the same.
    is_sure: bool,
}

impl News {
    /// Notes what a row has made of the entry of `key`.
    #[inline]
    pub(super) fn note(&mut self, key: u64, tick: i64, noted: Noted) {
        if noted.differs && !is_whole_row(key) && self.changed.len() < MOST {
            let is_sure = noted.is_new;
            self.changed.push(Changed { key, tick, is_sure });
        }
    }
}

impl Core {
    /// Begins to gather what a listener has to hear of.
    pub(super) fn gather_news(&mut self) {
        self.news.get_or_insert_default();
    }

    /// Whether there is anything to tell before its turn.
    pub(super) fn has_news(&self) -> bool {
        self.rates.is_news() || self.news.as_ref().is_some_and(|news| !news.changed.is_empty())
    }

    /// Entries that are new or have changed their rules; and of the next `share` of all, those that were seen
    /// here within `recent` nanoseconds.
    pub(super) fn tell_seen(&mut self, share: f64, recent: u64) -> Vec<SeenEntry> {
        let Some(news) = &mut self.news else {
            return Vec::new();
        };
        news.changed.sort_unstable();
        let mut told: Vec<SeenEntry> = Vec::with_capacity(news.changed.len());
        for Changed { key, tick, is_sure } in news.changed.drain(..) {
            let Some(entry) = self.cache.get(key) else {
                continue;
            };
            let is_same = !is_sure && entry.seen == tick && !entry.differs();
            if !is_same && told.last().is_none_or(|last| last.fingerprint != key) {
                told.push(entry.seen_entry(key));
            }
        }
        let (now, cache) = (self.now.get(), self.cache.kinds());
        for (key, entry) in cache.turn(&mut news.place, due(&mut news.due, cache.places(), share)) {
            if !entry.is_foreign() && now.abs_diff(entry.seen) <= recent {
                told.push(entry.seen_entry(key));
            }
        }
        told
    }

    /// How many rows rules with a limit have kept in the last minute, by the number of the rule.
    pub(super) fn used(&self) -> impl Iterator<Item = (usize, u64)> {
        let limited = self.minutes.iter().enumerate();
        limited.filter_map(|(rule, minute)| Some((rule, minute.used()?)))
    }
}

/// How many of `places` are due now, with what was left of the last time.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "no memory has 2^53 places, and a share is between 0 and 1"
)]
fn due(rest: &mut f64, places: usize, share: f64) -> usize {
    let due = *rest + places as f64 * share.clamp(0.0, 1.0);
    *rest = due.fract();
    due as usize
}

#[cfg(test)]
#[path = "news_tests.rs"]
mod tests;
