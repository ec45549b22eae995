//! Tables that are joined one after the other, as joins of two inputs.

use std::borrow::Cow;

use super::super::{Limits, Node, Plan, PlanError};
use super::draft::Draft;
use super::finish::{Below, place};
use super::table::{JOINED_MS, JOINED_ROWS, is, per, tidy};

/// What is still to be placed: a sketch, its parent in the tree, and what it is to it.
type Tasks = Vec<(u32, Option<u32>, &'static str)>;

/// Places the joins of `inputs`, of which there are two at least, and says where the topmost is: the first
/// two inputs are joined, then what comes of it and the third, and so on.
pub(super) fn joined<'a>(
    draft: &mut Draft<'a>,
    plan: &mut Plan<'a>,
    tasks: &mut Tasks,
    inputs: &[Below],
    (parent, relationship): (Option<u32>, &'static str),
    limits: &Limits<'_>,
) -> Result<Option<u32>, PlanError> {
    let Some((first, inner)) = inputs.split_first() else {
        return Ok(parent);
    };
    let joins = joins(draft, *first, inner);
    let mut at = parent;
    let mut is = relationship;
    let mut top = None;
    for (join, inner) in joins.into_iter().zip(inner).rev() {
        let here = place(plan, join, at, is, limits)?;
        tasks.push((inner.sketch, Some(here), "Inner"));
        top = top.or(Some(here));
        at = Some(here);
        is = "Outer";
    }
    tasks.push((first.sketch, at, is));
    Ok(top)
}

/// The joins, the innermost first.
fn joins<'a>(draft: &Draft<'a>, first: Below, inner: &[Below]) -> Vec<Node<'a>> {
    let node = |below: &Below| draft.nodes.get(below.sketch as usize).map(|sketch| &sketch.node);
    let Some(first) = node(&first) else {
        return Vec::new();
    };
    let times = first.actual_loops;
    let add = |a: Option<f64>, b: Option<f64>| Some(tidy(a? + b?));
    let each = |all: Option<f64>| all.zip(times).map(|(all, times)| per(all, times));
    let (mut rows, mut cost) = (first.plan_rows, first.total_cost);
    let mut joins = Vec::with_capacity(inner.len());
    for inner in inner.iter().filter_map(node) {
        let loops = inner.number("loops").or(rows);
        let product = loops.zip(inner.plan_rows).map(|(loops, rows)| tidy(loops * rows));
        rows = inner.number("rows_produced_per_join").or(product);
        cost = inner
            .number("prefix_cost")
            .or_else(|| add(cost, inner.total_cost));
        let all_rows = inner
            .actual_rows
            .zip(inner.actual_loops)
            .map(|(rows, loops)| rows * loops);
        joins.push(Node {
            node_type: Cow::Borrowed(if is_hashed(inner) {
                "Hash Join"
            } else {
                "Nested Loop"
            }),
            join_type: join_type(inner),
            total_cost: cost,
            plan_rows: rows,
            actual_rows: each(inner.number(JOINED_ROWS).or(all_rows)),
            actual_total_ms: each(inner.number(JOINED_MS)),
            actual_loops: times,
            ..Node::default()
        });
    }
    joins
}

fn is_hashed(inner: &Node<'_>) -> bool {
    let buffer = inner
        .text("using_join_buffer")
        .or_else(|| inner.text("join_type"));
    buffer.is_some_and(|buffer| {
        buffer == "hash join" || buffer.starts_with("BNLH") || buffer.starts_with("BKAH")
    })
}

/// What the JSON tells of the kind of a join. An outer join it tells only where there is a condition on what
/// may be missing.
fn join_type(inner: &Node<'_>) -> Option<Cow<'static, str>> {
    if is(inner, "not_exists") {
        return Some(Cow::Borrowed("Anti"));
    }
    let is_outer = |key| inner.text(key).is_some_and(may_be_missing);
    if is_outer("Filter") || is_outer("Join Filter") {
        return Some(Cow::Borrowed("Left"));
    }
    inner.property("first_match").map(|_| Cow::Borrowed("Semi"))
}

/// Whether a condition holds only for rows that were found. The other conditions of this kind in MariaDB
/// compare with a value of the statement around.
fn may_be_missing(condition: &str) -> bool {
    let only_if = condition.strip_prefix("<if>(").is_some_and(|condition| {
        condition.starts_with("is_not_null_compl(") || condition.starts_with("found_match(")
    });
    only_if || (condition.starts_with("trigcond(") && !condition.contains("<cache>("))
}
