//! The pulse: whether this process has been running all the time, and whether it may act on what it knows.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// How often the pulse is meant to beat.
pub const BEAT: Duration = Duration::from_millis(50);
/// A distance between two beats that is a pause: peers may have taken us for dead since.
pub const PAUSE: Duration = Duration::from_millis(400);

/// Beats on the gossip's own thread. Whoever is about to act asks it whether the process was stopped meanwhile.
///
/// After a pause nobody may act until the pause is confirmed: our peers were asked and say that we still are a member, or
/// we have let go of all that we owned.
#[derive(Debug)]
pub struct Pulse {
    start: Instant,
    /// Milliseconds from `start` to the last beat.
    last: AtomicU64,
    pauses: AtomicU64,
    confirmed: AtomicU64,
    /// It is not known of every frame that this node has who delivers it.
    undecided: AtomicBool,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            last: AtomicU64::new(0),
            pauses: AtomicU64::new(0),
            confirmed: AtomicU64::new(0),
            undecided: AtomicBool::new(false),
        }
    }
}

impl Pulse {
    /// Beats. Says how long the process was paused, if it was.
    pub fn beat(&self) -> Option<Duration> {
        // The clock is read once: a stop at any point after that is silence to the next look.
        let now = self.now();
        let silence = Duration::from_millis(now.saturating_sub(self.last.load(Ordering::SeqCst)));
        let paused = silence > PAUSE;
        if paused {
            // Before the beat: nobody may see a fresh beat and not yet the pause.
            self.pauses.fetch_add(1, Ordering::SeqCst);
        }
        self.last.store(now, Ordering::SeqCst);
        paused.then_some(silence)
    }

    /// Whether what this node knows can be acted upon at this very moment.
    pub fn sure(&self) -> bool {
        self.silence() <= PAUSE && self.pauses() == self.confirmed.load(Ordering::SeqCst)
    }

    /// Whether this node knows as well which of the frames that it has are its own to deliver.
    pub fn knows_its_own(&self) -> bool {
        self.sure() && !self.undecided.load(Ordering::SeqCst)
    }

    /// Whether it is known of each frame who delivers it.
    pub(crate) fn decide(&self, decided: bool) {
        self.undecided.store(!decided, Ordering::SeqCst);
    }

    /// How many pauses there were.
    pub fn pauses(&self) -> u64 {
        self.pauses.load(Ordering::SeqCst)
    }

    /// The first `pauses` pauses have been looked into.
    pub fn confirm(&self, pauses: u64) {
        self.confirmed.fetch_max(pauses, Ordering::SeqCst);
    }

    fn silence(&self) -> Duration {
        Duration::from_millis(self.now().saturating_sub(self.last.load(Ordering::SeqCst)))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn after_a_pause_nobody_is_sure_until_it_is_confirmed() {
        let pulse = Pulse::default();
        tokio::time::advance(BEAT).await;
        assert_eq!(pulse.beat(), None);
        assert!(pulse.sure());
        tokio::time::advance(PAUSE + BEAT).await;
        assert!(!pulse.sure(), "no beat: it may be that only the pulse is late");
        assert_eq!(pulse.beat(), Some(PAUSE + BEAT));
        assert!(!pulse.sure(), "the pause is not confirmed");
        pulse.confirm(pulse.pauses());
        assert!(pulse.sure());
    }
}
