//! How a table is read, in PostgreSQL's words.

use std::borrow::Cow;

use super::super::{Node, Property};

/// What makes a table of MySQL's or MariaDB's JSON a node.
pub(super) fn table(node: &mut Node<'_>) {
    let name = take(node, "table_name");
    node.index = take(node, "key");
    let said = Said::of(node);
    let is_inserted = said.insert || said.replace;
    let writes = is_inserted || said.update || said.delete;
    let derived = name.as_ref().is_some_and(|name| name.starts_with('<'));
    let covering = said.using_index;
    let node_type = match (said.access, node.index.is_some()) {
        _ if is_inserted => "ModifyTable",
        _ if said.table_function => "Table Function Scan",
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
    let operation = match (is_inserted, said.update, said.delete) {
        (true, ..) => Some("Insert"),
        (_, true, _) => Some("Update"),
        (_, _, true) => Some("Delete"),
        _ => None,
    };
    node.operation = operation.map(Cow::Borrowed);
    node.node_type = Cow::Borrowed(node_type);
    node.alias.clone_from(&name);
    node.relation = name;
}

/// What of a table's properties makes it the node that it is, found in one pass.
#[derive(Default)]
struct Said<'p> {
    insert: bool,
    replace: bool,
    update: bool,
    delete: bool,
    using_index: bool,
    table_function: bool,
    access: Option<&'p str>,
}

impl<'p> Said<'p> {
    fn of(node: &'p Node<'_>) -> Self {
        let mut said = Self::default();
        // Of equal keys the first counts.
        for (key, value) in node.properties.iter().rev() {
            match key.as_ref() {
                "insert" => said.insert = is_set(value),
                "replace" => said.replace = is_set(value),
                "update" => said.update = is_set(value),
                "delete" => said.delete = is_set(value),
                "using_index" => said.using_index = is_set(value),
                "table_function" => said.table_function = true,
                "Access Type" => said.access = text(value),
                _ => {}
            }
        }
        said
    }
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

/// Whether the flag of this key is set.
pub(super) fn is(node: &Node<'_>, key: &str) -> bool {
    node.property(key).is_some_and(is_set)
}

/// Whether a flag is set. MariaDB writes some as 1.
pub(super) fn is_set(value: &Property<'_>) -> bool {
    match value {
        Property::Flag(flag) => *flag,
        Property::Number(number) => *number > 0.0,
        _ => false,
    }
}

pub(super) const fn number(value: &Property<'_>) -> Option<f64> {
    match value {
        Property::Number(number) => Some(*number),
        _ => None,
    }
}

pub(super) fn text<'p>(value: &'p Property<'_>) -> Option<&'p str> {
    match value {
        Property::Text(text) => Some(text),
        _ => None,
    }
}

/// The figures of a node under the engines' keys, found in one pass as well.
#[derive(Default)]
struct Figures {
    is_constant: bool,
    examined: Option<f64>,
    rows: Option<f64>,
    filtered: Option<f64>,
    read_cost: Option<f64>,
    eval_cost: Option<f64>,
    prefix_cost: Option<f64>,
    cost: Option<f64>,
    r_loops: Option<f64>,
    r_table_ms: Option<f64>,
    r_other_ms: Option<f64>,
    r_total_ms: Option<f64>,
    r_rows: Option<f64>,
    r_output_rows: Option<f64>,
    r_filtered: Option<f64>,
}

impl Figures {
    fn of(node: &Node<'_>) -> Self {
        let mut all = Self::default();
        // Of equal keys the first counts.
        for (key, value) in node.properties.iter().rev() {
            let figure = match key.as_ref() {
                "rows_examined_per_scan" => &mut all.examined,
                "rows" => &mut all.rows,
                "filtered" => &mut all.filtered,
                "read_cost" => &mut all.read_cost,
                "eval_cost" => &mut all.eval_cost,
                "prefix_cost" => &mut all.prefix_cost,
                "cost" => &mut all.cost,
                "r_loops" => &mut all.r_loops,
                "r_table_time_ms" => &mut all.r_table_ms,
                "r_other_time_ms" => &mut all.r_other_ms,
                "r_total_time_ms" => &mut all.r_total_ms,
                "r_rows" => &mut all.r_rows,
                "r_output_rows" => &mut all.r_output_rows,
                "r_filtered" => &mut all.r_filtered,
                "Access Type" => {
                    all.is_constant = matches!(text(value), Some("const" | "system"));
                    continue;
                }
                _ => continue,
            };
            *figure = number(value);
        }
        all
    }
}

/// The figures of a table, or of another node of the same JSON, by PostgreSQL's meaning: rows are those of
/// one execution that are left behind its condition, times those of one execution and its own. Costs are
/// those of all executions, as the engines tell no others.
pub(super) fn figures(node: &mut Node<'_>) {
    let part = |percent: Option<f64>| percent.map_or(1.0, |percent| percent / 100.0);
    let said = Figures::of(node);
    let rows = said.examined.or(said.rows);
    node.plan_rows = rows.map(|rows| tidy(rows * part(said.filtered)));
    node.total_cost = match (said.read_cost, said.eval_cost) {
        (None, None) => said.prefix_cost.or(said.cost),
        (read, eval) => Some(tidy(read.unwrap_or(0.0) + eval.unwrap_or(0.0))),
    };
    // A row that the optimizer has read is not read again.
    let Some(loops) = said.r_loops.filter(|loops| *loops > 0.0 || !said.is_constant) else {
        return;
    };
    node.actual_loops = Some(loops);
    let ms = match (said.r_table_ms, said.r_other_ms) {
        (None, None) => said.r_total_ms,
        (table, other) => Some(table.unwrap_or(0.0) + other.unwrap_or(0.0)),
    };
    node.actual_total_ms = ms.map(|ms| per(ms, loops));
    let rows = said.r_rows.or(said.r_output_rows);
    let rows = rows.or(if loops == 0.0 { Some(0.0) } else { None });
    let left = part(said.r_filtered);
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
