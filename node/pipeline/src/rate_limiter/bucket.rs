//! A token bucket.

use tokio::time::Instant;

/// So much a second, and so much at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    pub(crate) per_second: f64,
    pub(crate) burst: f64,
}

/// Tokens that come back with time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    /// How many were taken and are not back yet, so that a full bucket needs no rate.
    owed: f64,
    at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(now: Instant) -> Self {
        Self { owed: 0.0, at: now }
    }

    /// Takes one token, if there is one.
    pub(crate) fn take(&mut self, rate: Rate, now: Instant) -> bool {
        self.refill(rate, now);
        let has = rate.burst - self.owed >= 1.0;
        self.owed += if has { 1.0 } else { 0.0 };
        has
    }

    /// Takes up to `wanted` tokens; says how many.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the number is whole, not negative and not more than what was wanted"
    )]
    pub(crate) fn take_up_to(&mut self, wanted: u64, rate: Rate, now: Instant) -> u64 {
        self.refill(rate, now);
        let taken = (rate.burst - self.owed).floor().clamp(0.0, wanted as f64);
        self.owed += taken;
        (taken as u64).min(wanted)
    }

    /// Gives one token back.
    pub(crate) fn give_back(&mut self) {
        self.owed = (self.owed - 1.0).max(0.0);
    }

    fn refill(&mut self, rate: Rate, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.owed = (self.owed - passed * rate.per_second).clamp(0.0, rate.burst);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tokens_are_taken_given_back_and_come_with_time() {
        let start = Instant::now();
        let rate = Rate {
            per_second: 2.0,
            burst: 3.0,
        };
        let mut bucket = Bucket::new(start);
        let taken: Vec<_> = (0..4).map(|_| bucket.take(rate, start)).collect();
        assert_eq!(taken, [true, true, true, false]);
        bucket.give_back();
        assert!(bucket.take(rate, start) && !bucket.take(rate, start));
        assert!(bucket.take(rate, start + Duration::from_millis(501)));
        assert!(!bucket.take(rate, start + Duration::from_millis(502)));
        let later = start + Duration::from_secs(60);
        assert_eq!(bucket.take_up_to(10, rate, later), 3);
        assert_eq!(bucket.take_up_to(10, rate, later), 0);
    }

    proptest! {
        #[test]
        fn no_more_than_the_burst_and_the_rate_is_given(
            per_second in 0.01_f64..1000.0, burst in 1.0_f64..100.0,
            steps in prop::collection::vec((0_u64..3000, 0_u64..50), 1..100),
        ) {
            let start = Instant::now();
            let (mut bucket, rate) = (Bucket::new(start), Rate { per_second, burst });
            let (mut now, mut taken) = (start, 0);
            for (step, wanted) in steps {
                now += Duration::from_millis(step);
                let got = bucket.take_up_to(wanted, rate, now);
                prop_assert!(got <= wanted);
                taken += got;
                let most = burst + per_second * (now - start).as_secs_f64();
                prop_assert!(taken as f64 <= most + 1e-6, "{taken} of {most}");
            }
        }
    }
}
