//! One quantity over time: where it stands, where it goes, and whether that is more than noise.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// So many points are kept.
const POINTS: usize = 12;
/// The level is the mean of so many of the last points.
const LEVEL: usize = 3;
/// A trend is drawn through at least so many.
const TREND: usize = 6;
/// A level counts when it lies so many of its standard errors above what is usual.
const SURE_LEVEL: f64 = 5.5;
/// A slope counts when it is so many of its standard errors.
const SURE_SLOPE: f64 = 4.0;
/// A level that is less above what is usual is no sign of anything: a quarter more.
const SLIGHT: f64 = 0.223;
/// So many of the last points tell of the noise.
const NOISE_POINTS: f64 = 200.0;
/// The noise before anything is known of it, which counts as this many points.
const FIRST_NOISE: f64 = 0.1;
const FIRST_POINTS: f64 = 10.0;
/// Less noise than this is not taken over from another node.
const LEAST_NOISE: f64 = 0.001;

/// Logarithms of "how many times as much as is usual", in points of time.
#[derive(Debug)]
pub(crate) struct Signal {
    points: VecDeque<(Instant, f64)>,
    /// The sum and number of the values since the last point.
    open: (f64, u32),
    /// The mean square of the points, and of how many.
    noise: (f64, f64),
}

/// What a signal says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Outlook {
    /// The logarithm at the end of the horizon.
    pub(crate) ahead: f64,
    /// The part of it that is still to come.
    pub(crate) growth: f64,
}

impl Signal {
    /// Nothing seen yet.
    pub(crate) fn new() -> Self {
        Self {
            points: VecDeque::with_capacity(POINTS),
            open: (0.0, 0),
            noise: (FIRST_NOISE, FIRST_POINTS),
        }
    }

    /// How far points lie from what is usual, as the root of their mean square.
    pub(crate) fn noise(&self) -> f64 {
        self.noise.0.sqrt()
    }

    /// Begins with the noise that another node found; without `force` only where little is known of it.
    pub(crate) fn adopt_noise(&mut self, root: f64, force: bool) {
        if force || self.noise.1 <= FIRST_POINTS {
            self.noise = (root.clamp(LEAST_NOISE, 2.0).powi(2), NOISE_POINTS / 2.0);
        }
    }

    /// Takes a value in. Values that are off any scale are cut.
    pub(crate) fn add(&mut self, value: f64) {
        self.open.0 += value.clamp(-2.0, 3.0);
        self.open.1 += 1;
    }

    /// Makes a point of the values since the last one. Says whether there were any.
    pub(crate) fn close_point(&mut self, now: Instant) -> bool {
        let (sum, number) = std::mem::take(&mut self.open);
        if number == 0 {
            return false;
        }
        let value = sum / f64::from(number);
        let (noise, points) = &mut self.noise;
        *points = (*points + 1.0).min(NOISE_POINTS);
        *noise += (value * value - *noise) / *points;
        if self.points.len() == POINTS {
            self.points.pop_front();
        }
        self.points.push_back((now, value));
        true
    }

    /// Drops points that are older.
    pub(crate) fn forget(&mut self, age: Duration, now: Instant) {
        while self
            .points
            .front()
            .is_some_and(|(at, _)| now.saturating_duration_since(*at) > age)
        {
            self.points.pop_front();
        }
    }

    /// What is ahead, when it is more than usual and more than noise.
    pub(crate) fn outlook(&self, horizon: Duration) -> Option<Outlook> {
        let last = self.points.iter().rev().take(LEVEL).map(|(_, value)| value);
        let level = (self.points.len() >= LEVEL).then(|| last.sum::<f64>() / LEVEL as f64)?;
        let error = (self.noise.0 / LEVEL as f64).sqrt();
        if level < SLIGHT || level < SURE_LEVEL * error {
            return None;
        }
        let growth = self.slope().map_or(0.0, |slope| slope * horizon.as_secs_f64());
        Some(Outlook {
            ahead: level + growth,
            growth,
        })
    }

    /// The slope of the least-squares line a second, when it rises for sure.
    /// Its standard error is sqrt(rss / (n - 2) / sxx), as in any textbook on regression.
    fn slope(&self) -> Option<f64> {
        let (first, _) = *self.points.front()?;
        if self.points.len() < TREND {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "there are few points")]
        let n = self.points.len() as f64;
        let xy = || {
            self.points
                .iter()
                .map(|(at, y)| (at.saturating_duration_since(first).as_secs_f64(), *y))
        };
        let (mean_x, mean_y) = (
            xy().map(|(x, _)| x).sum::<f64>() / n,
            xy().map(|(_, y)| y).sum::<f64>() / n,
        );
        let sxx: f64 = xy().map(|(x, _)| (x - mean_x).powi(2)).sum();
        let sxy: f64 = xy().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
        if sxx <= 0.0 {
            return None;
        }
        let slope = sxy / sxx;
        let rest: f64 = xy()
            .map(|(x, y)| (y - mean_y - slope * (x - mean_x)).powi(2))
            .sum();
        let error = (rest / (n - 2.0) / sxx).sqrt();
        (slope > SURE_SLOPE * error).then_some(slope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(value: impl Fn(u32) -> f64) -> Signal {
        let start = Instant::now();
        let mut signal = Signal::new();
        for n in 0..400 {
            signal.add(if n < 388 {
                if n % 2 == 0 { 0.1 } else { -0.1 }
            } else {
                value(n - 388)
            });
            assert!(signal.close_point(start + n * Duration::from_secs(5)));
        }
        signal
    }

    #[test]
    fn a_level_and_a_slope_must_be_more_than_noise() {
        let minute = Duration::from_secs(60);
        assert_eq!(signal(|n| f64::from(n % 2) * 0.2 - 0.1).outlook(minute), None);
        assert_eq!(
            signal(|n| if n == 10 { 0.6 } else { 0.0 }).outlook(minute),
            None,
            "one peak"
        );
        let risen = signal(|n| if n < 8 { 0.0 } else { 0.8 }).outlook(minute).unwrap();
        assert!(risen.ahead > 0.79, "{risen:?}");
        let rising = signal(|n| 0.05 * f64::from(n)).outlook(minute).unwrap();
        assert!((rising.growth - 0.6).abs() < 1e-9, "{rising:?}");
        assert!((rising.ahead - 1.1).abs() < 1e-9, "{rising:?}");
    }

    #[test]
    fn without_values_there_is_no_point_and_old_ones_are_forgotten() {
        let start = Instant::now();
        let mut signal = Signal::new();
        assert!(!signal.close_point(start));
        for n in 0..43 {
            signal.add(if n < 40 { 0.0 } else { 2.0 });
            signal.close_point(start + n * Duration::from_secs(5));
        }
        assert!(signal.outlook(Duration::ZERO).is_some());
        signal.forget(Duration::from_secs(5), start + Duration::from_secs(212));
        assert_eq!(signal.outlook(Duration::ZERO), None);
    }
}
