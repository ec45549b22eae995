//! How long to wait before the next attempt.

use std::time::Duration;

use ringwatch_config::settings::RetryOnFailure;
use tokio::time::Instant;

/// The waits between the attempts for one batch: exponential, with jitter. It never gives up; after
/// `max_elapsed_time` it begins anew with the first wait.
#[derive(Clone, Debug)]
pub struct Backoff {
    settings: RetryOnFailure,
    plain: Duration,
    began: Instant,
}

impl Backoff {
    /// The waits of a batch whose first attempt is made at `now`.
    pub fn new(settings: &RetryOnFailure, now: Instant) -> Self {
        Self {
            settings: settings.clone(),
            plain: settings.initial_interval.0,
            began: now,
        }
    }

    /// The next wait. `random` is a number from 0 to 1 that decides about the jitter: the wait is between
    /// `1 - randomization_factor` and `1 + randomization_factor` times its plain length.
    pub fn next(&mut self, now: Instant, random: f64) -> Duration {
        let limit = self.settings.max_elapsed_time.0;
        if !limit.is_zero() && now.saturating_duration_since(self.began) >= limit {
            self.plain = self.settings.initial_interval.0;
            self.began = now;
        }
        let factor = self.settings.randomization_factor.clamp(0.0, 1.0);
        let wait = times(self.plain, 1.0 - factor + 2.0 * factor * random.clamp(0.0, 1.0));
        self.plain = times(self.plain, self.settings.multiplier.max(1.0)).min(self.settings.max_interval.0);
        wait
    }
}

/// `duration` times `factor`; `duration` itself where the product is no duration.
fn times(duration: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(duration)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringwatch_config::Duration as Setting;

    fn settings(factor: f64) -> RetryOnFailure {
        RetryOnFailure {
            enabled: true,
            initial_interval: Setting::from_secs(5),
            randomization_factor: factor,
            multiplier: 2.0,
            max_interval: Setting::from_secs(30),
            max_elapsed_time: Setting::from_secs(300),
        }
    }

    fn secs(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn waits_grow_to_the_longest_and_begin_anew() {
        let start = Instant::now();
        let mut backoff = Backoff::new(&settings(0.0), start);
        for (at, wait) in [
            (0, 5),
            (5, 10),
            (15, 20),
            (35, 30),
            (65, 30),
            (299, 30),
            (300, 5),
            (305, 10),
            (600, 5),
        ] {
            let got = backoff.next(start + Duration::from_secs(at), 0.7);
            assert_eq!(got, Duration::from_secs(wait), "at {at} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn jitter_stays_within_its_share() {
        let now = Instant::now();
        for (random, wait) in [
            (0.0, 2.5),
            (0.5, 5.0),
            (1.0, 7.5),
            (9.0, 7.5),
            (-1.0, 2.5),
            (0.25, 3.75),
        ] {
            assert_eq!(
                Backoff::new(&settings(0.5), now).next(now, random),
                secs(wait),
                "{random}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn odd_settings_give_durations_all_the_same() {
        let now = Instant::now();
        let mut odd = settings(f64::NAN);
        odd.multiplier = f64::INFINITY;
        let mut backoff = Backoff::new(&odd, now);
        for _ in 0..3 {
            assert_eq!(backoff.next(now, 0.5), Duration::from_secs(5));
        }
        let mut endless = settings(0.0);
        endless.max_elapsed_time = Setting::from_secs(0);
        let mut backoff = Backoff::new(&endless, now);
        let last = (0..20)
            .map(|n| backoff.next(now + Duration::from_secs(n * 100), 0.0))
            .last();
        assert_eq!(
            last,
            Some(Duration::from_secs(30)),
            "without a limit the series never begins anew"
        );
    }
}
