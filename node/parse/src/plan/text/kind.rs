//! What a node is and what it is about, as the text has it in words.

use std::borrow::Cow;

use super::super::{Node, Property};
use super::names::{Target, find_unquoted, name, target, unknown_kind};

/// Nodes that are about nothing but their children.
const PLAIN: [&str; 23] = [
    "Result",
    "ProjectSet",
    "Append",
    "Merge Append",
    "Recursive Union",
    "BitmapAnd",
    "BitmapOr",
    "Gather",
    "Gather Merge",
    "Materialize",
    "Memoize",
    "Result Cache",
    "Sort",
    "Incremental Sort",
    "Group",
    "WindowAgg",
    "Unique",
    "LockRows",
    "Limit",
    "Hash",
    "Foreign Scan",
    "Custom Scan",
    "Named Tuplestore Scan",
];
/// Nodes that read.
const SCANS: [&str; 17] = [
    "Seq Scan",
    "Index Scan",
    "Index Only Scan",
    "Bitmap Index Scan",
    "Bitmap Heap Scan",
    "Tid Scan",
    "Tid Range Scan",
    "Sample Scan",
    "Subquery Scan",
    "Function Scan",
    "Table Function Scan",
    "Values Scan",
    "CTE Scan",
    "WorkTable Scan",
    "Named Tuplestore Scan",
    "Foreign Scan",
    "Custom Scan",
];
const OPERATIONS: [&str; 4] = ["Insert", "Update", "Delete", "Merge"];

/// Takes what stands before the figures into the node. Tells whether PostgreSQL has such nodes.
pub(super) fn kind<'a>(node: &mut Node<'a>, text: &'a str) -> bool {
    let mut text = text;
    if let Some(rest) = text.strip_prefix("Parallel ") {
        node.parallel_aware = true;
        text = rest;
    }
    if let Some(rest) = text.strip_prefix("Async ") {
        node.properties
            .push((Cow::Borrowed("Async Capable"), Property::Flag(true)));
        text = rest;
    }
    aggregate(node, text)
        || set_operation(node, text)
        || join(node, text)
        || writing(node, text)
        || custom(node, text)
        || scan(node, text)
}

fn aggregate<'a>(node: &mut Node<'a>, text: &'a str) -> bool {
    let (mode, text) = match text.split_once(' ') {
        Some((mode @ ("Partial" | "Finalize"), rest)) => (mode, rest),
        _ => ("Simple", text),
    };
    let strategy = match text {
        "Aggregate" => "Plain",
        "GroupAggregate" => "Sorted",
        "HashAggregate" => "Hashed",
        "MixedAggregate" => "Mixed",
        _ => return false,
    };
    node.node_type = Cow::Borrowed("Aggregate");
    node.strategy = Some(Cow::Borrowed(strategy));
    node.properties
        .push((Cow::Borrowed("Partial Mode"), text_property(mode)));
    true
}

fn set_operation<'a>(node: &mut Node<'a>, text: &'a str) -> bool {
    let (text, strategy) = match text.strip_prefix("HashSetOp") {
        Some(rest) => (rest, "Hashed"),
        None => match text.strip_prefix("SetOp") {
            Some(rest) => (rest, "Sorted"),
            None => return false,
        },
    };
    let command = text.trim();
    if !matches!(
        command,
        "" | "Intersect" | "Intersect All" | "Except" | "Except All"
    ) {
        return false;
    }
    node.node_type = Cow::Borrowed("SetOp");
    node.strategy = Some(Cow::Borrowed(strategy));
    if !command.is_empty() {
        node.properties
            .push((Cow::Borrowed("Command"), text_property(command)));
    }
    true
}

