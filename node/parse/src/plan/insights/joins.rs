//! Nested loops whose inner side is run too often.

use super::super::shape::{is_never_executed, loops, sane};
use super::figures::{count, name, percent, time};
use super::scans::is_sequential;
use super::{At, Found, Severity};

/// How far down the inner side a sequential scan is looked for.
const DEEP: usize = 8;

pub(super) fn look(found: &mut Found<'_, '_, '_>, at: At<'_, '_>) {
    if at.node.node_type != "Nested Loop" {
        return;
    }
    let Some(inner) = found.shape.inner(at.at) else {
        return;
    };
    let Some(node) = found.shape.node(inner).filter(|node| !is_never_executed(node)) else {
        return;
    };
    let outer = found.shape.inputs(at.at).find(|child| *child != inner);
    let expected = outer
        .and_then(|outer| found.shape.node(outer))
        .and_then(|outer| outer.plan_rows);
    if super::mysql::join_buffer(node).is_some() {
        return;
    }
    let runs = node.actual_loops.or_else(|| node.number("loops")).or(expected);
    let runs = sane(runs).unwrap_or(1.0);
    let scanned = scan_below(found, inner);
    let share = part(found, at.at, inner, runs);
    let is_often =
        runs >= found.thresholds.loops && share.is_some_and(|part| part >= found.thresholds.loops_share);
    let rows = scanned.as_ref().map_or(0.0, |(_, rows)| rows * runs);
    let is_blown_up = runs > 1.0 && rows >= found.thresholds.large_table_rows;
    if !is_often && !is_blown_up {
        return;
    }
    let times = if node.actual_loops.is_some() {
        "ran"
    } else {
        "is expected to run"
    };
    let mut message = format!(
        "the inner side of {}, {}, {times} {} times",
        name(at.node),
        name(node),
        count(runs)
    );
    if let Some(part) = share.filter(|part| *part > 0.0) {
        let of = if found.shape.share(inner).total_ms.is_some() {
            "time"
        } else {
            "estimated cost"
        };
        message.push_str(&format!(" and takes {} of the plan's {of}", percent(part)));
    }
    if let Some(total) = found.shape.share(inner).total_ms {
        message.push_str(&format!(" ({})", time(total)));
    }
    let severity = match scanned {
        Some((scan, _)) => {
            message.push_str(&format!(
                "; it reads all of {scan} each time: an index on the column of the join would end that"
            ));
            Severity::Critical
        }
        None => {
            message
                .push_str("; a hash join would read it once: see whether the outer rows are estimated right");
            Severity::Warning
        }
    };
    found.add("nested_loop", severity, at, runs, message);
}

/// The part of the plan that all runs of the inner side take.
fn part(found: &Found<'_, '_, '_>, join: usize, inner: usize, runs: f64) -> Option<f64> {
    let shape = found.shape;
    let whole = shape.share(0).total_ms.filter(|whole| *whole > 0.0);
    if let Some((total, whole)) = shape.share(inner).total_ms.zip(whole) {
        return Some((total / whole).min(1.0));
    }
    // Costs are those of one run, but in MySQL's and MariaDB's JSON those of all; no more than the join costs
    // can be its inner side's.
    let whole = sane(shape.node(0)?.total_cost).filter(|whole| *whole > 0.0)?;
    let node = shape.node(inner)?;
    let is_of_all = node.number("read_cost").or_else(|| node.number("cost")).is_some();
    let all = sane(node.total_cost)? * if is_of_all { 1.0 } else { runs };
    let most = sane(shape.node(join)?.total_cost)?;
    Some((all.min(most) / whole).min(1.0))
}

/// A sequential scan that every run of the inner side repeats: its name and the rows it reads in one run.
/// What is below a node that keeps its result is not repeated.
fn scan_below(found: &Found<'_, '_, '_>, inner: usize) -> Option<(String, f64)> {
    let mut at = inner;
    for _ in 0..DEEP {
        let node = found.shape.node(at)?;
        if is_sequential(node) {
            let removed = super::rows::removed(node).unwrap_or(0.0) / loops(node).max(1.0);
            let read = sane(node.actual_rows).map(|rows| rows + removed);
            return Some((
                name_of_table(node),
                read.or_else(|| sane(node.plan_rows)).unwrap_or(0.0),
            ));
        }
        if matches!(
            &*node.node_type,
            "Materialize" | "Memoize" | "Hash" | "Sort" | "Hash Join" | "CTE Scan"
        ) {
            return None;
        }
        at = found.shape.inputs(at).next()?;
    }
    None
}

fn name_of_table(node: &super::super::Node<'_>) -> String {
    node.relation
        .as_deref()
        .map_or_else(|| name(node), super::figures::visible)
}
