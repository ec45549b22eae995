//! The catalogue as people and scripts read it: the data behind `ringwatch catalogue list` and `show`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::lookup::{LAST_OF_MYSQL, majors};
use crate::model::{
    Aggregation, Cadence, Column, Engine, Event, Kind, Metric, MetricKind, MetricValue, Param, Requirement,
    Scope, Stream, Variant,
};

/// A line of `catalogue list`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StreamLine {
    /// The stream.
    pub stream: String,
    /// What it is.
    pub summary: String,
    /// `server` or `database`.
    pub scope: &'static str,
    /// `collection`, `statements`, `activity`, `plans` or `plans.log`.
    pub cadence: &'static str,
    /// Server versions, such as `14-18`.
    pub versions: String,
    /// What it needs, such as `extension pg_stat_statements`.
    pub requires: Vec<String>,
    /// Its metrics and whether they are on by default.
    pub metrics: Vec<Switchable>,
    /// Its event, or the first of several.
    pub event: Option<String>,
    /// Its further events.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub further_events: Vec<String>,
}

/// A metric's name and its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Switchable {
    /// The metric.
    pub name: String,
    /// Whether it is on by default.
    pub enabled: bool,
}

/// All that `catalogue show STREAM` says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StreamSheet {
    /// The stream.
    pub stream: String,
    /// What it is.
    pub summary: String,
    /// `server` or `database`.
    pub scope: &'static str,
    /// `collection`, `statements`, `activity`, `plans` or `plans.log`.
    pub cadence: &'static str,
    /// What it needs, such as `extension pg_stat_statements`.
    pub requires: Vec<String>,
    /// The statements, in the order in which they are tried.
    pub sql: Vec<StatementSheet>,
    /// The statement that reads the texts of rows not seen before.
    pub texts_sql: Option<String>,
    /// The columns that conditions and transforms can name.
    pub columns: Vec<ColumnSheet>,
    /// The metrics that rows become.
    pub metrics: Vec<MetricSheet>,
    /// The log record that a row becomes, or the first of several kinds.
    pub event: Option<EventSheet>,
    /// The other kinds of log records.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub further_events: Vec<EventSheet>,
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatementSheet {
    /// Server versions, such as `14-16`.
    pub versions: String,
    /// First version of the extension.
    pub extension_from: Option<String>,
    /// What `$1`, `$2`, ... stand for.
    pub params: Vec<&'static str>,
    /// The SQL.
    pub sql: String,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnSheet {
    /// Its name.
    pub name: String,
    /// `int`, `double`, `text`, `bool` or `time`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What it means.
    pub summary: String,
}

/// A metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MetricSheet {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// UCUM unit.
    pub unit: String,
    /// `gauge` or `sum`.
    pub kind: &'static str,
    /// Whether a sum only grows.
    pub monotonic: bool,
    /// What a sum's values count from: `cumulative`, from the start, or `delta`, from the point before.
    pub aggregation: Option<&'static str>,
    /// `int` or `double`.
    pub value_type: &'static str,
    /// Whether it is on by default.
    pub enabled: bool,
    /// Attribute names, and the values of those that do not come from a column.
    pub attributes: BTreeMap<String, Vec<String>>,
}

/// A log record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventSheet {
    /// Its event name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// What else of the record comes from a column: `body`, `severity_text`, `severity_number`, `timestamp`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub places: BTreeMap<&'static str, String>,
    /// Which rows become one, where not all do: `kind = plan`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    /// Attributes in their order: name, and where the value comes from.
    pub attributes: Vec<AttributeSheet>,
}

/// An attribute of a log record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AttributeSheet {
    /// Its name.
    pub key: String,
    /// The column that holds it.
    pub column: Option<String>,
    /// Its value, if it is the same in every record.
    pub value: Option<String>,
}

/// The lines of `catalogue list` for `engine`.
pub fn list(engine: &Engine) -> Vec<StreamLine> {
    engine.streams.iter().map(|stream| line(engine, stream)).collect()
}

fn line(engine: &Engine, stream: &Stream) -> StreamLine {
    let majors: Vec<u32> = engine
        .majors()
        .filter(|major| stream.sql.iter().any(|variant| variant.fits_server(*major)))
        .collect();
    let metrics = stream.metrics.iter();
    let mut names = stream.events().map(|event| event.name.clone());
    StreamLine {
        stream: stream.name.clone(),
        summary: stream.summary.clone(),
        scope: scope_name(stream.scope),
        cadence: cadence_name(stream.cadence),
        versions: versions(&stream.name, majors.first().copied(), majors.last().copied()),
        requires: stream.requires.iter().map(requirement).collect(),
        metrics: metrics
            .map(|m| Switchable {
                name: m.name.clone(),
                enabled: m.enabled,
            })
            .collect(),
        event: names.next(),
        further_events: names.collect(),
    }
}

