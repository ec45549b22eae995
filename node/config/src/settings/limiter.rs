//! Processor `rate_limiter`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits what each target is asked for, and how many rows of it go on. Every target of a receiver whose
/// pipeline names this processor has limits of its own. A reading beyond the limit is missed for `budget`;
/// rows beyond theirs are dropped for `rate_limited`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimiter {
    /// What holds for targets that `database_limits` does not name.
    pub defaults: Limit,
    /// What holds for single targets: by the name of the database that is connected to, by `host:port` or by
    /// target id.
    pub database_limits: BTreeMap<String, DatabaseLimit>,
    /// How many readings a second this node makes of all its targets. `0` sets no limit.
    #[schemars(range(min = 0.0))]
    pub global_max_rps: f64,
    /// How the limits follow the target. A target without a limit stays without.
    pub adaptive: AdaptiveLimit,
}

/// How much may be asked and passed on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limit {
    /// Readings a second. `0` sets no limit.
    #[schemars(range(min = 0.0))]
    pub rps: f64,
    /// How many readings may come at once. Default: those of one second, at least one.
    pub burst: Option<u64>,
    /// Rows a second that go on, in each pipeline. `0` sets no limit.
    #[schemars(range(min = 0.0))]
    pub rows_per_second: f64,
    /// How many rows may come at once. Default: those of ten seconds.
    pub rows_burst: Option<u64>,
}

/// The limit of one target, and other limits at times of the day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseLimit {
    /// Readings a second. `0` sets no limit.
    #[schemars(range(min = 0.0))]
    pub rps: f64,
    /// How many readings may come at once. Default: those of one second, at least one.
    pub burst: Option<u64>,
    /// Rows a second that go on, in each pipeline. `0` sets no limit.
    #[schemars(range(min = 0.0))]
    pub rows_per_second: f64,
    /// How many rows may come at once. Default: those of ten seconds.
    pub rows_burst: Option<u64>,
    /// Other limits at times of the day. The first that holds is used; outside of all, the limit above.
    pub schedule: Vec<ScheduledLimit>,
}

/// A limit that holds at a time of the day. It may go over midnight: from 22 to 6.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduledLimit {
    /// The hour at which it begins, 0 to 23.
    #[schemars(range(max = 23))]
    pub start_hour: u32,
    /// The hour at which it ends, 0 to 24; the hour itself is not part of it. The same as `start_hour`: the
    /// whole day.
    #[schemars(range(max = 24))]
    pub end_hour: u32,
    /// How far this clock is from UTC, in minutes, east positive.
    #[serde(default)]
    #[schemars(range(min = -840, max = 840))]
    pub utc_offset_minutes: i32,
    /// Readings a second. `0` sets no limit.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub rps: f64,
    /// How many readings may come at once. Default: those of one second, at least one.
    pub burst: Option<u64>,
    /// Rows a second that go on, in each pipeline. `0` sets no limit.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub rows_per_second: f64,
    /// How many rows may come at once. Default: those of ten seconds.
    pub rows_burst: Option<u64>,
}

/// How limits follow the target. Every 30 s, after 20 asks or more: when over a tenth of its readings fail,
/// or they take twice as long as usual, the limit falls by a tenth; when over a tenth of the asks are refused
/// and readings are quick, it rises by a twentieth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdaptiveLimit {
    /// Whether they do.
    pub enabled: bool,
    /// No limit falls below, in readings a second, unless less is configured.
    #[schemars(range(min = 0.0))]
    pub min_rps: f64,
    /// No limit rises above, in readings a second. `0`: not above what is configured.
    #[schemars(range(min = 0.0))]
    pub max_rps: f64,
}

impl Default for AdaptiveLimit {
    fn default() -> Self {
        Self {
            enabled: false,
            min_rps: 0.1,
            max_rps: 0.0,
        }
    }
}
