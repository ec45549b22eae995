//! The shape of the catalogue's data: what `engines/*.yaml` say, as types.

use std::collections::BTreeMap;
use std::sync::Arc;

use ringwatch_frame::ColumnType;
use serde::Deserialize;

/// What stands in a statement for the schema of the extension that its stream requires, which each database may have
/// elsewhere. It is replaced by the quoted name before the statement is sent.
pub const EXTENSION_SCHEMA: &str = "@extension@";

/// What one engine can be asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// `postgresql`.
    pub engine: String,
    /// The streams, in the order in which they are listed.
    pub streams: Vec<Arc<Stream>>,
}

/// One kind of reading.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// `postgresql.databases`.
    pub name: String,
    /// What it is, in a sentence.
    pub summary: String,
    /// Whether it is read once for the server or once in each database.
    pub scope: Scope,
    /// Which setting of the receiver says how often, and whether, it is read.
    pub cadence: Cadence,
    /// What it needs of the server besides `CONNECT`.
    #[serde(default)]
    pub requires: Vec<Requirement>,
    /// The statement, by version. The first variant that fits is used.
    pub sql: Vec<Variant>,
    /// The columns of the frame, in the order of the select list.
    pub columns: Vec<Column>,
    /// How cumulative counters become deltas, where the stream yields deltas.
    pub delta: Option<Delta>,
    /// Where the texts of rows come from, where they are read apart from the counters.
    pub texts: Option<Texts>,
    /// The metrics that its rows become.
    #[serde(default)]
    pub metrics: Vec<Metric>,
    /// The log record that each of its rows becomes, where there is one kind of them.
    event: Option<Event>,
    /// The log records that its rows become, where there are several kinds.
    #[serde(default)]
    events: Vec<Event>,
}

impl Stream {
    /// The log records that its rows become.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.event.iter().chain(&self.events)
    }
}

/// Where a stream is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Once, from the database that the receiver connects to.
    Server,
    /// In each database, from inside.
    Database,
}

/// Which setting of the receiver says how often a stream is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cadence {
    /// `collection_interval`; read as long as one of its metrics is on.
    Collection,
    /// `statements.interval`.
    Statements,
    /// `activity.interval`.
    Activity,
    /// `plans.interval`. Its statement finds out which statements ran; its rows are made of the plans of some.
    Plans,
    /// `plans.log.interval`. It is read from the server's log, by a statement only where the log is not on this machine.
    PlanLog,
}

impl Cadence {
    /// Whether the rows are made of plans, so that their columns are not those of a select list.
    pub const fn is_of_plans(self) -> bool {
        matches!(self, Self::Plans | Self::PlanLog)
    }
}

/// What a stream needs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Requirement {
    /// An extension in the database that is read.
    Extension(String),
    /// A predefined role.
    Role(String),
}

/// A statement and the versions that it is for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// First major version of the server, such as 14.
    pub from: Option<u32>,
    /// Last major version of the server.
    pub to: Option<u32>,
    /// First version of the required extension, such as `1.9`.
    pub extension_from: Option<String>,
    /// The statement. It has no literal of its own that could be a secret, and it changes nothing. It runs with the
    /// search path `pg_catalog`; [`EXTENSION_SCHEMA`] stands for the schema of the required extension.
    pub text: String,
    /// What `$1`, `$2`, ... stand for.
    #[serde(default)]
    pub params: Vec<Param>,
}

/// What a statement's parameter stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Param {
    /// `databases` of the receiver, `text[]`; empty means all.
    Databases,
    /// `exclude_databases` of the receiver, `text[]`.
    ExcludeDatabases,
    /// The most rows to read, `bigint`.
    MaxRows,
}

/// A column of the frame.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name, which conditions and transforms use: the server's own where there is one.
    pub name: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// What it means, with its unit.
    pub summary: String,
    /// Whether its text is SQL that may hold literals, so that it is obfuscated before it becomes part of a frame.
    #[serde(default)]
    pub sql: bool,
    /// Whether its text is an execution plan, so that its literals are taken out before it becomes part of a frame.
    #[serde(default)]
    pub plan: bool,
}

/// The type of a column in the catalogue's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `bigint`.
    Int,
    /// `double precision`.
    Double,
    /// `text`.
    Text,
    /// `boolean`.
    Bool,
    /// `bigint`: microseconds since the Unix epoch, which become an instant.
    Time,
}

impl Kind {
    /// What the frame's column holds.
    pub const fn column_type(self) -> ColumnType {
        match self {
            Self::Int => ColumnType::Int,
            Self::Double => ColumnType::Double,
            Self::Text => ColumnType::Text,
            Self::Bool => ColumnType::Bool,
            Self::Time => ColumnType::Time,
        }
    }
}

