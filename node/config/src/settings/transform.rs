//! Processor `transform`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Changes rows by statements in OpenTelemetry's transformation language (OTTL). `docs/processors.md` has its reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub struct TransformProcessor {
    /// What happens when a statement cannot be carried out on a row.
    pub error_mode: ErrorMode,
    /// Statements for metrics pipelines, in order.
    pub metric_statements: Vec<StatementGroup>,
    /// Statements for logs pipelines, in order.
    pub log_statements: Vec<StatementGroup>,
}

/// What happens when a statement, or a condition, cannot be carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorMode {
    /// It is logged and counted, and the statement after it goes on.
    Ignore,
    /// It is counted, and the statement after it goes on.
    Silent,
    /// The frame is dropped for `invalid`.
    #[default]
    Propagate,
}

/// Statements that share a context.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatementGroup {
    /// What paths without a prefix are about. Default: what the statements' paths say.
    pub context: Option<StatementContext>,
    /// Only rows for which one of these holds are changed. Empty: all.
    #[serde(default)]
    pub conditions: Vec<String>,
    /// The statements, in order.
    pub statements: Vec<String>,
}

/// What a path without a prefix is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatementContext {
    /// The resource.
    Resource,
    /// A point: the row that it is made of.
    Datapoint,
    /// A log record: the row that it is made of.
    Log,
}
