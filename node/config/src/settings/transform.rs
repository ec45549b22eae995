//! Processor `transform`.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Changes rows by statements in OpenTelemetry's transformation language (OTTL). `docs/processors.md` has its reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub struct TransformProcessor {
    /// What happens when a statement cannot be carried out on a row.
    pub error_mode: ErrorMode,
    /// Statements for metrics pipelines, in order: groups, or plain statements.
    pub metric_statements: Vec<StatementGroup>,
    /// Statements for logs pipelines, in order: groups, or plain statements.
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

/// Statements that share a context. A plain text is a group of this one statement.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(extend("x-text" = "statements"))]
pub struct StatementGroup {
    /// What paths without a prefix are about. Default: the point or the record.
    pub context: Option<StatementContext>,
    /// Only rows for which one of these holds are changed. Empty: all.
    #[serde(default)]
    pub conditions: Vec<String>,
    /// The statements, in order.
    pub statements: Vec<String>,
}

/// A group that is written out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WholeGroup {
    context: Option<StatementContext>,
    #[serde(default)]
    conditions: Vec<String>,
    statements: Vec<String>,
}

impl<'de> Deserialize<'de> for StatementGroup {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrGroup)
    }
}

struct TextOrGroup;

impl<'de> Visitor<'de> for TextOrGroup {
    type Value = StatementGroup;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a statement, or a group of statements with `statements`")
    }

    fn visit_str<E>(self, statement: &str) -> Result<StatementGroup, E> {
        Ok(StatementGroup {
            context: None,
            conditions: Vec::new(),
            statements: vec![statement.to_owned()],
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<StatementGroup, A::Error> {
        let group = WholeGroup::deserialize(MapAccessDeserializer::new(map))?;
        Ok(StatementGroup {
            context: group.context,
            conditions: group.conditions,
            statements: group.statements,
        })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_plain_or_in_groups() {
        let yaml = "
- set(body, \"x\") where attributes[\"a\"] == nil
- context: log
  statements: [set(body, 1)]
";
        let groups: Vec<StatementGroup> = serde_saphyr::from_str(yaml).unwrap();
        assert_eq!(
            groups[0].statements,
            ["set(body, \"x\") where attributes[\"a\"] == nil"]
        );
        assert_eq!(groups[1].context, Some(StatementContext::Log));
        for wrong in [
            "- context: log",
            "- { statements: [], contexts: log }",
            "- { statements: [], context: span }",
        ] {
            assert!(
                serde_saphyr::from_str::<Vec<StatementGroup>>(wrong).is_err(),
                "{wrong}"
            );
        }
    }
}
