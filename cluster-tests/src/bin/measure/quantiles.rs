//! The middle and the end of what was measured.

use std::time::Duration;

/// `p50 12 ms, p99 20 ms, max 30 ms of 40`.
pub(crate) fn millis(times: &[Duration]) -> String {
    of(times, 0)
}

/// The same with tenths of milliseconds.
pub(crate) fn tenths(times: &[Duration]) -> String {
    of(times, 1)
}

fn of(times: &[Duration], digits: usize) -> String {
    let mut times = times.to_vec();
    times.sort();
    let Some(most) = times.last() else {
        return "nothing was measured".into();
    };
    let millis = |time: Duration| format!("{:.digits$} ms", time.as_secs_f64() * 1_000.0);
    // The nearest rank: with fewer than a hundred values the p99 is the largest.
    let at = |percent: usize| millis(times[(times.len() * percent).div_ceil(100).max(1) - 1]);
    format!(
        "p50 {}, p99 {}, max {} of {}",
        at(50),
        at(99),
        millis(*most),
        times.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_ranks() {
        let of = |times: std::ops::RangeInclusive<u64>| {
            millis(&times.rev().map(Duration::from_millis).collect::<Vec<_>>())
        };
        assert_eq!(of(1..=200), "p50 100 ms, p99 198 ms, max 200 ms of 200");
        assert_eq!(of(7..=7), "p50 7 ms, p99 7 ms, max 7 ms of 1");
        assert_eq!(millis(&[]), "nothing was measured");
        let tenth = [Duration::from_micros(1_250), Duration::from_micros(440)];
        assert_eq!(tenths(&tenth), "p50 0.4 ms, p99 1.2 ms, max 1.2 ms of 2");
    }
}
