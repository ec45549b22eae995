//! The readings of the last while, in few numbers.

use std::time::Duration;

use tokio::time::Instant;

/// Into so many parts the window is cut; it slides by one part.
const PARTS: usize = 12;

/// Counts of readings over a sliding window. What is counted is between eleven twelfths of the window and all
/// of it.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    part: Duration,
    begin: Instant,
    parts: [Part; PARTS],
}

#[derive(Clone, Copy, Debug, Default)]
struct Part {
    number: u64,
    counts: Counts,
}

/// How readings ended.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    /// All that ended, without those that say nothing of the database.
    pub(crate) readings: u32,
    /// Those that failed.
    pub(crate) failed: u32,
    /// Seconds that all of them took.
    seconds: f64,
}

impl Counts {
    /// The share that failed, in percent.
    pub(crate) fn error_percent(&self) -> f64 {
        100.0 * f64::from(self.failed) / f64::from(self.readings.max(1))
    }

    /// How long a reading took on average.
    pub(crate) fn average(&self) -> Duration {
        let seconds = self.seconds / f64::from(self.readings.max(1));
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }

    /// How long all of them took together.
    pub(crate) fn took(&self) -> Duration {
        Duration::try_from_secs_f64(self.seconds).unwrap_or_default()
    }

    /// So many more readings that were answered, which took so long together.
    pub(crate) fn add_many(&mut self, readings: u32, took: Duration) {
        self.readings = self.readings.saturating_add(readings);
        self.seconds += took.as_secs_f64();
    }

    /// One more reading.
    pub(crate) fn add(&mut self, failed: bool, took: Duration) {
        self.readings = self.readings.saturating_add(1);
        self.failed = self.failed.saturating_add(u32::from(failed));
        self.seconds += took.as_secs_f64();
    }
}

impl Window {
    /// An empty window of this length.
    pub(crate) fn new(length: Duration, now: Instant) -> Self {
        let part = (length / PARTS as u32).max(Duration::from_millis(1));
        Self {
            part,
            begin: now,
            parts: [Part::default(); PARTS],
        }
    }

    /// Counts a reading that ended now.
    pub(crate) fn add(&mut self, failed: bool, took: Duration, now: Instant) {
        let number = self.number(now);
        let at = usize::try_from(number % PARTS as u64).unwrap_or(0);
        if let Some(part) = self.parts.get_mut(at) {
            if part.number != number {
                *part = Part {
                    number,
                    counts: Counts::default(),
                };
            }
            part.counts.add(failed, took);
        }
    }

    /// What the window holds.
    pub(crate) fn counts(&self, now: Instant) -> Counts {
        let number = self.number(now);
        let mut sum = Counts::default();
        for part in self
            .parts
            .iter()
            .filter(|part| part.number + PARTS as u64 > number)
        {
            sum.readings = sum.readings.saturating_add(part.counts.readings);
            sum.failed = sum.failed.saturating_add(part.counts.failed);
            sum.seconds += part.counts.seconds;
        }
        sum
    }

    fn number(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.begin).as_nanos();
        u64::try_from(passed / self.part.as_nanos()).unwrap_or(u64::MAX - PARTS as u64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_younger_counts_and_what_is_older_does_not(
            steps in prop::collection::vec((0_u64..9_000, any::<bool>(), 0_u64..500), 1..200),
        ) {
            let begin = Instant::now();
            let length = Duration::from_secs(60);
            let mut window = Window::new(length, begin);
            let (mut now, mut all) = (begin, Vec::new());
            for (step, failed, took) in steps {
                now += Duration::from_millis(step);
                window.add(failed, Duration::from_millis(took), now);
                all.push((now, failed));
                let counts = window.counts(now);
                let since = |age: Duration| all.iter().filter(|(at, _)| now - *at < age).count() as u32;
                prop_assert!(counts.readings <= since(length), "{counts:?}");
                prop_assert!(counts.readings >= since(length * 11 / 12), "{counts:?}");
                prop_assert!(counts.failed <= counts.readings);
                prop_assert!(counts.error_percent() <= 100.0);
                prop_assert!(counts.average() <= Duration::from_millis(500));
            }
            prop_assert_eq!(window.counts(now + length).readings, 0);
        }
    }
}
