//! The rules of one circuit: the defaults with what its entry says otherwise.

use std::time::Duration;

use ringwatch_config::settings::{CircuitBreaker as Settings, CircuitOverride};

/// No circuit is looked at more often, and no window is shorter.
const SHORTEST: Duration = Duration::from_secs(1);

/// When one circuit opens and closes. A threshold that is `None` opens nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rules {
    pub(crate) error_percent: f64,
    pub(crate) window: Duration,
    pub(crate) minimum_volume: u32,
    /// Readings a second.
    pub(crate) volume: Option<f64>,
    pub(crate) latency: Option<Duration>,
    pub(crate) sessions: Option<u64>,
    pub(crate) break_duration: Duration,
    pub(crate) max_break: Duration,
    pub(crate) half_open: u32,
    pub(crate) evaluation: Duration,
    /// The most doublings of intervals.
    pub(crate) doublings: u32,
}

impl Rules {
    /// The rules of a target for which the configuration has `entry`.
    pub(crate) fn new(settings: &Settings, entry: Option<&CircuitOverride>) -> Self {
        let (defaults, none) = (&settings.defaults, CircuitOverride::default());
        let entry = entry.unwrap_or(&none);
        let healing = &settings.self_healing;
        let latency = *entry.latency_threshold.unwrap_or(defaults.latency_threshold);
        let volume = entry
            .volume_threshold_qps
            .unwrap_or(defaults.volume_threshold_qps);
        let sessions = entry
            .active_sessions_threshold
            .unwrap_or(defaults.active_sessions_threshold);
        let evaluation = entry.evaluation_interval.or(defaults.evaluation_interval);
        let max_break = *entry.max_break_duration.unwrap_or(defaults.max_break_duration);
        Self {
            error_percent: entry
                .error_threshold_percent
                .unwrap_or(defaults.error_threshold_percent),
            window: (*entry.window.unwrap_or(defaults.window)).max(SHORTEST),
            minimum_volume: entry.minimum_volume.unwrap_or(defaults.minimum_volume).max(1),
            volume: (volume > 0.0).then_some(volume),
            latency: (!latency.is_zero()).then_some(latency),
            sessions: (sessions > 0).then_some(sessions),
            break_duration: (*entry.break_duration.unwrap_or(defaults.break_duration)).min(max_break),
            max_break,
            half_open: entry
                .half_open_requests
                .unwrap_or(defaults.half_open_requests)
                .max(1),
            evaluation: (*evaluation.unwrap_or(settings.evaluation_interval)).max(SHORTEST),
            doublings: if healing.enabled {
                healing.max_adjustments.min(6)
            } else {
                0
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use ringwatch_config::Duration as Written;

    use super::*;

    #[test]
    fn an_entry_says_what_differs() {
        let settings = Settings::default();
        let plain = Rules::new(&settings, None);
        assert_eq!(
            (plain.error_percent, plain.volume, plain.latency),
            (50.0, None, None)
        );
        assert_eq!((plain.evaluation, plain.doublings), (Duration::from_secs(30), 0));
        let entry = CircuitOverride {
            error_threshold_percent: Some(25.0),
            volume_threshold_qps: Some(1000.0),
            break_duration: Some(Written::from_secs(7200)),
            evaluation_interval: Some(Written::from_secs(60)),
            active_sessions_threshold: Some(7),
            ..CircuitOverride::default()
        };
        let rules = Rules::new(&settings, Some(&entry));
        let expected = Rules {
            error_percent: 25.0,
            volume: Some(1000.0),
            sessions: Some(7),
            break_duration: Duration::from_secs(3600),
            evaluation: Duration::from_secs(60),
            ..plain
        };
        assert_eq!(rules, expected, "no break is longer than the longest");
        for (max_adjustments, doublings) in [(0, 0), (2, 2), (99, 6)] {
            let mut settings = Settings::default();
            settings.self_healing.enabled = true;
            settings.self_healing.max_adjustments = max_adjustments;
            assert_eq!(Rules::new(&settings, None).doublings, doublings);
        }
    }
}
