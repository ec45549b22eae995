//! The `jsonlog` format of version 15 and later.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::entry::{Entry, message, some};
use super::reader::Unreadable;
use super::time::milliseconds;

/// The plan of a line, if it holds one.
pub(super) fn entry(line: &str) -> Result<Option<Entry<'_>>, Unreadable> {
    let line = line.trim();
    if line.is_empty() {
        return Ok(None);
    }
    if !line.starts_with('{') {
        return Err(Unreadable);
    }
    // Most lines are no plans; they need not be read.
    if !line.contains(" ms  plan:") {
        return Ok(None);
    }
    let mut object: Map<String, Value> = serde_json::from_str(line).map_err(|_| Unreadable)?;
    let mut text = |key: &str| match object.get_mut(key).map(Value::take) {
        Some(Value::String(text)) => some(Cow::Owned(text)),
        _ => None,
    };
    let Some((duration_ms, plan)) = text("message")
        .as_deref()
        .and_then(message)
        .map(|(ms, plan)| (ms, plan.to_owned()))
    else {
        return Ok(None);
    };
    Ok(Some(Entry {
        time_ms: text("timestamp").and_then(|time| milliseconds(&time)?),
        database: text("dbname"),
        user: text("user"),
        query_id: object
            .get("query_id")
            .and_then(Value::as_i64)
            .filter(|id| *id != 0),
        duration_ms,
        plan: Cow::Owned(plan),
    }))
}
