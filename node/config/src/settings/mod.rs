//! The settings: one type for each section of the file. The doc comments here are the documentation that
//! `docs/configuration.md` and `ringwatch config schema` show.

mod admin;
mod breaker;
mod cluster;
mod component;
mod exporters;
mod extensions;
mod limiter;
mod mysql;
mod plan_extractor;
mod plans;
mod postgresql;
mod processors;
mod sampler;
mod service;
mod sqlquery;
mod transform;
mod verification;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use admin::Admin;
pub use breaker::{
    AdaptiveTimeouts, BackendIntegration, BreakerHealing, Circuit, CircuitBreaker, CircuitOverride,
    LoadPrediction,
};
pub use cluster::{Cluster, Fence, Gossip, Grpc, Raft, Standby};
pub use component::{ComponentId, Exporter, Extension, Processor, Receiver};
pub use exporters::{
    Compression, DebugExporter, OtlpExporter, PrometheusExporter, RetryOnFailure, SendingQueue, Verbosity,
};
pub use extensions::{HealthCheck, Pprof, Zpages};
pub use limiter::{AdaptiveLimit, DatabaseLimit, Limit, RateLimiter, ScheduledLimit};
pub use mysql::MysqlReceiver;
pub use plan_extractor::{PLAN_ATTRIBUTES, PlanExtractor, PlanInsights};
pub use plans::{PlanLog, PlanLogThrough, Plans};
pub use postgresql::{Activity, PostgresqlReceiver, Statements, Switch, Target};
pub use processors::{
    AttributeAction, AttributeActionKind, AttributesProcessor, Batch, MemoryLimiter, ResourceProcessor,
    Scalar,
};
pub use sampler::{
    AdaptiveRate, AdaptiveSampler, RuleCondition, RuleOperator, SamplerOverride, SamplingRule, StateBackend,
};
pub use service::{
    LogEncoding, LogLevel, LogTelemetry, MetricLevel, MetricTelemetry, OtlpProtocol, OtlpTelemetry,
    PeriodicReader, Pipeline, ReaderEntry, Service, SpanBatch, SpanProcessorEntry, Telemetry,
    TelemetryExporter, TraceTelemetry,
};

pub use sqlquery::{
    Driver, RowCondition, SqlAggregation, SqlDataType, SqlLog, SqlMetric, SqlQuery, SqlValueType,
    SqlqueryReceiver,
};
pub use transform::{ErrorMode, StatementContext, StatementGroup, TransformProcessor};
pub use verification::{
    AnomalyDetection, AnomalyTag, AutoTuning, Cardinality, Feedback, HealthMonitoring, PiiAction,
    PiiDetection, PiiPattern, QualityValidation, RuleAction, SelfHealing, Verification, VerificationRule,
};

use crate::scalar::Secret;

/// The whole configuration of a node.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What this node is called, and how it and the other nodes of its cluster find each other. Without it, the node
    /// is a cluster of one.
    #[serde(default)]
    pub cluster: Cluster,
    /// What is read. The key is `type` or `type/name`.
    #[schemars(extend("x-components" = "receivers"))]
    pub receivers: BTreeMap<ComponentId, Receiver>,
    /// What happens to frames on their way. The key is `type` or `type/name`.
    #[serde(default)]
    #[schemars(extend("x-components" = "processors"))]
    pub processors: BTreeMap<ComponentId, Processor>,
    /// Where frames go. The key is `type` or `type/name`.
    #[schemars(extend("x-components" = "exporters"))]
    pub exporters: BTreeMap<ComponentId, Exporter>,
    /// What runs beside the pipelines. The key is `type` or `type/name`.
    #[serde(default)]
    #[schemars(extend("x-components" = "extensions"))]
    pub extensions: BTreeMap<ComponentId, Extension>,
    /// Who may change a running node.
    #[serde(default)]
    pub admin: Admin,
    /// Which of the above run, and how they are connected.
    pub service: Service,
}

/// Transport security, in the Collector's words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// `true` speaks without encryption.
    pub insecure: bool,
    /// `true` encrypts but does not check whom it speaks to.
    pub insecure_skip_verify: bool,
    /// Certificates of the authorities to trust (PEM file), in place of the system's.
    pub ca_file: Option<String>,
    /// This side's certificate (PEM file).
    pub cert_file: Option<String>,
    /// This side's private key (PEM file).
    pub key_file: Option<String>,
    /// The name to expect in the server's certificate, where it is not the endpoint's host.
    pub server_name_override: Option<String>,
}

/// Request headers; each value is a secret.
pub type Headers = BTreeMap<String, Secret>;
