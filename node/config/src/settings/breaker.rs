//! Processor `circuit_breaker`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::StateBackend;
use crate::scalar::Duration;

/// Stops asking a database that suffers. Every target of a receiver whose pipeline names this processor has a
/// circuit of its own, fed by what the database answers and by nothing else. An open circuit means not one
/// query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CircuitBreaker {
    /// How often circuits are looked at although nothing happens. Outcomes are looked at when they come.
    pub evaluation_interval: Duration,
    /// How often the memory and the CPU of this process are looked at.
    pub memory_check_interval: Duration,
    /// Where states are kept.
    pub state_backend: StateBackend,
    /// The file of `state_backend: file`.
    pub state_file: String,
    /// What holds for targets that `databases` does not name.
    pub defaults: Circuit,
    /// What holds for single targets: by the name of the database that is connected to, by `host:port` or by
    /// target id. What an entry leaves out is as in `defaults`.
    pub databases: BTreeMap<String, CircuitOverride>,
    /// Opens every circuit while this process uses more of its CPUs, in percent. They are half-open when it
    /// uses less than nine tenths of that. `0`: never.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub cpu_threshold_percent: f64,
    /// Opens every circuit while this process uses more of its memory limit, in percent: that of its control
    /// group, else the machine's. `0`: never.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub memory_threshold_percent: f64,
    /// Timeouts learnt from the target's own latency.
    pub adaptive_timeouts: AdaptiveTimeouts,
    /// Asks less before a circuit opens, when sessions and latency rise.
    pub load_prediction: LoadPrediction,
    /// Asks a target less that keeps opening its circuit.
    pub self_healing: BreakerHealing,
    /// What the backend says of its own limits. It opens no database's circuit.
    pub newrelic_integration: BackendIntegration,
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self {
            evaluation_interval: Duration::from_secs(30),
            memory_check_interval: Duration::from_secs(60),
            state_backend: StateBackend::Memory,
            state_file: "/var/lib/otel/circuit_breaker.json".into(),
            defaults: Circuit::default(),
            databases: BTreeMap::new(),
            cpu_threshold_percent: 0.0,
            memory_threshold_percent: 0.0,
            adaptive_timeouts: AdaptiveTimeouts::default(),
            load_prediction: LoadPrediction::default(),
            self_healing: BreakerHealing::default(),
            newrelic_integration: BackendIntegration::default(),
        }
    }
}

/// When a circuit opens, and how it closes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Circuit {
    /// Opens when more of the readings of `window` failed, in percent. At `100`: when all did.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub error_threshold_percent: f64,
    /// Over how long readings are counted.
    pub window: Duration,
    /// Fewer readings than these open nothing. When so many in a row fail, however long that takes, the
    /// circuit opens too; one that took several of its intervals to fail counts for as many.
    #[schemars(range(min = 1))]
    pub minimum_volume: u32,
    /// Opens when this node makes more readings of the target a second, over `window`. `0`: never.
    #[schemars(range(min = 0.0))]
    pub volume_threshold_qps: f64,
    /// Opens when readings take longer on average, over `window`. `0s`: never.
    pub latency_threshold: Duration,
    /// Opens when the server has more active sessions, where a reading tells them. `0`: never.
    pub active_sessions_threshold: u64,
    /// How long it stays open the first time. Each time that it opens again without having been closed for as
    /// long, it stays open twice as long.
    pub break_duration: Duration,
    /// It never stays open longer.
    pub max_break_duration: Duration,
    /// How many readings are let through to see whether the database is well. All must succeed.
    #[schemars(range(min = 1))]
    pub half_open_requests: u32,
    /// In place of the processor's `evaluation_interval`.
    pub evaluation_interval: Option<Duration>,
}

impl Default for Circuit {
    fn default() -> Self {
        Self {
            error_threshold_percent: 50.0,
            window: Duration::from_secs(30),
            minimum_volume: 5,
            volume_threshold_qps: 0.0,
            latency_threshold: Duration::from_secs(0),
            active_sessions_threshold: 0,
            break_duration: Duration::from_secs(60),
            max_break_duration: Duration::from_secs(3600),
            half_open_requests: 5,
            evaluation_interval: None,
        }
    }
}

/// Other values for one target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CircuitOverride {
    /// In place of `error_threshold_percent`.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub error_threshold_percent: Option<f64>,
    /// In place of `window`.
    pub window: Option<Duration>,
    /// In place of `minimum_volume`.
    #[schemars(range(min = 1))]
    pub minimum_volume: Option<u32>,
    /// In place of `volume_threshold_qps`.
    #[schemars(range(min = 0.0))]
    pub volume_threshold_qps: Option<f64>,
    /// In place of `latency_threshold`.
    pub latency_threshold: Option<Duration>,
    /// In place of `active_sessions_threshold`.
    pub active_sessions_threshold: Option<u64>,
    /// In place of `break_duration`.
    pub break_duration: Option<Duration>,
    /// In place of `max_break_duration`.
    pub max_break_duration: Option<Duration>,
    /// In place of `half_open_requests`.
    #[schemars(range(min = 1))]
    pub half_open_requests: Option<u32>,
    /// In place of the processor's `evaluation_interval`.
    pub evaluation_interval: Option<Duration>,
}

/// Timeouts learnt from the target's own latency: for each stream three times what 99 of 100 readings took at
/// most, after 30 readings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdaptiveTimeouts {
    /// Whether they are learnt. Else the receiver's timeout holds.
    pub enabled: bool,
    /// No timeout is shorter.
    pub min_timeout: Duration,
    /// No timeout is longer. The receiver's timeout holds besides.
    pub max_timeout: Duration,
    /// For how long a latency counts.
    pub learning_window: Duration,
}

impl Default for AdaptiveTimeouts {
    fn default() -> Self {
        Self {
            enabled: false,
            min_timeout: Duration::from_secs(1),
            max_timeout: Duration::from_secs(30),
            learning_window: Duration::from_secs(3600),
        }
    }
}

/// Asks less before a circuit opens: every second tick where latency or sessions will be twice what is usual
/// at the end of `horizon`, every fourth where four times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LoadPrediction {
    /// Whether it does. Readings that are left out are missed for `budget`.
    pub enabled: bool,
    /// How far ahead the trends of sessions and latency are drawn.
    pub horizon: Duration,
    /// At most so many times the usual interval lies between two readings.
    #[schemars(range(min = 1, max = 64))]
    pub max_slowdown: u32,
}

impl Default for LoadPrediction {
    fn default() -> Self {
        Self {
            enabled: true,
            horizon: Duration::from_secs(60),
            max_slowdown: 4,
        }
    }
}

/// Asks a target less that keeps opening its circuit: each time that the circuit opens again soon after it
/// had closed (within the length of its break, or ten minutes), intervals are doubled; each calm hour takes
/// one doubling back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerHealing {
    /// Whether it does.
    pub enabled: bool,
    /// At most so many doublings.
    #[schemars(range(max = 6))]
    pub max_adjustments: u32,
}

impl Default for BreakerHealing {
    fn default() -> Self {
        Self {
            enabled: false,
            max_adjustments: 3,
        }
    }
}

/// What the backend says of its own limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BackendIntegration {
    /// Whether answers of the backend are looked at.
    pub enabled: bool,
    /// Whether answers that tell of a rate limit hold back all requests of the exporter until the limit is
    /// over.
    pub detect_rate_limits: bool,
}

impl Default for BackendIntegration {
    fn default() -> Self {
        Self {
            enabled: false,
            detect_rate_limits: true,
        }
    }
}
