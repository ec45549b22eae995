//! Section `service`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ComponentId, Headers, Tls};
use crate::scalar::{Duration, Endpoint};

/// Which components run, and how they are connected.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The extensions that run.
    #[serde(default)]
    pub extensions: Vec<ComponentId>,
    /// The pipelines. The key is `metrics`, `metrics/name`, `logs` or `logs/name`.
    #[schemars(extend("x-keys" = "component"))]
    pub pipelines: BTreeMap<ComponentId, Pipeline>,
    /// What the node says of itself.
    #[serde(default)]
    pub telemetry: Telemetry,
}

/// One pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// Where its frames come from.
    pub receivers: Vec<ComponentId>,
    /// What happens to them, in order.
    #[serde(default)]
    pub processors: Vec<ComponentId>,
    /// Where they go.
    pub exporters: Vec<ComponentId>,
}

/// What the node says of itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// The log.
    pub logs: LogTelemetry,
    /// The node's own metrics.
    pub metrics: MetricTelemetry,
    /// The node's own traces.
    pub traces: TraceTelemetry,
}

/// The log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogTelemetry {
    /// What is written: this level and those above it.
    pub level: LogLevel,
    /// How it is written. `console` is for people.
    pub encoding: LogEncoding,
    /// Where it is written: `stdout`, `stderr` or a file's path.
    pub output_paths: Vec<String>,
    /// Where errors are written besides: `stdout`, `stderr` or a file's path. What is among `output_paths` too gets
    /// each line once.
    pub error_output_paths: Vec<String>,
    /// Fields of every line.
    pub initial_fields: BTreeMap<String, String>,
}

impl Default for LogTelemetry {
    fn default() -> Self {
        Self {
            level: LogLevel::Info,
            encoding: LogEncoding::Console,
            output_paths: vec!["stderr".into()],
            error_output_paths: Vec::new(),
            initial_fields: BTreeMap::new(),
        }
    }
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What an operator wants to know.
    Info,
    /// What may need a look.
    Warn,
    /// What needs a look.
    Error,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogEncoding {
    /// For people.
    Console,
    /// One JSON object a line.
    Json,
}

/// The node's own metrics.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MetricTelemetry {
    /// `none` switches them off, here and for the readers.
    pub level: MetricLevel,
    /// Where `/metrics` is offered.
    pub address: Endpoint,
    /// Where else they go.
    pub readers: Vec<ReaderEntry>,
}

impl Default for MetricTelemetry {
    fn default() -> Self {
        Self {
            level: MetricLevel::Normal,
            address: Endpoint {
                host: "127.0.0.1".into(),
                port: 8888,
            },
            readers: Vec::new(),
        }
    }
}

/// How many of its own metrics the node offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricLevel {
    /// None, and nothing listens.
    None,
    /// All of them.
    Basic,
    /// All of them.
    Normal,
    /// All of them.
    Detailed,
}

/// One further way for the node's own metrics.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReaderEntry {
    /// Sends them at an interval.
    pub periodic: PeriodicReader,
}

/// Sends the node's own metrics at an interval.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeriodicReader {
    /// How often, in milliseconds.
    #[serde(default = "a_minute")]
    #[schemars(range(min = 100))]
    pub interval: u64,
    /// Where to.
    pub exporter: TelemetryExporter,
}

/// The node's own traces.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TraceTelemetry {
    /// Where spans go. Empty: nowhere.
    pub processors: Vec<SpanProcessorEntry>,
}

/// One way for the node's own traces.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpanProcessorEntry {
    /// Sends them in batches.
    pub batch: SpanBatch,
}

/// Sends spans in batches.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpanBatch {
    /// A batch goes at the latest after this time.
    #[serde(default = "five_seconds")]
    pub timeout: Duration,
    /// Where to. Absent: nowhere, and no spans are made.
    pub exporter: Option<TelemetryExporter>,
}

/// Where the node's own telemetry goes.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TelemetryExporter {
    /// An OTLP receiver.
    pub otlp: OtlpTelemetry,
}

/// An OTLP receiver for the node's own telemetry.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtlpTelemetry {
    /// The protocol.
    #[serde(default)]
    pub protocol: OtlpProtocol,
    /// `http://host:port` or `https://host:port`.
    pub endpoint: String,
    /// Headers of every request.
    #[serde(default)]
    pub headers: Headers,
    /// Transport security.
    #[serde(default)]
    pub tls: Tls,
}

/// The protocol of the node's own telemetry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OtlpProtocol {
    /// OTLP over gRPC.
    #[default]
    Grpc,
}

fn a_minute() -> u64 {
    60_000
}

fn five_seconds() -> Duration {
    Duration::from_secs(5)
}
