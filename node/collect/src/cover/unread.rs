//! Ticks that the owner could not read, until the database says that it is not at them: pure.

use std::collections::VecDeque;
use std::time::Duration;

use ringwatch_frame::{StreamId, Tick};
use tokio::time::Instant;

/// How long one is kept while the server is at a question of the owner's.
const KEPT: Duration = Duration::from_secs(5);
/// How often the database is asked meanwhile.
const AGAIN: Duration = Duration::from_millis(500);

/// What the owner could not read.
#[derive(Debug, Default)]
pub(super) struct Unread {
    ticks: VecDeque<(StreamId, Tick, Instant)>,
    again: Option<Instant>,
}

impl Unread {
    /// The owner says that it could not read these.
    pub(super) fn hear(&mut self, told: Vec<(StreamId, Tick)>, now: Instant) {
        self.ticks.retain(|(_, _, told)| now < *told + KEPT);
        self.ticks
            .extend(told.into_iter().map(|(id, tick)| (id, tick, now)));
    }

    /// When the database is to be asked about them. `None`: there are none.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        (!self.ticks.is_empty()).then(|| self.again.unwrap_or(now).max(now))
    }

    /// The server is at a question of the owner's: what is slow is not asked twice.
    pub(super) fn put_off(&mut self, now: Instant) {
        self.again = Some(now + AGAIN);
    }

    /// The next one, which is read now. The oldest is the first.
    pub(super) fn take(&mut self) -> Option<(StreamId, Tick)> {
        self.again = None;
        self.ticks.pop_front().map(|(id, tick, _)| (id, tick))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(tick: i64) -> Vec<(StreamId, Tick)> {
        vec![(StreamId::of_server("s"), Tick::from_unix_nanos(tick))]
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_server_is_at_is_asked_about_again_but_not_for_long() {
        let (mut unread, start) = (Unread::default(), Instant::now());
        assert_eq!(unread.due(start), None);
        unread.hear(told(1), start);
        assert_eq!(unread.due(start), Some(start));
        unread.put_off(start);
        unread.hear(told(2), start + AGAIN / 2);
        assert_eq!(unread.due(start + AGAIN / 2), Some(start + AGAIN));
        unread.hear(Vec::new(), start + KEPT);
        let next = unread.take();
        assert_eq!(next, told(2).pop(), "the first one has been kept for long enough");
        assert_eq!(unread.due(start + KEPT), None);
        unread.hear(told(3), start + KEPT);
        assert_eq!(
            unread.due(start + KEPT),
            Some(start + KEPT),
            "nothing is put off any more"
        );
    }
}
