//! What the statements of a stream of plans answer.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use ringwatch_frame::ColumnType;

use super::change::Sum;
use super::state::Counted;
use crate::fault::{Fault, FaultKind};
use crate::session::Expected;

/// What the statement that finds out what ran yields.
pub(super) const COUNTED: [Expected<'_>; 6] = [
    Expected {
        name: "key",
        kind: ColumnType::Text,
    },
    Expected {
        name: "queryid",
        kind: ColumnType::Text,
    },
    Expected {
        name: "datname",
        kind: ColumnType::Text,
    },
    Expected {
        name: "rolname",
        kind: ColumnType::Text,
    },
    Expected {
        name: "calls",
        kind: ColumnType::Int,
    },
    Expected {
        name: "total_exec_time",
        kind: ColumnType::Double,
    },
];
/// What the statement that reads texts yields.
pub(super) const TEXTS: [Expected<'_>; 3] = [
    Expected {
        name: "key",
        kind: ColumnType::Text,
    },
    Expected {
        name: "query",
        kind: ColumnType::Text,
    },
    Expected {
        name: "place",
        kind: ColumnType::Text,
    },
];

/// The statements of an answer.
pub(super) fn counted(answer: &RecordBatch) -> Result<Vec<Counted>, Fault> {
    let (keys, queryids) = (column_texts(answer, "key")?, column_texts(answer, "queryid")?);
    let (datnames, rolnames) = (column_texts(answer, "datname")?, column_texts(answer, "rolname")?);
    let calls = answer
        .column_by_name("calls")
        .and_then(|c| c.as_primitive_opt::<Int64Type>());
    let times = answer.column_by_name("total_exec_time");
    let times = times.and_then(|c| c.as_primitive_opt::<Float64Type>());
    let (Some(calls), Some(times)) = (calls, times) else {
        return Err(shape("the answer has no counters"));
    };
    let text = |texts: &[Option<&str>], at: usize| texts.get(at).copied().flatten().map(Arc::from);
    let row = |at: usize| {
        let (calls, time) = (calls.value(at).max(0), times.value(at));
        Some(Counted {
            key: text(&keys, at)?,
            queryid: text(&queryids, at)?,
            datname: text(&datnames, at),
            rolname: text(&rolnames, at),
            sum: Sum {
                calls,
                time: if time.is_finite() { time.max(0.0) } else { 0.0 },
            },
        })
    };
    Ok((0..answer.num_rows()).filter_map(row).collect())
}

/// The texts of a column.
pub(super) fn column_texts<'a>(answer: &'a RecordBatch, name: &str) -> Result<Vec<Option<&'a str>>, Fault> {
    let column = answer
        .column_by_name(name)
        .and_then(|column| column.as_dictionary_opt::<Int32Type>());
    let column = column.ok_or_else(|| shape(&format!("the answer has no texts `{name}`")))?;
    let texts = column.values().as_string::<i32>();
    let text = |key: Option<i32>| {
        let key = usize::try_from(key?).ok()?;
        (key < texts.len() && texts.is_valid(key)).then(|| texts.value(key))
    };
    Ok(column.keys().iter().map(text).collect())
}

/// The text in one row of a column.
pub(super) fn text_at(answer: &RecordBatch, name: &str, at: usize) -> Option<String> {
    let texts = column_texts(answer, name).ok()?;
    texts.get(at).copied().flatten().map(str::to_owned)
}

pub(super) fn shape(message: &str) -> Fault {
    Fault::new(FaultKind::Shape, message)
}