fn join<'a>(node: &mut Node<'a>, text: &'a str) -> bool {
    let kinds = [
        ("Nested Loop", "Nested Loop"),
        ("Hash", "Hash Join"),
        ("Merge", "Merge Join"),
    ];
    let Some((rest, kind)) = kinds
        .iter()
        .find_map(|(prefix, kind)| text.strip_prefix(prefix).map(|rest| (rest, *kind)))
    else {
        return false;
    };
    let join_type = match rest.strip_suffix(" Join") {
        Some("") => "Inner",
        Some(middle) => middle.trim_start(),
        None if rest.is_empty() && kind == "Nested Loop" => "Inner",
        None => return false,
    };
    let is_type = [
        "Inner",
        "Left",
        "Full",
        "Right",
        "Semi",
        "Anti",
        "Right Semi",
        "Right Anti",
    ];
    if !is_type.contains(&join_type) {
        return false;
    }
    node.node_type = Cow::Borrowed(kind);
    node.join_type = Some(Cow::Borrowed(join_type));
    true
}

/// `Insert on t`, `Foreign Update on t`.
fn writing<'a>(node: &mut Node<'a>, text: &'a str) -> bool {
    let (text, kind) = match text.strip_prefix("Foreign ") {
        Some(rest) => (rest, "Foreign Scan"),
        None => (text, "ModifyTable"),
    };
    let Some(operation) = OPERATIONS.iter().find(|operation| text.starts_with(**operation)) else {
        return false;
    };
    let rest = text.strip_prefix(operation).unwrap_or_default();
    let Some(rest) = rest
        .strip_prefix(" on ")
        .or_else(|| rest.is_empty().then_some(""))
    else {
        return false;
    };
    node.node_type = Cow::Borrowed(kind);
    node.operation = Some(Cow::Borrowed(operation));
    relation(node, target(rest));
    true
}

fn custom<'a>(node: &mut Node<'a>, text: &'a str) -> bool {
    let Some((provider, rest)) = text
        .strip_prefix("Custom Scan (")
        .and_then(|rest| rest.split_once(')'))
    else {
        return false;
    };
    node.node_type = Cow::Borrowed("Custom Scan");
    node.properties
        .push((Cow::Borrowed("Custom Plan Provider"), text_property(provider)));
    if let Some(rest) = rest.trim_start().strip_prefix("on ") {
        relation(node, target(rest));
    }
    true
}

/// All others, with what they read.
fn scan<'a>(node: &mut Node<'a>, text: &'a str) -> bool {
    let end = find_unquoted(text, &[" using ", " on "]).unwrap_or(text.len());
    let (kind, mut rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let (kind, backward) = match kind.strip_suffix(" Backward") {
        Some(kind) => (kind, true),
        None => (kind, false),
    };
    let known = if rest.is_empty() {
        PLAIN.contains(&kind)
    } else {
        SCANS.contains(&kind)
    };
    node.node_type = Cow::Borrowed(if known { kind } else { unknown_kind(kind) });
    if kind == "Foreign Scan" {
        node.operation = Some(Cow::Borrowed("Select"));
    }
    if let Some((index, more)) = rest.strip_prefix(" using ").and_then(|rest| name(rest, false)) {
        // The text does not tell `Forward` from `NoMovement`.
        if backward {
            node.properties
                .push((Cow::Borrowed("Scan Direction"), text_property("Backward")));
        }
        node.index = Some(index);
        rest = more;
    }
    let Some(rest) = rest.strip_prefix(" on ") else {
        return known;
    };
    if kind == "Bitmap Index Scan" {
        node.index = name(rest, false).map(|(index, _)| index);
        return known;
    }
    let target = target(rest);
    let key = match kind {
        "Function Scan" => "Function Name",
        "Table Function Scan" => "Table Function Name",
        "CTE Scan" | "WorkTable Scan" => "CTE Name",
        "Named Tuplestore Scan" => "Tuplestore Name",
        "Values Scan" | "Subquery Scan" => {
            node.alias = target.alias.or(target.name);
            return known;
        }
        _ => {
            relation(node, target);
            return known;
        }
    };
    node.alias = target.alias.or_else(|| target.name.clone());
    node.schema = target.schema;
    if let Some(name) = target.name {
        node.properties.push((Cow::Borrowed(key), Property::Text(name)));
    }
    known
}

fn relation<'a>(node: &mut Node<'a>, target: Target<'a>) {
    node.alias = target.alias.or_else(|| target.name.clone());
    node.relation = target.name;
    node.schema = target.schema;
}

const fn text_property(text: &str) -> Property<'_> {
    Property::Text(Cow::Borrowed(text))
}
