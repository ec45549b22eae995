//! How the default rate follows the load.

use serde::{Deserialize, Serialize};

/// How long the load is measured before the rate is changed, in nanoseconds.
const PERIOD: i64 = 10 * 1_000_000_000;
/// From this part of the target on the rate is left as it is.
const ENOUGH: f64 = 0.9;
/// One step up, as a part of the highest rate: from nothing to all of it in about ten minutes.
const STEP_UP: f64 = 0.02;
/// One step down makes of the rate at least and at most these parts.
const STEP_DOWN: (f64, f64) = (0.5, 0.95);

/// Where the rate must stay, in percent, and how many rows a second should pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) target: f64,
}

impl Bounds {
    /// The rate within these bounds.
    pub(super) fn clamp(self, rate: f64) -> f64 {
        rate.max(self.min).min(self.max)
    }
}

/// The rate after a period in which `load` rows a second would have passed at `rate`: fast down when that is
/// over the target, slowly up when it is well below.
pub(super) fn step(rate: f64, load: f64, bounds: Bounds) -> f64 {
    let next = if load > bounds.target {
        let (least, most) = STEP_DOWN;
        rate * (bounds.target / load).clamp(least, most)
    } else if load < bounds.target * ENOUGH {
        rate + bounds.max * STEP_UP
    } else {
        rate
    };
    bounds.clamp(next)
}

/// The rows of the running period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Load {
    since: Option<i64>,
    rows: u64,
}

impl Load {
    /// Notes that `rows` would pass at `now`. Gives the rows a second of a period that has ended, which these
    /// rows are not part of.
    pub(super) fn note(&mut self, now: i64, rows: u64) -> Option<f64> {
        let since = *self.since.get_or_insert(now);
        let passed = now.saturating_sub(since);
        if (0..PERIOD).contains(&passed) {
            self.rows = self.rows.saturating_add(rows);
            return None;
        }
        let ended = std::mem::replace(
            self,
            Self {
                since: Some(now),
                rows,
            },
        );
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 53 bits")]
        (passed > 0).then(|| ended.rows as f64 / (passed as f64 / 1e9))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_falls_fast_rises_slowly_and_stays_within_its_bounds() {
        let bounds = Bounds {
            min: 1.0,
            max: 50.0,
            target: 1000.0,
        };
        for (rate, load, expected) in [
            (20.0, 1000.0, 20.0),
            (20.0, 950.0, 20.0),
            (20.0, 900.0, 20.0),
            (20.0, 899.0, 21.0),
            (20.0, 0.0, 21.0),
            (20.0, 1001.0, 19.0),
            (20.0, 1250.0, 16.0),
            (20.0, 2000.0, 10.0),
            (20.0, 1e9, 10.0),
            (1.5, 1e9, 1.0),
            (1.0, 1e9, 1.0),
            (49.5, 0.0, 50.0),
            (50.0, 0.0, 50.0),
            (80.0, 950.0, 50.0),
            (0.0, 950.0, 1.0),
        ] {
            assert!(
                (step(rate, load, bounds) - expected).abs() < 1e-9,
                "{rate} {load}"
            );
        }
    }

    #[test]
    fn under_a_constant_load_the_rate_settles_below_the_target() {
        let bounds = Bounds {
            min: 0.1,
            max: 100.0,
            target: 900.0,
        };
        let mut rate: f64 = 100.0;
        let mut loads = Vec::new();
        for _ in 0..100 {
            let load = 10_000.0 * rate / 100.0;
            loads.push(load);
            rate = step(rate, load, bounds);
        }
        assert!(
            loads[20..].iter().all(|load| (700.0..=1200.0).contains(load)),
            "{loads:?}"
        );
    }

    #[test]
    fn the_load_is_told_once_a_period() {
        let second = |n: i64| n * 1_000_000_000;
        let mut load = Load::default();
        assert_eq!(load.note(second(100), 50), None);
        assert_eq!(load.note(second(109), 50), None);
        assert_eq!(load.note(second(110), 7), Some(10.0));
        assert_eq!(load.note(second(140), 1), Some(7.0 / 30.0));
        assert_eq!(load.note(second(20), 1), None, "a clock that stepped back");
        assert_eq!(load.note(second(30), 1), Some(0.1));
    }
}
