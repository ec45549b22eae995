//! Points and records, read from OTLP.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Metric, NumberDataPoint, ResourceMetrics, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// True or false.
    Bool(bool),
    /// Text.
    Text(String),
    /// Anything else, in words.
    Other(String),
}

impl Value {
    /// The value as a number; text has none.
    #[expect(clippy::cast_precision_loss, reason = "tests compare counts far below 2^53")]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(n) => Some(*n as f64),
            Self::Double(n) => Some(*n),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(n) => write!(f, "{n}"),
            Self::Double(n) => write!(f, "{n}"),
            Self::Bool(b) => write!(f, "{b}"),
            Self::Text(text) | Self::Other(text) => f.write_str(text),
        }
    }
}

impl From<Option<AnyValue>> for Value {
    fn from(value: Option<AnyValue>) -> Self {
        match value.and_then(|v| v.value) {
            Some(any_value::Value::StringValue(text)) => Self::Text(text),
            Some(any_value::Value::IntValue(n)) => Self::Int(n),
            Some(any_value::Value::DoubleValue(n)) => Self::Double(n),
            Some(any_value::Value::BoolValue(b)) => Self::Bool(b),
            other => Self::Other(format!("{other:?}")),
        }
    }
}

/// Gauge or sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A gauge.
    Gauge,
    /// A cumulative sum.
    Sum {
        /// Whether it never falls.
        monotonic: bool,
    },
    /// What no stream of a node yields: a sum of deltas, a histogram.
    Foreign,
}

/// What makes a series one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesId {
    /// `server.address:server.port`.
    pub target: String,
    /// The metric's name.
    pub metric: String,
    /// The attributes of its points, sorted: `a=1,b=2`.
    pub attributes: String,
}

/// A point's content.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// `start_time_unix_nano`.
    pub start: u64,
    /// The value.
    pub value: Value,
}

/// A point with all that it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct PointOf {
    /// The series.
    pub id: SeriesId,
    /// The unit.
    pub unit: String,
    /// Gauge or sum.
    pub kind: Kind,
    /// `time_unix_nano`.
    pub time: u64,
    /// The content.
    pub point: Point,
    /// The attributes of the resource.
    pub resource: Attributes,
}

/// A log record.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// `server.address:server.port`.
    pub target: String,
    /// `event_name`.
    pub event: String,
    /// `time_unix_nano`.
    pub time: u64,
    /// `observed_time_unix_nano`.
    pub observed: u64,
    /// The body; absent where there is none.
    pub body: Option<Value>,
    /// `severity_text` and `severity_number`.
    pub severity: (String, i32),
    /// The attributes.
    pub attributes: BTreeMap<String, Value>,
    /// The attributes of the resource, shared by all records of a request.
    pub resource: Attributes,
}

/// Attributes that many share.
pub type Attributes = Arc<BTreeMap<String, Value>>;

impl Record {
    /// An attribute that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.attributes.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// An attribute that is a whole number.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.attributes.get(name) {
            Some(Value::Int(n)) => Some(*n),
            _ => None,
        }
    }

    /// A hash of what the record tells of: two different records with the same one tell of one thing at one tick.
    pub(super) fn thing(&self) -> Option<u64> {
        let (_, keys) = KEYS.iter().find(|(event, _)| *event == self.event)?;
        let mut hasher = DefaultHasher::new();
        (&self.target, &self.event, self.time).hash(&mut hasher);
        for key in *keys {
            self.attributes.get(*key).map(Value::to_string).hash(&mut hasher);
        }
        Some(hasher.finish())
    }

    /// A hash of the whole record, to know it again.
    pub(super) fn mark(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.target, &self.event, self.time).hash(&mut hasher);
        (self.observed, &self.severity).hash(&mut hasher);
        self.body.as_ref().map(Value::to_string).hash(&mut hasher);
        for (name, value) in &self.attributes {
            (name, value.to_string()).hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// What tells one record of an event from another of the same tick. An event that is not named here has any number of
/// records that look alike.
const KEYS: [(&str, &[&str]); 2] = [
    (
        "db.server.top_query",
        &[
            "postgresql.queryid",
            "mysql.events_statements_summary_by_digest.digest",
            "db.namespace",
            "postgresql.rolname",
        ],
    ),
    ("db.server.query_sample", &["postgresql.pid"]),
];

/// Reads the points of a request.
pub(super) fn points_of(resources: Vec<ResourceMetrics>) -> Vec<PointOf> {
    let mut points = Vec::new();
    for resource in resources {
        let of = attributes_of(resource.resource);
        let target = target_of(&of);
        for metric in resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
            points_of_metric(&target, &of, metric, &mut points);
        }
    }
    points
}

