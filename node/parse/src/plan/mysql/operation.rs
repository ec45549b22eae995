//! What MySQL's iterators say they do, in PostgreSQL's words.

use std::borrow::Cow;

use super::super::{Node, Property};
use super::draft::{Link, Role, Sketch};

/// What an operation's text begins with, and the node that it is. The first that fits.
const KINDS: [(&str, &str); 48] = [
    ("Table scan on", "Seq Scan"),
    ("Scan new records on", "WorkTable Scan"),
    ("Rows fetched before execution", "Result"),
    ("Constant row", "Result"),
    ("Zero ", "Result"),
    ("Nested loop", "Nested Loop"),
    ("Batched key access", "Nested Loop"),
    ("Inner hash join", "Hash Join"),
    ("Left hash join", "Hash Join"),
    ("Hash semijoin", "Hash Join"),
    ("Hash antijoin", "Hash Join"),
    ("Hash", "Hash"),
    ("Batch input rows", "Materialize"),
    ("Filter: ", "Filter"),
    ("Sort-deduplicate by row ID", "BitmapOr"),
    ("Deduplicate rows sorted by row ID", "BitmapOr"),
    ("Intersect rows sorted by row ID", "BitmapAnd"),
    ("Sort", "Sort"),
    ("Limit", "Limit"),
    ("Group (no aggregates)", "Group"),
    ("Group aggregate", "Aggregate"),
    ("Aggregate", "Aggregate"),
    ("Window", "WindowAgg"),
    ("Remove duplicate", "Unique"),
    ("Temporary table", "Materialize"),
    ("Union materialize", "Append"),
    ("Union all materialize", "Append"),
    ("Intersect materialize", "SetOp"),
    ("Except materialize", "SetOp"),
    ("Materialize recursive", "Recursive Union"),
    ("Materialize table function", "Table Function Scan"),
    ("Materialized table function", "Table Function Scan"),
    ("Materialize", "Materialize"),
    ("Append", "Append"),
    ("Insert into", "ModifyTable"),
    ("Replace into", "ModifyTable"),
    ("Update", "ModifyTable"),
    ("Delete", "ModifyTable"),
    ("Cache", "Memoize"),
    ("Stream results", ""),
    ("Invalidate", ""),
    ("Repeat until convergence", ""),
    ("Select #", ""),
    ("Covering index", "Index Only Scan"),
    ("Single-row covering index", "Index Only Scan"),
    ("Full-text covering index", "Index Only Scan"),
    ("Index", "Index Scan"),
    ("Single-row index", "Index Scan"),
];
/// Kinds of index access with other words before `index`.
const INDEX: [&str; 5] = [
    "Full-text index",
    "Multi-range index",
    "Group index skip scan",
    "Reverse",
    "Ordered",
];
/// Joins by a word of their text.
const JOINS: [(&str, &str); 6] = [
    ("semijoin", "Semi"),
    ("antijoin", "Anti"),
    ("left ", "Left"),
    ("Left ", "Left"),
    ("inner ", "Inner"),
    ("Inner ", "Inner"),
];

/// What `UPDATE` and `DELETE` of one table say: MySQL runs them in another way and shows no more of it.
const ELSEWHERE: &str = "<not executable by iterator executor>";

/// What the operation of a sketch says it is and does.
pub(super) fn read<'a>(sketch: &mut Sketch<'a>, operation: &'a str) {
    let kind = KINDS
        .iter()
        .find(|(begin, _)| operation.starts_with(begin))
        .map(|(_, kind)| *kind);
    let kind = kind.or_else(|| {
        INDEX
            .iter()
            .any(|begin| operation.starts_with(begin))
            .then_some("Index Scan")
    });
    let node = &mut sketch.node;
    match kind {
        Some("") => {
            sketch.role = Role::Wrap;
            if operation.starts_with("Select #") {
                heading(sketch, operation);
            }
            return;
        }
        Some("Filter") => {
            sketch.role = Role::Filter;
            let condition = operation.get("Filter: ".len()..).unwrap_or_default();
            add(node, "Filter", condition);
            return;
        }
        Some(kind) => node.node_type = Cow::Borrowed(kind),
        None => node.node_type = Cow::Borrowed("Unknown"),
    }
    if operation == ELSEWHERE {
        node.node_type = Cow::Borrowed("ModifyTable");
    }
    match kind.unwrap_or_default() {
        "Seq Scan" | "WorkTable Scan" | "Index Scan" | "Index Only Scan" => scan(node, operation),
        "Nested Loop" | "Hash Join" => join(node, operation),
        "Sort" => {
            if let Some((_, key)) = operation.split_once(": ") {
                let (key, _) = key.split_once(", limit input to ").unwrap_or((key, ""));
                node.add("Sort Key", Property::Texts(vec![Cow::Borrowed(key)]));
            }
        }
        "Aggregate" => {
            let strategy = match operation {
                _ if operation.starts_with("Group") => "Sorted",
                _ if operation.contains("using temporary table") => "Hashed",
                _ => "Plain",
            };
            node.strategy = Some(Cow::Borrowed(strategy));
        }
        "ModifyTable" => write(node, operation),
        "Materialize" | "Recursive Union" => common_table(node, operation),
        "SetOp" => {
            let command = if operation.starts_with("Except") {
                "Except"
            } else {
                "Intersect"
            };
            add(node, "Command", command);
        }
        _ => {}
    }
    add(node, "operation", operation);
}

