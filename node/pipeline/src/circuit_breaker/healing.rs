//! Self-healing: a target that keeps opening its circuit is asked less often.

use std::time::Duration;

use tokio::time::Instant;

/// A circuit that opens within this time after it closed had not recovered, however short its break was.
const SOON: Duration = Duration::from_secs(600);
/// After so long a time without opening one doubling is taken back.
const CALM: Duration = Duration::from_secs(3600);

/// How often the intervals of one target are doubled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Healing {
    most: u32,
    doublings: u32,
    /// Since when the circuit is closed and nothing was adjusted.
    calm_since: Instant,
}

impl Healing {
    /// Nothing adjusted yet.
    pub(crate) fn new(most: u32, now: Instant) -> Self {
        Self {
            most,
            doublings: 0,
            calm_since: now,
        }
    }

    /// Other bounds.
    pub(crate) fn limit(&mut self, most: u32) {
        self.most = most;
        self.doublings = self.doublings.min(most);
    }

    /// Goes on with what was adjusted before.
    pub(crate) fn resume(&mut self, doublings: u32) {
        self.doublings = doublings.min(self.most);
    }

    /// The circuit had been closed for so long, `age` ago.
    pub(crate) fn closed_before(&mut self, closed: Duration, age: Duration, now: Instant) {
        let over = Duration::from_nanos(u64::try_from(closed.as_nanos() % CALM.as_nanos()).unwrap_or(0));
        self.calm_since = now.checked_sub(over.saturating_add(age)).unwrap_or(now);
    }

    /// How often intervals are doubled.
    pub(crate) fn doublings(&self) -> u32 {
        self.doublings
    }

    /// How many times the usual interval lies between two readings.
    pub(crate) fn factor(&self) -> u32 {
        1_u32.checked_shl(self.doublings).unwrap_or(u32::MAX)
    }

    /// The circuit opened after it had been closed for so long; its break before that was `last_break` long.
    pub(crate) fn opened(&mut self, closed_for: Duration, last_break: Duration) {
        if !last_break.is_zero() && closed_for < last_break.max(SOON) {
            self.doublings = (self.doublings + 1).min(self.most);
        }
    }

    /// The circuit closed.
    pub(crate) fn closed(&mut self, now: Instant) {
        self.calm_since = now;
    }

    /// The circuit is still closed. Says whether that took something back.
    pub(crate) fn calm(&mut self, now: Instant) -> bool {
        let before = self.doublings;
        while self.doublings > 0 && now.saturating_duration_since(self.calm_since) >= CALM {
            self.doublings -= 1;
            self.calm_since += CALM;
        }
        self.doublings < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_doubled_by_each_relapse_and_halved_by_each_calm_hour() {
        let start = Instant::now();
        let mut healing = Healing::new(2, start);
        let minute = Duration::from_secs(60);
        healing.opened(minute, Duration::ZERO);
        assert_eq!(healing.factor(), 1, "the first time is no relapse");
        for (closed_for, last_break, factor) in [
            (minute, minute, 2),
            (20 * minute, minute, 2),
            (20 * minute, 30 * minute, 4),
            (minute, minute, 4),
        ] {
            healing.opened(closed_for, last_break);
            assert_eq!(healing.factor(), factor, "{closed_for:?} {last_break:?}");
        }
        healing.closed(start);
        for (minutes, factor) in [(59, 4), (60, 2), (119, 2), (120, 1), (600, 1)] {
            healing.calm(start + minutes * minute);
            assert_eq!(healing.factor(), factor, "{minutes}");
        }
        healing.resume(9);
        assert_eq!(healing.doublings(), 2);
        healing.limit(0);
        assert_eq!(healing.factor(), 1);
    }
}
