//! Whole tables that are read, bitmaps that lost rows, and indexes that did not do alone.

use super::super::shape::{loops, sane};
use super::super::{Engine, Node};
use super::figures::{count, name, percent};
use super::{At, Found, Severity};

/// Says whether a sequential scan was found remarkable.
pub(super) fn look(found: &mut Found<'_, '_, '_>, at: At<'_, '_>) -> bool {
    lossy(found, at);
    heap_fetches(found, at);
    sequential(found, at)
}

/// Whether it reads a table from its begin to its end.
pub(crate) fn is_sequential(node: &Node<'_>) -> bool {
    node.node_type.ends_with("Seq Scan")
}

/// The rows that all executions of a scan found.
fn kept(node: &Node<'_>) -> Option<f64> {
    sane(node.actual_rows).map(|rows| rows * loops(node))
}

fn sequential(found: &mut Found<'_, '_, '_>, at: At<'_, '_>) -> bool {
    let node = at.node;
    // The temporary tables of MySQL are scanned as a matter of course.
    if !is_sequential(node) || node.relation.as_deref().is_some_and(|name| name.starts_with('<')) {
        return false;
    }
    let removed = super::rows::removed(node).unwrap_or(0.0);
    let read = kept(node).map(|kept| kept + removed);
    let examined = found.shape.plan.engine != Engine::PostgreSql;
    let expected = sane(
        examined
            .then(|| super::mysql::examined(node))
            .flatten()
            .or(node.plan_rows),
    );
    let rows = read.or(expected).unwrap_or(0.0);
    let share = found.shape.share(at.at).of_plan().unwrap_or(0.0);
    let is_large = rows >= found.thresholds.large_table_rows;
    let is_costly = share >= found.thresholds.scan_share && found.is_plan_costly();
    let is_filtered = read.is_some_and(|read| removed >= read * found.thresholds.removed_share && read > 0.0);
    if !is_large && !is_costly {
        return false;
    }
    let mut message = match read {
        Some(read) => format!("{} read {} rows", name(node), count(read)),
        None => format!("{} reads about {} rows", name(node), count(rows)),
    };
    if share > 0.0 {
        let of = if found.shape.share(at.at).time.is_some() {
            "time"
        } else {
            "estimated cost"
        };
        message.push_str(&format!(" ({} of the plan's {of})", percent(share)));
    }
    let has_filter = removed > 0.0 || node.property("Filter").is_some();
    if removed > 0.0 {
        let part = removed / (removed + kept(node).unwrap_or(0.0));
        message.push_str(&format!(" and threw {} of them away", percent(part)));
    }
    message.push_str(if has_filter {
        "; an index on the columns of its filter would read less"
    } else {
        "; it has no filter, so ask for fewer rows, or give the join an index"
    });
    let severity = match (is_large, is_costly, is_filtered) {
        (true, true, true) => Severity::Critical,
        (true, true, false) | (true, false, true) => Severity::Warning,
        _ => Severity::Info,
    };
    found.add("sequential_scan", severity, at, rows, message);
    true
}

fn lossy(found: &mut Found<'_, '_, '_>, at: At<'_, '_>) {
    let lossy = sane(at.node.number("Lossy Heap Blocks")).unwrap_or(0.0);
    if lossy <= 0.0 {
        return;
    }
    let exact = sane(at.node.number("Exact Heap Blocks")).unwrap_or(0.0);
    let part = lossy / (lossy + exact);
    let severity = if part >= found.thresholds.lossy_share {
        Severity::Warning
    } else {
        Severity::Info
    };
    let message = format!(
        "the bitmap of {} did not fit into work_mem: {} of {} pages are lossy, and every row of them is \
        checked again; \
         raise work_mem for this statement",
        name(at.node),
        count(lossy),
        count(lossy + exact)
    );
    found.add("lossy_bitmap", severity, at, part, message);
}

fn heap_fetches(found: &mut Found<'_, '_, '_>, at: At<'_, '_>) {
    let fetches = sane(at.node.number("Heap Fetches")).unwrap_or(0.0);
    let rows = kept(at.node).unwrap_or(0.0) + super::rows::removed(at.node).unwrap_or(0.0);
    let part = fetches / rows.max(1.0);
    if fetches <= 0.0 || part < found.thresholds.heap_fetch_share {
        return;
    }
    let severity = if fetches >= found.thresholds.heap_fetches {
        Severity::Warning
    } else {
        Severity::Info
    };
    let message = format!(
        "{} visited the table {} times for {} rows although the index has all columns: VACUUM the table, \
        so that its \
         visibility map says which pages need no visit",
        name(at.node),
        count(fetches),
        count(rows)
    );
    found.add("heap_fetches", severity, at, part, message);
}
