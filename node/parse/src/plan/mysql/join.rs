//! Tables that are joined one after the other, as joins of two inputs.

use std::borrow::Cow;

use super::super::{Limits, Node, Plan, PlanError};
use super::draft::Draft;
use super::finish::{Below, place};
use super::table::{JOINED_MS, JOINED_ROWS, is_set, number, per, text, tidy};

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
        let said = Said::of(inner);
        let loops = said.loops.or(rows);
        let product = loops.zip(inner.plan_rows).map(|(loops, rows)| tidy(loops * rows));
        rows = said.rows_produced.or(product);
        cost = said.prefix_cost.or_else(|| add(cost, inner.total_cost));
        let all_rows = inner
            .actual_rows
            .zip(inner.actual_loops)
            .map(|(rows, loops)| rows * loops);
        joins.push(Node {
            node_type: Cow::Borrowed(if said.is_hashed() {
                "Hash Join"
            } else {
                "Nested Loop"
            }),
            join_type: said.join_type().map(Cow::Borrowed),
            total_cost: cost,
            plan_rows: rows,
            actual_rows: each(said.joined_rows.or(all_rows)),
            actual_total_ms: each(said.joined_ms),
            actual_loops: times,
            ..Node::default()
        });
    }
    joins
}

/// What the inner table says of its join, found in one pass.
#[derive(Default)]
struct Said<'p> {
    loops: Option<f64>,
    rows_produced: Option<f64>,
    prefix_cost: Option<f64>,
    joined_rows: Option<f64>,
    joined_ms: Option<f64>,
    buffer: Option<&'p str>,
    join_type: Option<&'p str>,
    not_exists: bool,
    first_match: bool,
    /// One of its conditions is on what may be missing.
    is_outer: [bool; 2],
}

impl<'p> Said<'p> {
    fn of(inner: &'p Node<'_>) -> Self {
        let mut said = Self::default();
        // Of equal keys the first counts.
        for (key, value) in inner.properties.iter().rev() {
            match key.as_ref() {
                "loops" => said.loops = number(value),
                "rows_produced_per_join" => said.rows_produced = number(value),
                "prefix_cost" => said.prefix_cost = number(value),
                JOINED_ROWS => said.joined_rows = number(value),
                JOINED_MS => said.joined_ms = number(value),
                "using_join_buffer" => said.buffer = text(value),
                "join_type" => said.join_type = text(value),
                "not_exists" => said.not_exists = is_set(value),
                "first_match" => said.first_match = true,
                "Filter" => said.is_outer[0] = text(value).is_some_and(may_be_missing),
                "Join Filter" => said.is_outer[1] = text(value).is_some_and(may_be_missing),
                _ => {}
            }
        }
        said
    }

    fn is_hashed(&self) -> bool {
        self.buffer.or(self.join_type).is_some_and(|buffer| {
            buffer == "hash join" || buffer.starts_with("BNLH") || buffer.starts_with("BKAH")
        })
    }

    /// What the JSON tells of the kind of a join. An outer join it tells only where there is a condition on
    /// what may be missing.
    fn join_type(&self) -> Option<&'static str> {
        match self {
            Self { not_exists: true, .. } => Some("Anti"),
            _ if self.is_outer.contains(&true) => Some("Left"),
            Self {
                first_match: true, ..
            } => Some("Semi"),
            _ => None,
        }
    }
}

/// Whether a condition holds only for rows that were found. The other conditions of this kind in MariaDB
/// compare with a value of the statement around.
fn may_be_missing(condition: &str) -> bool {
    let only_if = condition.strip_prefix("<if>(").is_some_and(|condition| {
        condition.starts_with("is_not_null_compl(") || condition.starts_with("found_match(")
    });
    only_if || (condition.starts_with("trigcond(") && !condition.contains("<cache>("))
}
