//! Components and their names.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    AdaptiveSampler, AttributesProcessor, Batch, CircuitBreaker, DebugExporter, HealthCheck, MemoryLimiter,
    MysqlReceiver, OtlpExporter, PlanExtractor, PostgresqlReceiver, Pprof, PrometheusExporter, RateLimiter,
    ResourceProcessor, SqlqueryReceiver, TransformProcessor, Verification, Zpages,
};

/// The name of a component: its type, and a name of its own where there are several of the type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ComponentId {
    /// `postgresql` of `postgresql/fleet`.
    pub kind: String,
    /// `fleet` of `postgresql/fleet`.
    pub name: Option<String>,
}

impl FromStr for ComponentId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, name) = match text.split_once('/') {
            Some((kind, name)) => (kind, Some(name)),
            None => (text, None),
        };
        let fits = |part: &str| !part.is_empty() && !part.contains(char::is_whitespace);
        if fits(kind) && name.is_none_or(fits) {
            Ok(Self {
                kind: kind.into(),
                name: name.map(Into::into),
            })
        } else {
            Err(format!(
                "`{text}` is not the name of a component: write `type` or `type/name`"
            ))
        }
    }
}

impl fmt::Display for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{}/{name}", self.kind),
            None => f.write_str(&self.kind),
        }
    }
}

impl<'de> Deserialize<'de> for ComponentId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl Serialize for ComponentId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for ComponentId {
    fn schema_name() -> Cow<'static, str> {
        "ComponentId".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "component" })
    }
}

/// A receiver. Which one it is, is said by the component's type.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Receiver {
    /// Reads PostgreSQL servers, 14 to 18.
    Postgresql(Box<PostgresqlReceiver>),
    /// Reads MySQL and MariaDB servers.
    Mysql(Box<MysqlReceiver>),
    /// Asks a database questions of your own.
    Sqlquery(Box<SqlqueryReceiver>),
}

/// A processor. Which one it is, is said by the component's type.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Processor {
    /// Refuses frames before memory runs out.
    MemoryLimiter(MemoryLimiter),
    /// Changes resource attributes.
    Resource(ResourceProcessor),
    /// Changes attributes, which are columns of the row.
    Attributes(AttributesProcessor),
    /// Changes rows by statements.
    Transform(TransformProcessor),
    /// Keeps what matters and a share of the rest.
    AdaptiveSampler(Box<AdaptiveSampler>),
    /// Stops asking a database that suffers.
    CircuitBreaker(Box<CircuitBreaker>),
    /// Limits what each target is asked for.
    RateLimiter(RateLimiter),
    /// Takes attributes out of execution plans.
    PlanExtractor(PlanExtractor),
    /// Checks rows before they leave.
    Verification(Box<Verification>),
    /// Puts frames together into larger requests.
    Batch(Batch),
}

/// An exporter. Which one it is, is said by the component's type.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Exporter {
    /// Sends OTLP over gRPC.
    Otlp(Box<OtlpExporter>),
    /// Offers metrics to a Prometheus server.
    Prometheus(PrometheusExporter),
    /// Writes what it gets to the log.
    Debug(DebugExporter),
}

/// An extension. Which one it is, is said by the component's type.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Extension {
    /// Answers whether the node is well.
    HealthCheck(HealthCheck),
    /// Offers CPU profiles of the process.
    Pprof(Pprof),
    /// Shows the node's latest traces.
    Zpages(Zpages),
}
