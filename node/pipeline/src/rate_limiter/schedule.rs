//! Which limit holds at a time of the day: a pure function of the wall clock.

use ringwatch_config::settings::{DatabaseLimit, Limit, ScheduledLimit};
use ringwatch_frame::Tick;

use super::bucket::Rate;

const NANOS: i64 = 1_000_000_000;
const DAY: i64 = 24 * 3600;
/// So many seconds' rows may come at once, where nothing is said.
const ROWS_AT_ONCE: f64 = 10.0;

/// The limits of one target; `None`: no limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rates {
    pub(crate) readings: Option<Rate>,
    pub(crate) rows: Option<Rate>,
    /// Which entry of the schedule they come from.
    pub(crate) scheduled: Option<usize>,
}

/// The limits of a target for which the configuration has `entry`, at `wall`.
pub(crate) fn rates_at(defaults: &Limit, entry: Option<&DatabaseLimit>, wall: Tick) -> Rates {
    let Some(entry) = entry else {
        return rates(
            defaults.rps,
            defaults.burst,
            defaults.rows_per_second,
            defaults.rows_burst,
            None,
        );
    };
    let holding = entry
        .schedule
        .iter()
        .enumerate()
        .find(|(_, scheduled)| holds(scheduled, wall));
    match holding {
        Some((at, it)) => rates(it.rps, it.burst, it.rows_per_second, it.rows_burst, Some(at)),
        None => rates(
            entry.rps,
            entry.burst,
            entry.rows_per_second,
            entry.rows_burst,
            None,
        ),
    }
}

/// Whether the limit holds at `wall`.
fn holds(limit: &ScheduledLimit, wall: Tick) -> bool {
    let seconds = wall.unix_nanos().div_euclid(NANOS) + i64::from(limit.utc_offset_minutes) * 60;
    let hour = seconds.rem_euclid(DAY) / 3600;
    let (start, end) = (i64::from(limit.start_hour), i64::from(limit.end_hour));
    if start == end {
        true
    } else if start < end {
        (start..end).contains(&hour)
    } else {
        hour >= start || hour < end
    }
}

fn rates(
    rps: f64,
    burst: Option<u64>,
    rows_per_second: f64,
    rows_burst: Option<u64>,
    scheduled: Option<usize>,
) -> Rates {
    Rates {
        readings: rate(rps, burst, 1.0),
        rows: rate(rows_per_second, rows_burst, ROWS_AT_ONCE),
        scheduled,
    }
}

/// So much a second and so much at once; `None` where `per_second` is 0.
#[expect(clippy::cast_precision_loss, reason = "nobody writes a burst of 2^53")]
pub(crate) fn rate(per_second: f64, burst: Option<u64>, seconds_at_once: f64) -> Option<Rate> {
    let burst = burst
        .map_or(per_second * seconds_at_once, |burst| burst as f64)
        .max(1.0);
    (per_second > 0.0).then_some(Rate { per_second, burst })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(start_hour: u32, end_hour: u32, utc_offset_minutes: i32, rps: f64) -> ScheduledLimit {
        let (burst, rows_per_second, rows_burst) = (None, 0.0, None);
        ScheduledLimit {
            start_hour,
            end_hour,
            utc_offset_minutes,
            rps,
            burst,
            rows_per_second,
            rows_burst,
        }
    }

    /// A day in 2026 at this time.
    fn at(hour: i64, minute: i64) -> Tick {
        Tick::from_unix_nanos((1_790_000_000 / DAY * DAY + hour * 3600 + minute * 60) * NANOS)
    }

    #[test]
    fn a_limit_holds_from_its_hour_to_before_its_end() {
        let held = |limit: &ScheduledLimit| -> Vec<i64> {
            (0..24).filter(|hour| holds(limit, at(*hour, 59))).collect()
        };
        let all: Vec<i64> = (0..24).collect();
        for (start, end, offset, expected) in [
            (9, 17, 0, (9..17).collect()),
            (22, 6, 0, vec![0, 1, 2, 3, 4, 5, 22, 23]),
            (7, 7, 0, all.clone()),
            (0, 24, 0, all.clone()),
            (0, 0, 0, all),
            (20, 24, 0, vec![20, 21, 22, 23]),
            (20, 0, 0, vec![20, 21, 22, 23]),
            (0, 1, 0, vec![0]),
            (0, 2, 120, vec![22, 23]),
            (0, 2, -330, vec![5, 6]),
        ] {
            assert_eq!(
                held(&limit(start, end, offset, 1.0)),
                expected,
                "{start}-{end} {offset}"
            );
        }
        assert!(!holds(&limit(9, 17, 0, 1.0), at(17, 0)) && holds(&limit(9, 17, 0, 1.0), at(9, 0)));
        assert!(
            holds(&limit(23, 24, 0, 1.0), Tick::from_unix_nanos(-1)),
            "before 1970 there were days too"
        );
    }

    #[test]
    fn the_first_that_holds_is_used_and_then_the_limit_reverts() {
        let entry = DatabaseLimit {
            rps: 10.0,
            rows_per_second: 50.0,
            schedule: vec![limit(22, 6, 0, 2.0), limit(5, 8, 0, 0.0)],
            ..DatabaseLimit::default()
        };
        let defaults = Limit {
            rps: 0.5,
            burst: Some(7),
            ..Limit::default()
        };
        let rps = |hour| {
            let rates = rates_at(&defaults, Some(&entry), at(hour, 30));
            (rates.readings.map(|rate| rate.per_second), rates.scheduled)
        };
        assert_eq!(
            [21, 22, 5].map(rps),
            [(Some(10.0), None), (Some(2.0), Some(0)), (Some(2.0), Some(0))]
        );
        assert_eq!([6, 8].map(rps), [(None, Some(1)), (Some(10.0), None)]);
        let rates = rates_at(&defaults, Some(&entry), at(12, 0));
        assert_eq!(
            rates.rows,
            Some(Rate {
                per_second: 50.0,
                burst: 500.0
            })
        );
        let rates = rates_at(&defaults, None, at(12, 0));
        assert_eq!(
            rates.readings,
            Some(Rate {
                per_second: 0.5,
                burst: 7.0
            })
        );
        let plain = rates_at(
            &Limit {
                rps: 0.5,
                ..Limit::default()
            },
            None,
            at(12, 0),
        );
        assert_eq!(plain.readings.map(|rate| rate.burst), Some(1.0), "at least one");
    }
}