/// What `catalogue show` says of `stream`.
pub fn sheet(stream: &Stream) -> StreamSheet {
    let mut columns: Vec<_> = stream.columns.iter().map(column_sheet).collect();
    let texts = stream.texts.iter().filter(|_| !stream.cadence.is_of_plans());
    columns.extend(texts.map(|texts| ColumnSheet {
        name: texts.column.clone(),
        kind: kind_name(Kind::Text),
        summary: "The text, without its literals; read for rows not seen before.".into(),
    }));
    let mut events = stream.events().map(event_sheet);
    StreamSheet {
        stream: stream.name.clone(),
        summary: stream.summary.clone(),
        scope: scope_name(stream.scope),
        cadence: cadence_name(stream.cadence),
        requires: stream.requires.iter().map(requirement).collect(),
        sql: stream
            .sql
            .iter()
            .map(|variant| statement_sheet(stream, variant))
            .collect(),
        texts_sql: stream.texts.as_ref().map(|texts| texts.sql.clone()),
        columns,
        metrics: stream.metrics.iter().map(metric_sheet).collect(),
        event: events.next(),
        further_events: events.collect(),
    }
}

fn statement_sheet(stream: &Stream, variant: &Variant) -> StatementSheet {
    StatementSheet {
        versions: versions(&stream.name, variant.from, variant.to),
        extension_from: variant.extension_from.clone(),
        params: variant.params.iter().map(|param: &Param| param.name()).collect(),
        sql: variant.text.clone(),
    }
}

fn column_sheet(column: &Column) -> ColumnSheet {
    ColumnSheet {
        name: column.name.clone(),
        kind: kind_name(column.kind),
        summary: column.summary.clone(),
    }
}

fn metric_sheet(metric: &Metric) -> MetricSheet {
    let mut attributes: BTreeMap<String, Vec<String>> = metric
        .attributes
        .keys()
        .map(|key| (key.clone(), Vec::new()))
        .collect();
    for (key, value) in metric.points.iter().flat_map(|point| &point.attributes) {
        attributes.entry(key.clone()).or_default().push(value.clone());
    }
    MetricSheet {
        name: metric.name.clone(),
        description: metric.description.clone(),
        unit: metric.unit.clone(),
        kind: match metric.kind {
            MetricKind::Gauge => "gauge",
            MetricKind::Sum => "sum",
        },
        monotonic: metric.monotonic,
        aggregation: (metric.kind == MetricKind::Sum).then_some(match metric.aggregation {
            Aggregation::Cumulative => "cumulative",
            Aggregation::Delta => "delta",
        }),
        value_type: match metric.value {
            MetricValue::Int => "int",
            MetricValue::Double => "double",
        },
        enabled: metric.enabled,
        attributes,
    }
}

fn event_sheet(event: &Event) -> EventSheet {
    let constants = event.constants.iter().map(|(key, value)| AttributeSheet {
        key: key.clone(),
        column: None,
        value: Some(value.clone()),
    });
    let attributes = event.attributes.iter().map(|attribute| AttributeSheet {
        key: attribute.key.clone(),
        column: Some(attribute.column.clone()),
        value: None,
    });
    let places = [
        ("body", &event.body),
        ("severity_text", &event.severity_text),
        ("severity_number", &event.severity_number),
        ("timestamp", &event.timestamp),
    ];
    EventSheet {
        name: event.name.clone(),
        description: event.description.clone(),
        places: places
            .into_iter()
            .filter_map(|(place, column)| Some((place, column.clone()?)))
            .collect(),
        only: event
            .only
            .as_ref()
            .map(|only| format!("{} = {}", only.column, only.equals)),
        attributes: constants.chain(attributes).collect(),
    }
}

/// The versions that a stream or a statement of it is for, with the products' names where the engine has two.
fn versions(stream: &str, from: Option<u32>, to: Option<u32>) -> String {
    if !stream.starts_with("mysql.") {
        return range(from, to);
    }
    let majors = majors("mysql");
    let first = from.unwrap_or_else(|| *majors.start());
    let last = to.unwrap_or_else(|| *majors.end());
    let part = |product: &str, least: u32, most: u32| {
        let (first, last) = (first.max(least), last.min(most));
        (first <= last).then(|| format!("{product} {}", range(Some(first), Some(last))))
    };
    let parts = [
        part("MySQL", 0, LAST_OF_MYSQL),
        part("MariaDB", LAST_OF_MYSQL + 1, u32::MAX),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn range(from: Option<u32>, to: Option<u32>) -> String {
    match (from, to) {
        (Some(from), Some(to)) if from == to => from.to_string(),
        (Some(from), Some(to)) => format!("{from}-{to}"),
        (Some(from), None) => format!("{from}-"),
        (None, Some(to)) => format!("-{to}"),
        (None, None) => "all".into(),
    }
}

fn requirement(requirement: &Requirement) -> String {
    match requirement {
        Requirement::Extension(name) => format!("extension {name}"),
        Requirement::Role(name) => format!("role {name}"),
    }
}

const fn scope_name(scope: Scope) -> &'static str {
    match scope {
        Scope::Server => "server",
        Scope::Database => "database",
    }
}

const fn cadence_name(cadence: Cadence) -> &'static str {
    match cadence {
        Cadence::Collection => "collection",
        Cadence::Statements => "statements",
        Cadence::Activity => "activity",
        Cadence::Plans => "plans",
        Cadence::PlanLog => "plans.log",
    }
}

const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Int => "int",
        Kind::Double => "double",
        Kind::Text => "text",
        Kind::Bool => "bool",
        Kind::Time => "time",
    }
}
