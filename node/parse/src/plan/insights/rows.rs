//! Rows that were expected and not found, and rows that were read and thrown away.

use super::super::Node;
use super::super::shape::{Shape, is_subplan, loops, sane};
use super::figures::{count, name, percent};
use super::{At, Found, Severity, graded};

/// Steps that give on what they get: an error of theirs is their input's.
const PASS_ON: [&str; 16] = [
    "Hash",
    "Sort",
    "Incremental Sort",
    "Materialize",
    "Memoize",
    "Gather",
    "Gather Merge",
    "Limit",
    "LockRows",
    "ModifyTable",
    "Result",
    "ProjectSet",
    "Subquery Scan",
    "BitmapAnd",
    "BitmapOr",
    "WindowAgg",
];

/// Steps that take all of their input before they give a row.
const TAKE_ALL: [&str; 6] = [
    "Sort",
    "Incremental Sort",
    "Aggregate",
    "Hash",
    "ModifyTable",
    "SetOp",
];

pub(super) fn look(found: &mut Found<'_, '_, '_>, at: At<'_, '_>, runs_to_end: bool, is_scan: bool) {
    estimate(found, at, runs_to_end);
    if !is_scan {
        thrown_away(found, at);
    }
}

/// The rows that a filter threw away, in all executions.
pub(super) fn removed(node: &Node<'_>) -> Option<f64> {
    sane(node.number("Rows Removed by Filter")).map(|removed| removed * loops(node))
}

/// Of each node, whether nothing above it may have stopped it before its end: a Limit, the inner side of a
/// semijoin or antijoin, a merge whose other side ended, an EXISTS.
pub(super) fn without_limit(shape: &Shape<'_, '_>) -> Vec<bool> {
    let mut to_end: Vec<bool> = Vec::with_capacity(shape.plan.nodes.len());
    for (at, node) in shape.plan.nodes.iter().enumerate() {
        let above = node.parent.map(|parent| parent as usize);
        let runs = above.is_none_or(|above| {
            let inherited = to_end.get(above).copied().unwrap_or(true);
            shape.node(above).is_none_or(|parent| {
                (inherited || TAKE_ALL.contains(&&*parent.node_type)) && !stops(shape, parent, above, at)
            })
        });
        to_end.push(runs && !(is_subplan(node) && above.is_some()));
    }
    to_end
}

fn stops(shape: &Shape<'_, '_>, parent: &Node<'_>, above: usize, at: usize) -> bool {
    match &*parent.node_type {
        "Limit" | "Merge Join" => true,
        "Nested Loop" => {
            let join = parent.join_type.as_deref().unwrap_or_default();
            let is_unique = parent.property("Inner Unique") == Some(&super::super::Property::Flag(true));
            (matches!(join, "Semi" | "Anti") || is_unique) && shape.inner(above) == Some(at)
        }
        _ => false,
    }
}

fn estimate(found: &mut Found<'_, '_, '_>, at: At<'_, '_>, runs_to_end: bool) {
    let node = at.node;
    let (Some(planned), Some(actual)) = (sane(node.plan_rows), sane(node.actual_rows)) else {
        return;
    };
    // An aggregate without groups always has one row, and the children of a bitmap have none.
    if PASS_ON.contains(&&*node.node_type) || (actual < planned && !runs_to_end) {
        return;
    }
    let (more, less) = (planned.max(actual), planned.min(actual));
    let factor = more / less.max(1.0);
    let Some(severity) = graded(factor, found.thresholds.estimates) else {
        return;
    };
    let message = format!(
        "{} was expected to give {} rows and gave {}{}: {} times too {}; ANALYZE its tables, raise the \
        statistics target \
         of the columns in its conditions, or make extended statistics where they depend on each other",
        name(node),
        count(planned),
        count(actual),
        if loops(node) > 1.0 { " per loop" } else { "" },
        count(factor.round()),
        if actual > planned { "few" } else { "many" },
    );
    found.add("row_estimate", severity, at, factor, message);
}

fn thrown_away(found: &mut Found<'_, '_, '_>, at: At<'_, '_>) {
    for (key, what) in [
        ("Rows Removed by Filter", "filter"),
        ("Rows Removed by Join Filter", "join filter"),
        ("Rows Removed by Index Recheck", "recheck of the index condition"),
    ] {
        let node = at.node;
        let Some(removed) = sane(node.number(key)).map(|removed| removed * loops(node)) else {
            continue;
        };
        let kept = sane(node.actual_rows).unwrap_or(0.0) * loops(node);
        let part = removed / (removed + kept).max(1.0);
        if removed < found.thresholds.removed_rows || part < found.thresholds.removed_share {
            continue;
        }
        let message = format!(
            "the {what} of {} threw away {} of {} rows ({}); an index or join condition that covers it \
            would not \
             read them",
            name(node),
            count(removed),
            count(removed + kept),
            percent(part)
        );
        found.add("rows_removed", Severity::Warning, at, part, message);
    }
}
