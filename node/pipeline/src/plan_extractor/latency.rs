//! How long the last plans took.

/// So many are looked at.
const LAST: usize = 1024;

/// The times of the last plans that were read.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    millis: Vec<f64>,
    next: usize,
}

impl Latencies {
    /// Takes one more.
    pub(super) fn push(&mut self, millis: f64) {
        if self.millis.len() < LAST {
            self.millis.push(millis);
        } else if let Some(oldest) = self.millis.get_mut(self.next) {
            *oldest = millis;
            self.next = (self.next + 1) % LAST;
        }
    }

    /// Within how many milliseconds 99 of 100 were read, by the nearest rank; zero before the first.
    pub(super) fn p99(&self) -> f64 {
        let mut sorted = self.millis.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let rank = (sorted.len() * 99).div_ceil(100);
        rank.checked_sub(1)
            .and_then(|at| sorted.get(at))
            .copied()
            .unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_99th_percentile_is_that_of_the_last_ones() {
        let mut latencies = Latencies::default();
        assert!(latencies.p99().abs() < f64::EPSILON);
        latencies.push(7.0);
        assert!((latencies.p99() - 7.0).abs() < f64::EPSILON);
        for millis in 0..5_000 {
            latencies.push(f64::from(millis));
        }
        // 3976 to 4999 are left, and 1013 of 1024 are 99 percent
        assert!(
            (latencies.p99() - 4989.0).abs() < f64::EPSILON,
            "{}",
            latencies.p99()
        );
    }
}
