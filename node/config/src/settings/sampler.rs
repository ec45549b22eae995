//! Processor `adaptive_sampler`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Scalar;
use crate::scalar::Duration;

/// Keeps what matters and a share of the rest. Every decision is a hash of target, fingerprint and window, so
/// any node decides the same. Rates are in percent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdaptiveSampler {
    /// Where what it remembers is kept.
    pub state_backend: StateBackend,
    /// The file of `state_backend: file`.
    pub state_file: String,
    /// How often what is too old is forgotten. The file is written then, soon after something new was seen,
    /// and at the end.
    pub cleanup_interval: Duration,
    /// How many fingerprints are remembered, in each pipeline.
    #[schemars(range(min = 1))]
    pub cache_size: u64,
    /// How long a fingerprint that is not seen any more is remembered.
    pub cache_ttl: Duration,
    /// The most memory for what is remembered, in MiB, in each pipeline.
    #[schemars(range(min = 1))]
    pub max_memory_mb: u64,
    /// For how long a fingerprint's rows are kept, or kept back, together.
    pub window: Duration,
    /// The columns that say which rows are of one kind. Default: the statement's identifier, else its text,
    /// else the record's body, else the whole row.
    pub key: Vec<String>,
    /// The rules. The one with the smallest `priority` is asked first; the first that matches decides.
    pub rules: Vec<SamplingRule>,
    /// The rate of rows that no rule matches, in percent.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub default_sampling_rate: f64,
    /// How many rows a second are put to the rules, in each pipeline. Rows beyond are decided as their
    /// fingerprint was last, else by `default_sampling_rate`; each reading begins with other rows, so that all
    /// have their turn. `0` sets no limit.
    pub max_decisions_per_second: u64,
    /// How many rows a second may pass in each pipeline, whatever the rules say. Rows beyond are dropped for
    /// `rate_limited`, those of rules that keep everything last. `0` sets no limit.
    pub max_records_per_second: u64,
    /// Whether a fingerprint that is new, or that another rule matches than before, passes whatever its rate.
    pub keep_new: bool,
    /// How `default_sampling_rate` follows the load.
    pub adaptive: AdaptiveRate,
    /// Makes a rule `slow_queries` in front of all: rows whose `mean_exec_time` is over it are kept, in
    /// milliseconds.
    pub slow_query_threshold_ms: Option<f64>,
    /// Which entry of `environment_overrides` holds: `production`, `staging`, ... Default: the environment
    /// variable `ENVIRONMENT`, put in by `environment: ${ENVIRONMENT:}`.
    pub environment: String,
    /// Other values for some settings, by environment: those of the entry that is called as `environment` says
    /// take the place of those above. What an entry leaves out stays.
    pub environment_overrides: BTreeMap<String, SamplerOverride>,
}

impl Default for AdaptiveSampler {
    fn default() -> Self {
        Self {
            state_backend: StateBackend::Memory,
            state_file: "/var/lib/otel/sampler_state.json".into(),
            cleanup_interval: Duration::from_secs(300),
            cache_size: 10_000,
            cache_ttl: Duration::from_secs(3600),
            max_memory_mb: 50,
            window: Duration::from_secs(60),
            key: Vec::new(),
            rules: Vec::new(),
            default_sampling_rate: 10.0,
            max_decisions_per_second: 1000,
            max_records_per_second: 0,
            keep_new: true,
            adaptive: AdaptiveRate::default(),
            slow_query_threshold_ms: None,
            environment: String::new(),
            environment_overrides: BTreeMap::new(),
        }
    }
}

/// Where a component keeps what it remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StateBackend {
    /// In memory: gone with the process.
    #[default]
    Memory,
    /// In a file, replaced as a whole and synced.
    File,
}

/// One rule. Either `condition` or `conditions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SamplingRule {
    /// Its name, which metrics show.
    pub name: String,
    /// When it matches, as an expression: `mean_exec_time > 1000`.
    pub condition: Option<String>,
    /// When it matches, as a list: all must hold.
    #[serde(default)]
    pub conditions: Vec<RuleCondition>,
    /// How much of what it matches is kept, in percent.
    #[serde(default = "everything")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub sampling_rate: f64,
    /// Its place: `1` is asked first. Rules without one come after the others, in their order.
    pub priority: Option<u32>,
    /// The most rows a minute that it keeps in each pipeline; those beyond are dropped for `rate_limited`. `0` sets no limit.
    #[serde(default)]
    pub max_per_minute: u64,
}

/// One of the conditions of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleCondition {
    /// The column or attribute.
    pub attribute: String,
    /// How it is compared.
    pub operator: RuleOperator,
    /// With what; `exists` takes none.
    pub value: Option<Scalar>,
}

/// How a rule compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleOperator {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
    /// The text holds the value.
    Contains,
    /// It is there.
    Exists,
    /// The text matches the regular expression.
    Matches,
}

/// How the default rate follows the load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdaptiveRate {
    /// Whether it does.
    pub enabled: bool,
    /// How many rows a second should pass. Default: nine tenths of `max_records_per_second`.
    pub target_records_per_second: Option<u64>,
    /// The rate is never less, in percent.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub min_rate: f64,
    /// The rate is never more, in percent. Default: `default_sampling_rate`.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub max_rate: Option<f64>,
}

impl Default for AdaptiveRate {
    fn default() -> Self {
        Self {
            enabled: true,
            target_records_per_second: None,
            min_rate: 0.1,
            max_rate: None,
        }
    }
}

/// Other values for one environment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SamplerOverride {
    /// In place of `slow_query_threshold_ms`.
    pub slow_query_threshold_ms: Option<f64>,
    /// In place of `max_records_per_second`.
    pub max_records_per_second: Option<u64>,
    /// In place of `max_decisions_per_second`.
    pub max_decisions_per_second: Option<u64>,
    /// In place of `default_sampling_rate`.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub default_sampling_rate: Option<f64>,
    /// In place of `cache_size`.
    pub cache_size: Option<u64>,
}

fn everything() -> f64 {
    100.0
}