/// How the rows of a cumulative stream become deltas.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delta {
    /// The columns that say which row of the reading before is the same one.
    pub key: Vec<String>,
    /// The counters that become deltas.
    pub counters: Vec<String>,
    /// The counter that must have grown for a row to be yielded.
    pub changed: String,
    /// Columns that never fall while an entry lives; a fall means that it was thrown out and came back.
    #[serde(default)]
    pub never_falls: Vec<String>,
    /// Columns that never rise while an entry lives, unless from zero.
    #[serde(default)]
    pub never_rises: Vec<String>,
    /// The instant at which the entry began to count, where the server tells it.
    pub since: Option<String>,
    /// The instant of the last reset of all entries.
    pub reset: Option<String>,
    /// How often entries were thrown out to make room.
    pub evictions: Option<String>,
}

/// Where texts are read for rows that have not been seen before.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// The column of the frame that the text becomes; it is not in the statement's select list.
    pub column: String,
    /// The columns that identify a text.
    pub key: Vec<String>,
    /// The statement: gives the key columns and the text. `$1` is a `bigint[]` of the first key column, and
    /// [`EXTENSION_SCHEMA`] stands for the schema of the required extension. Of a stream of plans it gives `key`, the
    /// raw text and the place (search path, schema) in which the text finds its names, and `$1` is a `text[]` of keys.
    pub sql: String,
}

/// A metric and how rows become its points.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// `postgresql.commits`.
    pub name: String,
    /// What it is.
    pub description: String,
    /// UCUM unit.
    pub unit: String,
    /// Gauge or sum.
    pub kind: MetricKind,
    /// Whether a sum only grows.
    #[serde(default)]
    pub monotonic: bool,
    /// Whether its values are whole numbers.
    #[serde(rename = "value_type")]
    pub value: MetricValue,
    /// Whether it is on by default.
    pub enabled: bool,
    /// The column that holds the instant at which a cumulative sum began.
    pub start: Option<String>,
    /// The column that holds the instant of a point, where it is not the tick.
    pub timestamp: Option<String>,
    /// What a sum's values count from.
    #[serde(default)]
    pub aggregation: Aggregation,
    /// One point of each row for each entry; a null gives no point.
    pub points: Vec<Point>,
    /// Attributes of every point, by name: the columns that hold them.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

/// Gauge or sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricKind {
    /// A value at an instant.
    Gauge,
    /// A total.
    Sum,
}

/// What the values of a sum count from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// From the start. All sums of the catalogue do.
    #[default]
    Cumulative,
    /// From the point before.
    Delta,
}

/// The type of a metric's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricValue {
    /// Whole numbers.
    Int,
    /// Numbers.
    Double,
}

/// One point of each row.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// The column that holds the value.
    pub column: String,
    /// What the value is multiplied with on its way out.
    pub scale: Option<f64>,
    /// Attributes that are the same in every row, such as `operation: ins`.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// Which rows give the point; all without it.
    pub only: Option<Only>,
}

/// Which rows give a point or a record: those whose `column`, as text, is `equals`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Only {
    /// The column to look at.
    pub column: String,
    /// What it must hold.
    pub equals: String,
}

/// A log record and how a row becomes one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The event's name, `db.server.top_query`. Empty: a plain record, which is no event.
    pub name: String,
    /// What it is.
    pub description: String,
    /// The column that holds the body.
    pub body: Option<String>,
    /// The column that holds the severity as text.
    pub severity_text: Option<String>,
    /// The column that holds the severity's number.
    pub severity_number: Option<String>,
    /// The column that holds the record's own instant; the tick is then when it was observed.
    pub timestamp: Option<String>,
    /// Attributes that are the same in every record.
    #[serde(default)]
    pub constants: BTreeMap<String, String>,
    /// Attributes in their order.
    pub attributes: Vec<EventAttribute>,
    /// A text column that may hold a W3C `traceparent`, which becomes the record's trace and span id.
    pub trace_parent: Option<String>,
    /// Which rows become one; all without it.
    pub only: Option<Only>,
}

/// One attribute of a record.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventAttribute {
    /// The attribute's name.
    pub key: String,
    /// The column that holds it.
    pub column: String,
    /// What a number is multiplied with on its way out.
    pub scale: Option<f64>,
    /// Write it as text: a number in digits, an instant in RFC 3339 (UTC).
    #[serde(default)]
    pub text: bool,
    /// What stands in place of a null; without it the attribute is left out.
    pub null: Option<String>,
}
