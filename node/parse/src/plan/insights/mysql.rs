//! What MySQL and MariaDB say of themselves: sorts, temporary tables and join buffers.

use super::super::shape::sane;
use super::super::{Node, Property};
use super::figures::{count, name};
use super::{At, Found, Severity};

/// The rows that a scan is expected to read, before its condition.
pub(super) fn examined(node: &Node<'_>) -> Option<f64> {
    ["rows_examined_per_scan", "rows"]
        .into_iter()
        .find_map(|key| sane(node.number(key)))
}

pub(super) fn look(found: &mut Found<'_, '_, '_>, at: At<'_, '_>) {
    let node = at.node;
    let rows = sane(node.actual_rows.or(node.plan_rows)).unwrap_or(0.0);
    let severity = if rows >= found.thresholds.large_table_rows {
        Severity::Warning
    } else {
        Severity::Info
    };
    let name = name(node);
    if is_sort(node) {
        let message = format!(
            "{name} sorts {} rows (filesort): an index that has them in this order would spare it",
            rows_in_words(rows)
        );
        found.add("filesort", severity, at, rows, message);
    }
    if is_temporary(node) {
        let message = format!(
            "{name} keeps {} rows in a temporary table: an index on the columns that are grouped or made \
            distinct would \
             spare it",
            rows_in_words(rows)
        );
        found.add("temporary_table", severity, at, rows, message);
    }
    if let Some(buffer) = join_buffer(node) {
        let message = format!(
            "{name} joins through a buffer ({buffer}) because no index fits: an index on the column of the \
            join would \
             find the rows at once"
        );
        found.add("join_buffer", severity, at, rows, message);
    }
}

fn rows_in_words(rows: f64) -> String {
    if rows > 0.0 { count(rows) } else { "its".to_owned() }
}

fn is_sort(node: &Node<'_>) -> bool {
    is_set(node, "using_filesort") || matches!(&*node.node_type, "Sort" | "Incremental Sort")
}

fn is_temporary(node: &Node<'_>) -> bool {
    let said = node.text("operation");
    is_set(node, "using_temporary_table")
        || said.is_some_and(has_temporary)
        || (said.is_none() && node.node_type == "Materialize")
}

fn has_temporary(operation: &str) -> bool {
    operation.starts_with("Temporary table") || operation.contains("using temporary table")
}

/// The word for the buffer through which it is joined: MySQL's `using_join_buffer`, MariaDB's `join_type`.
pub(super) fn join_buffer(node: &Node<'_>) -> Option<&'static str> {
    let text = node.text("using_join_buffer").or_else(|| node.text("join_type"));
    match text? {
        "hash join" => Some("hash join"),
        "Block Nested Loop" | "BNL" => Some("block nested loop"),
        "BNLH" => Some("block nested loop hash join"),
        "Batched Key Access" | "BKA" | "BKAH" => Some("batched key access"),
        _ => None,
    }
}

/// MariaDB writes some flags as 1.
fn is_set(node: &Node<'_>, key: &str) -> bool {
    match node.property(key) {
        Some(Property::Flag(flag)) => *flag,
        Some(Property::Number(number)) => *number > 0.0,
        _ => false,
    }
}