/// Reads the records of a request.
pub(super) fn records_of(resources: Vec<ResourceLogs>) -> Vec<Record> {
    let mut records = Vec::new();
    for resource in resources {
        let of = attributes_of(resource.resource);
        let target = target_of(&of);
        let logs = resource
            .scope_logs
            .into_iter()
            .flat_map(|scope| scope.log_records);
        records.extend(logs.map(|log| record_of(&target, &of, log)));
    }
    records
}

fn record_of(target: &str, resource: &Attributes, log: LogRecord) -> Record {
    let attributes = log
        .attributes
        .into_iter()
        .map(|KeyValue { key, value, .. }| (key, value.into()))
        .collect();
    Record {
        target: target.to_owned(),
        event: log.event_name,
        time: log.time_unix_nano,
        observed: log.observed_time_unix_nano,
        body: log.body.map(|body| Value::from(Some(body))),
        severity: (log.severity_text, log.severity_number),
        attributes,
        resource: Arc::clone(resource),
    }
}

fn points_of_metric(target: &str, resource: &Attributes, metric: Metric, out: &mut Vec<PointOf>) {
    const CUMULATIVE: i32 = 2;
    let (kind, points) = match metric.data {
        Some(metric::Data::Gauge(gauge)) => (Kind::Gauge, gauge.data_points),
        Some(metric::Data::Sum(sum)) if sum.aggregation_temporality == CUMULATIVE => (
            Kind::Sum {
                monotonic: sum.is_monotonic,
            },
            sum.data_points,
        ),
        Some(metric::Data::Sum(sum)) => (Kind::Foreign, sum.data_points),
        _ => (Kind::Foreign, vec![NumberDataPoint::default()]),
    };
    out.extend(points.into_iter().map(|point| {
        let value = match point.value {
            Some(number_data_point::Value::AsInt(n)) => Value::Int(n),
            Some(number_data_point::Value::AsDouble(n)) => Value::Double(n),
            None => Value::Other("no value".into()),
        };
        PointOf {
            id: SeriesId {
                target: target.to_owned(),
                metric: metric.name.clone(),
                attributes: canonical(point.attributes),
            },
            unit: metric.unit.clone(),
            kind,
            time: point.time_unix_nano,
            point: Point {
                start: point.start_time_unix_nano,
                value,
            },
            resource: Arc::clone(resource),
        }
    }));
}

fn canonical(attributes: Vec<KeyValue>) -> String {
    let mut pairs: Vec<String> = attributes
        .into_iter()
        .map(|kv| format!("{}={}", kv.key, Value::from(kv.value)))
        .collect();
    pairs.sort();
    pairs.join(",")
}

fn attributes_of(resource: Option<Resource>) -> Attributes {
    let attributes = resource.unwrap_or_default().attributes.into_iter();
    Arc::new(attributes.map(|kv| (kv.key, kv.value.into())).collect())
}

fn target_of(attributes: &Attributes) -> String {
    let part = |name| {
        attributes
            .get(name)
            .map_or_else(|| "?".to_owned(), Value::to_string)
    };
    format!("{}:{}", part("server.address"), part("server.port"))
}
