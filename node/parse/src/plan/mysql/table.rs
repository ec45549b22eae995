//! How a table is read, in PostgreSQL's words.

use std::borrow::Cow;

use super::super::{Node, Property};

/// What makes a table of MySQL's or MariaDB's JSON a node.
pub(super) fn table(node: &mut Node<'_>) {
    let name = take(node, "table_name");
    node.index = take(node, "key");
    let operation = ["insert", "replace", "update", "delete"]
        .into_iter()
        .find(|flag| is(node, flag));
    node.operation = operation.map(|flag| {
        Cow::Borrowed(match flag {
            "update" => "Update",
            "delete" => "Delete",
            _ => "Insert",
        })
    });
    let writes = operation.is_some();
    let derived = name.as_ref().is_some_and(|name| name.starts_with('<'));
    let covering = is(node, "using_index");
    let access = node.text("Access Type");
    let node_type = match (access, node.index.is_some()) {
        _ if operation.is_some_and(|flag| matches!(flag, "insert" | "replace")) => "ModifyTable",
        _ if node.property("table_function").is_some() => "Table Function Scan",
        _ if derived => "Subquery Scan",
        (None, _) => "Result",
        (Some("ALL" | "system"), _) => "Seq Scan",
        // What is written is read by the key that the rows are stored by, all of them.
        (Some("index"), _) if writes && !covering => "Seq Scan",
        (Some("index_merge"), _) => "Bitmap Heap Scan",
        (Some(_), _) if covering => "Index Only Scan",
        (Some(_), true) => "Index Scan",
        (Some("range" | "index" | "ref" | "eq_ref" | "const" | "ref_or_null" | "fulltext"), false) => {
            "Index Scan"
        }
        (Some(_), false) => "Seq Scan",
    };
    node.node_type = Cow::Borrowed(node_type);
    node.alias.clone_from(&name);
    node.relation = name;
}

/// Takes the text of this key away from the node's properties.
fn take<'a>(node: &mut Node<'a>, key: &str) -> Option<Cow<'a, str>> {
    let at = node
        .properties
        .iter()
        .position(|(name, value)| name == key && matches!(value, Property::Text(_)))?;
    match node.properties.remove(at).1 {
        Property::Text(text) => Some(text),
        _ => None,
    }
}

/// Whether the flag of this key is set. MariaDB writes some as 1.
pub(super) fn is(node: &Node<'_>, key: &str) -> bool {
    match node.property(key) {
        Some(Property::Flag(flag)) => *flag,
        Some(Property::Number(number)) => *number > 0.0,
        _ => false,
    }
}

/// The figures of a table, or of another node of the same JSON, by PostgreSQL's meaning: rows are those of
/// one execution that are left behind its condition, times those of one execution and its own. Costs are
/// those of all executions, as the engines tell no others.
pub(super) fn figures(node: &mut Node<'_>) {
    let part = |percent: Option<f64>| percent.map_or(1.0, |percent| percent / 100.0);
    let rows = node
        .number("rows_examined_per_scan")
        .or_else(|| node.number("rows"));
    node.plan_rows = rows.map(|rows| tidy(rows * part(node.number("filtered"))));
    let own = [node.number("read_cost"), node.number("eval_cost")];
    node.total_cost = match own {
        [None, None] => node.number("prefix_cost").or_else(|| node.number("cost")),
        [read, eval] => Some(tidy(read.unwrap_or(0.0) + eval.unwrap_or(0.0))),
    };
    let is_constant = matches!(node.text("Access Type"), Some("const" | "system"));
    // A row that the optimizer has read is not read again.
    let Some(loops) = node
        .number("r_loops")
        .filter(|loops| *loops > 0.0 || !is_constant)
    else {
        return;
    };
    node.actual_loops = Some(loops);
    let ms = match (node.number("r_table_time_ms"), node.number("r_other_time_ms")) {
        (None, None) => node.number("r_total_time_ms"),
        (table, other) => Some(table.unwrap_or(0.0) + other.unwrap_or(0.0)),
    };
    node.actual_total_ms = ms.map(|ms| per(ms, loops));
    let rows = node.number("r_rows").or_else(|| node.number("r_output_rows"));
    let rows = rows.or(if loops == 0.0 { Some(0.0) } else { None });
    let left = part(node.number("r_filtered"));
    node.actual_rows = rows.map(|rows| tidy(rows * left));
    if let Some(rows) = rows.filter(|_| left < 1.0) {
        node.add(
            "Rows Removed by Filter",
            Property::Number(tidy(rows * (1.0 - left))),
        );
    }
}

/// The rows that came out of MariaDB's join by a buffer and its time, as properties of what becomes the
/// table's.
pub(super) fn buffered(node: &mut Node<'_>) {
    let rows = [
        node.number("r_loops"),
        node.number("r_effective_rows"),
        node.number("r_filtered"),
    ];
    if let [Some(outer), Some(inner), Some(percent)] = rows {
        let ms = [node.number("r_unpack_time_ms"), node.number("r_other_time_ms")];
        let ms = ms.into_iter().flatten().sum();
        node.add(
            JOINED_ROWS,
            Property::Number(tidy(outer * inner * percent / 100.0)),
        );
        node.add(JOINED_MS, Property::Number(ms));
    }
}

/// Of a table: how many rows came out of its join.
pub(super) const JOINED_ROWS: &str = "r_joined_rows";
/// Of a table: the milliseconds of its join alone.
pub(super) const JOINED_MS: &str = "r_joined_time_ms";

/// A total per execution.
pub(super) fn per(total: f64, loops: f64) -> f64 {
    if loops > 0.0 { tidy(total / loops) } else { 0.0 }
}

/// Without the dust that products of decimals leave.
pub(super) fn tidy(number: f64) -> f64 {
    const SCALE: f64 = 1e6;
    const LARGEST: f64 = 1e9;
    if number.abs() < LARGEST {
        (number * SCALE).round() / SCALE
    } else {
        number
    }
}