/// `Select #2 (subquery in condition; dependent)`: what is below it is a subquery of an expression.
pub(super) fn heading<'a>(sketch: &mut Sketch<'a>, text: &'a str) {
    sketch.link = Link::SubPlan;
    sketch.node.subplan = Some(Cow::Borrowed(text));
}

fn add<'a>(node: &mut Node<'a>, key: &'static str, text: &'a str) {
    if node.property(key).is_none() {
        node.add(key, Property::Text(Cow::Borrowed(text)));
    }
}

/// `Covering index lookup on t using i (a=1)`, `Index range scan on t using i over (a < 5), with index
/// condition: (..)`.
fn scan<'a>(node: &mut Node<'a>, operation: &'a str) {
    let Some((_, on)) = operation.split_once(" on ") else {
        return;
    };
    let (relation, using) = on.split_once(" using ").unwrap_or((on, ""));
    let (relation, _) = relation.split_once(", ").unwrap_or((relation, ""));
    if relation.starts_with('<') {
        node.node_type = Cow::Borrowed("Subquery Scan");
    }
    // Version 2 of the JSON says these itself.
    node.relation.get_or_insert(Cow::Borrowed(relation));
    node.alias.get_or_insert(Cow::Borrowed(relation));
    let (index, condition) = using.split_once(' ').unwrap_or((using, ""));
    if !index.is_empty() {
        node.index
            .get_or_insert_with(|| Cow::Borrowed(index.trim_end_matches(',')));
    }
    let condition = condition.trim_start_matches("(reverse)").trim_start();
    if !condition.is_empty() {
        add(node, "Index Cond", condition);
    }
}

fn join<'a>(node: &mut Node<'a>, operation: &'a str) {
    let head = operation
        .find('(')
        .and_then(|at| operation.get(..at))
        .unwrap_or(operation);
    let found = JOINS.iter().find(|(word, _)| head.contains(word));
    node.join_type = found.map(|(_, join)| Cow::Borrowed(*join));
    if let Some(condition) = operation
        .get(head.len()..)
        .filter(|condition| !condition.is_empty())
    {
        add(node, "Hash Cond", condition);
    }
}

/// `Insert into t`, `Update t1 (immediate), t2 (buffered)`, `Delete from t (buffered)`.
fn write<'a>(node: &mut Node<'a>, operation: &'a str) {
    let (name, behind) = match operation.split_once(' ') {
        Some(("Update", tables)) => ("Update", tables),
        Some(("Delete", tables)) => ("Delete", tables.strip_prefix("from ").unwrap_or(tables)),
        Some((_, tables)) => ("Insert", tables.strip_prefix("into ").unwrap_or(tables)),
        None => return,
    };
    let (relation, _) = behind.split_once(" (").unwrap_or((behind, ""));
    node.operation = Some(Cow::Borrowed(name));
    node.relation.get_or_insert(Cow::Borrowed(relation));
}

/// `Materialize CTE cte if needed`.
fn common_table<'a>(node: &mut Node<'a>, operation: &'a str) {
    let Some((_, name)) = operation.split_once("CTE ") else {
        return;
    };
    let end = name.find(" if needed").unwrap_or(name.len());
    add(node, "CTE Name", name.get(..end).unwrap_or(name));
}
