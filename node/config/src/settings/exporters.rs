//! Section `exporters`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Headers, Tls};
use crate::scalar::{Duration, Endpoint};

/// Sends OTLP over gRPC.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtlpExporter {
    /// The receiver: `host:port`, or `http://host:port` (plain) or `https://host:port`.
    pub endpoint: String,
    /// Headers of every request, such as an API key.
    #[serde(default)]
    pub headers: Headers,
    /// How requests are compressed.
    #[serde(default)]
    pub compression: Compression,
    /// How long one attempt may take.
    #[serde(default = "five_seconds")]
    pub timeout: Duration,
    /// Transport security.
    #[serde(default)]
    pub tls: Tls,
    /// What happens after an attempt that may be repeated.
    #[serde(default)]
    pub retry_on_failure: RetryOnFailure,
    /// What waits for the receiver.
    #[serde(default)]
    pub sending_queue: SendingQueue,
}

/// How requests are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all.
    None,
    /// With gzip.
    #[default]
    Gzip,
    /// With Zstandard.
    Zstd,
}

/// Retries: exponential back-off with jitter. What the receiver says (`RetryInfo`) goes before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryOnFailure {
    /// `false`: one attempt, then the batch is dropped and counted.
    pub enabled: bool,
    /// The first wait.
    pub initial_interval: Duration,
    /// How much a wait may differ from its plain length, as a share of it.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub randomization_factor: f64,
    /// By how much each wait is longer than the one before.
    #[schemars(range(min = 1.0, max = 100.0))]
    pub multiplier: f64,
    /// The longest wait.
    pub max_interval: Duration,
    /// After this time the waits begin anew with `initial_interval`. It never drops data: only the queue's size
    /// and age do. `0s`: never.
    pub max_elapsed_time: Duration,
}

impl Default for RetryOnFailure {
    fn default() -> Self {
        Self {
            enabled: true,
            initial_interval: Duration::from_secs(5),
            randomization_factor: 0.5,
            multiplier: 1.5,
            max_interval: Duration::from_secs(30),
            max_elapsed_time: Duration::from_secs(300),
        }
    }
}

/// What waits for the receiver, in memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SendingQueue {
    /// `false`: at most `num_consumers` batches are on their way, and none waits.
    pub enabled: bool,
    /// How many requests are under way at once.
    #[schemars(range(min = 1, max = 1000))]
    pub num_consumers: u32,
    /// How many batches may wait. What comes when it is full is dropped for `queue_full`.
    #[schemars(range(min = 1))]
    pub queue_size: u64,
    /// How long a batch may wait. Older ones are dropped for `queue_age`. `0s` sets no limit.
    pub max_age: Duration,
}

impl Default for SendingQueue {
    fn default() -> Self {
        Self {
            enabled: true,
            num_consumers: 10,
            queue_size: 1000,
            max_age: Duration::from_secs(6 * 3600),
        }
    }
}

/// Offers metrics to a Prometheus server, on `/metrics`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrometheusExporter {
    /// Where to listen.
    #[serde(default = "prometheus_endpoint")]
    pub endpoint: Endpoint,
    /// Goes before every metric's name, with an underscore.
    #[serde(default)]
    pub namespace: String,
    /// Labels of every series.
    #[serde(default)]
    pub const_labels: BTreeMap<String, String>,
    /// Whether each sample carries its tick as its time.
    #[serde(default)]
    pub send_timestamps: bool,
    /// How long a series stays after its last point. An open circuit yields no points: where series should stay
    /// through a `break_duration`, make this longer.
    #[serde(default = "five_minutes")]
    pub metric_expiration: Duration,
}

/// Writes what it gets to the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DebugExporter {
    /// How much it writes of each batch.
    pub verbosity: Verbosity,
    /// How many batches of each second are written.
    pub sampling_initial: u64,
    /// After those, every n-th batch of the second is written. `0`: none.
    pub sampling_thereafter: u64,
}

impl Default for DebugExporter {
    fn default() -> Self {
        Self {
            verbosity: Verbosity::Basic,
            sampling_initial: 2,
            sampling_thereafter: 1,
        }
    }
}

/// How much the debug exporter writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verbosity {
    /// One line a batch.
    #[default]
    Basic,
    /// One line a frame.
    Normal,
    /// One line for each point and record.
    Detailed,
}

fn five_seconds() -> Duration {
    Duration::from_secs(5)
}

fn five_minutes() -> Duration {
    Duration::from_secs(300)
}

fn prometheus_endpoint() -> Endpoint {
    Endpoint {
        host: "127.0.0.1".into(),
        port: 8889,
    }
}
