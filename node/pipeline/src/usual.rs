//! What is usual for a quantity of a target: a mean that forgets.

use std::time::Duration;

use tokio::time::Instant;

/// After this time, what was is worth a third.
const MEMORY: Duration = Duration::from_secs(1800);
/// Until so many values were seen nothing can be called unusual.
const ENOUGH: u32 = 20;
/// A mean that was found elsewhere stands for so many values.
const RESUMED: u32 = 100;
/// One value never weighs more, however long ago the one before was.
const MOST: f64 = 0.05;

/// An exponentially weighted mean; the plain mean while there are few values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usual {
    mean: f64,
    seen: u32,
    last: Instant,
}

impl Usual {
    /// Nothing seen yet.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            mean: 0.0,
            seen: 0,
            last: now,
        }
    }

    /// Goes on with a mean that was found elsewhere.
    pub(crate) fn resume(mean: f64, now: Instant) -> Self {
        Self {
            mean,
            seen: RESUMED,
            last: now,
        }
    }

    /// The mean, once it means something.
    pub(crate) fn mean(&self) -> Option<f64> {
        (self.seen >= ENOUGH).then_some(self.mean)
    }

    /// When the last value came.
    pub(crate) fn last(&self) -> Instant {
        self.last
    }

    /// Takes a value in, and says what was usual before it.
    pub(crate) fn add(&mut self, value: f64, now: Instant) -> Option<f64> {
        let before = self.mean();
        self.seen = self.seen.saturating_add(1);
        let passed = now.saturating_duration_since(self.last).as_secs_f64();
        let weight = (1.0 - (-passed / MEMORY.as_secs_f64()).exp()).min(MOST);
        self.mean += (value - self.mean) * weight.max(1.0 / f64::from(self.seen));
        self.last = now;
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_the_mean_and_follows_what_lasts() {
        let start = Instant::now();
        let at = |second: u64| start + Duration::from_secs(second);
        let mut usual = Usual::new(start);
        for n in 0..20 {
            assert_eq!(usual.add(f64::from(n % 2), at(u64::from(n as u32))), None);
        }
        assert!((usual.mean().unwrap() - 0.5).abs() < 1e-9);
        for n in 20..80 {
            usual.add(4.0, at(n));
        }
        assert!(usual.mean().unwrap() < 3.5, "a minute is not what is usual");
        for n in 80..7_300 {
            usual.add(4.0, at(n));
        }
        assert!(usual.mean().unwrap() > 3.9, "two hours are");
    }
}
