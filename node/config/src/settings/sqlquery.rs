//! Receiver `sqlquery`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Tls;
use crate::scalar::{Duration, Endpoint, Secret};

/// Asks a database questions of your own and makes metrics and logs of the answers. Either `datasource`, or
/// `endpoint`, `username`, `password` and `database`, says whom to ask.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlqueryReceiver {
    /// Whose server it is.
    pub driver: Driver,
    /// Where to connect: a URL (`postgresql://user:password@host:5432/database?sslmode=require`), or `key=value` pairs
    /// as libpq takes them, or for `mysql` also `user:password@tcp(host:3306)/database?tls=true`. Without `sslmode` the
    /// connection is encrypted and the server's certificate verified. It is never printed.
    pub datasource: Option<Secret>,
    /// Where the server listens, in place of `datasource`.
    pub endpoint: Option<Endpoint>,
    /// The role to log in as.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// The database to connect to.
    pub database: Option<String>,
    /// Transport security, where `endpoint` is used.
    #[serde(default)]
    pub tls: Tls,
    /// How often each query is asked that has no interval of its own.
    #[serde(default = "ten_seconds")]
    pub collection_interval: Duration,
    /// How long connecting, or one query that has no timeout of its own, may take.
    #[serde(default = "five_seconds")]
    pub timeout: Duration,
    /// Resource attributes of everything that is read.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The questions.
    pub queries: Vec<SqlQuery>,
}

/// Whose server a `sqlquery` receiver asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    /// PostgreSQL.
    Postgres,
    /// MySQL or MariaDB.
    Mysql,
}

/// One question, and what becomes of its answer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlQuery {
    /// The statement; it runs in a read-only session. With `tracking_column`, `$1` (PostgreSQL) or `?` (MySQL) stands for
    /// the last value seen.
    pub sql: String,
    /// How often it is asked. Default: the receiver's.
    pub collection_interval: Option<Duration>,
    /// How long it may take. Default: the receiver's.
    pub timeout: Option<Duration>,
    /// The column whose last value is given to the next asking, so that only new rows come. The value is kept when the
    /// target moves to another node.
    pub tracking_column: Option<String>,
    /// What the first asking is given.
    pub tracking_start_value: Option<String>,
    /// The most rows to read at a time; an answer with more is refused as a whole and the fault is told.
    #[serde(default = "most_rows")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_rows: u32,
    /// Columns that hold SQL, whose literals are hidden before anything else sees them. Default: the text columns whose
    /// name, or whose expression in the select list, names a statement: `query`, `query_text`, `sql_text`,
    /// `digest_text`, `statement`, `info` and the like.
    pub sql_columns: Option<Vec<String>>,
    /// Columns that hold execution plans, in any format, whose literals are hidden before anything else sees them; what
    /// is no plan is withheld. Default: the text columns called `query_plan`, `plan`, `plan_json`, `plan_text`, `explain`
    /// or `explain_plan`.
    pub plan_columns: Option<Vec<String>>,
    /// Columns that hold messages of PostgreSQL's log, whose statements and values are hidden before anything else sees
    /// them. Default: the text columns called `log_line`, `log_message`, `log_entry` or `error_message`.
    pub log_columns: Option<Vec<String>>,
    /// A metric for each row.
    #[serde(default)]
    pub metrics: Vec<SqlMetric>,
    /// A log record for each row.
    #[serde(default)]
    pub logs: Vec<SqlLog>,
}

/// How a row becomes a point.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlMetric {
    /// The metric's name.
    pub metric_name: String,
    /// The column that holds the value; a null gives no point.
    pub value_column: String,
    /// Columns that become attributes of the point, under their names.
    #[serde(default)]
    pub attribute_columns: Vec<String>,
    /// Whether values are whole numbers.
    #[serde(default)]
    pub value_type: SqlValueType,
    /// Gauge or sum. Default: a sum where `monotonic` is true, else a gauge.
    pub data_type: Option<SqlDataType>,
    /// Whether a sum only grows.
    #[serde(default)]
    pub monotonic: bool,
    /// What a sum's value counts from: the start, or the point before.
    #[serde(default)]
    pub aggregation: SqlAggregation,
    /// UCUM unit.
    #[serde(default)]
    pub unit: String,
    /// What it is.
    #[serde(default)]
    pub description: String,
    /// Attributes that are the same in every point.
    #[serde(default)]
    pub static_attributes: BTreeMap<String, String>,
    /// The column that holds the instant at which a sum began. Default: the server's start.
    pub start_ts_column: Option<String>,
    /// The column that holds the point's own time. Default: the tick.
    pub ts_column: Option<String>,
    /// Only rows that meet it give a point.
    pub row_condition: Option<RowCondition>,
}

/// Which rows give a point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowCondition {
    /// The column to look at.
    pub column: String,
    /// The value it must have, as text.
    pub value: String,
}

/// Whether a metric's values are whole numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SqlValueType {
    /// Whole numbers.
    #[default]
    Int,
    /// Numbers.
    Double,
}

/// Gauge or sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SqlDataType {
    /// A value at an instant.
    Gauge,
    /// A total.
    Sum,
}

/// What a sum's value counts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SqlAggregation {
    /// From the start.
    #[default]
    Cumulative,
    /// From the point before: the query itself yields differences.
    Delta,
}

/// How a row becomes a log record.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlLog {
    /// The column that holds the body.
    pub body_column: String,
    /// The column that holds the severity's text.
    pub severity_column: Option<String>,
    /// The column that holds the record's own time; the tick is then the time at which it was observed.
    pub timestamp_column: Option<String>,
    /// Columns that become attributes, under their names.
    #[serde(default)]
    pub attribute_columns: Vec<String>,
    /// Attributes that are the same in every record.
    #[serde(default)]
    pub static_attributes: BTreeMap<String, String>,
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn five_seconds() -> Duration {
    Duration::from_secs(5)
}

fn most_rows() -> u32 {
    10_000
}
