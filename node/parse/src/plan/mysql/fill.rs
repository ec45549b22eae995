//! Figures and names that MySQL's and MariaDB's JSON does not say where PostgreSQL's does.

use std::borrow::Cow;

use super::super::{Node, Plan, Property};
use super::draft::{Draft, Role};
use super::table::{buffered, figures, is, per, table, tidy};

/// Makes what was read nodes of PostgreSQL's kinds.
pub(super) fn draft(draft: &mut Draft<'_>) {
    for sketch in &mut draft.nodes {
        let node = &mut sketch.node;
        match sketch.role {
            Role::Table => {
                table(node);
                figures(node);
            }
            Role::Step => {
                step(node, &mut sketch.role);
                figures(node);
            }
            Role::Wrap => {
                buffered(node);
                joined(node);
            }
            Role::Block | Role::Filter | Role::Joined => {}
        }
    }
}

/// The condition of MariaDB's join by a buffer is on the rows that were joined. What is here becomes the
/// table's, which has another.
fn joined(node: &mut Node<'_>) {
    if node.property("buffer_type").is_some() {
        let condition = node.properties.iter_mut().find(|(key, _)| key == "Filter");
        if let Some((key, _)) = condition {
            *key = Cow::Borrowed("Join Filter");
        }
    }
}

fn step(node: &mut Node<'_>, role: &mut Role) {
    let text = |text| Property::Text(Cow::Borrowed(text));
    match node.node_type.as_ref() {
        // Rows that come in order are sorted by nobody.
        "Sort" if node.property("using_filesort") == Some(&Property::Flag(false)) => *role = Role::Wrap,
        "Sort" if is(node, "r_used_priority_queue") => node.add("Sort Method", text("top-N heapsort")),
        "Sort" if node.number("r_sort_passes").is_some_and(|passes| passes > 0.0) => {
            node.add("Sort Method", text("external merge"));
            node.add("Sort Space Type", text("Disk"));
        }
        "Aggregate" => {
            let strategy = if is(node, "using_temporary_table") {
                "Hashed"
            } else {
                "Sorted"
            };
            node.strategy = Some(Cow::Borrowed(strategy));
        }
        _ => {}
    }
}

/// What the inputs of a node say together.
#[derive(Clone, Copy, Debug, Default)]
struct Inputs {
    cost: Option<f64>,
    /// Rows and executions of the first.
    rows: Option<f64>,
    actual_rows: Option<f64>,
    loops: Option<f64>,
    /// Milliseconds of all their executions.
    ms: Option<f64>,
}

/// Costs and times of nodes that say none: those of their inputs and their own sort. Rows of nodes that hand
/// on what they get.
pub(super) fn from_inputs(plan: &mut Plan<'_>) {
    let mut inputs = vec![Inputs::default(); plan.nodes.len()];
    for at in (0..plan.nodes.len()).rev() {
        let (Some(node), Some(of)) = (plan.nodes.get_mut(at), inputs.get(at)) else {
            continue;
        };
        from(node, of);
        let aside = node
            .relationship
            .as_ref()
            .is_some_and(|is| is == "SubPlan" || is == "InitPlan");
        let Some(above) = node
            .parent
            .filter(|_| !aside)
            .and_then(|parent| inputs.get_mut(parent as usize))
        else {
            continue;
        };
        let plus =
            |sum: Option<f64>, more: Option<f64>| more.map(|more| tidy(more + sum.unwrap_or(0.0))).or(sum);
        above.cost = plus(above.cost, node.total_cost);
        above.ms = plus(
            above.ms,
            node.actual_total_ms
                .zip(node.actual_loops)
                .map(|(ms, loops)| ms * loops),
        );
        above.rows = node.plan_rows.or(above.rows);
        above.actual_rows = node.actual_rows.or(above.actual_rows);
        above.loops = node.actual_loops.or(above.loops);
    }
}

fn from(node: &mut Node<'_>, inputs: &Inputs) {
    if node.total_cost.is_none() {
        let sort = node.number("sort_cost").unwrap_or(0.0);
        node.total_cost = node
            .number("query_cost")
            .or_else(|| inputs.cost.map(|cost| tidy(cost + sort)));
    }
    let hands_on = matches!(node.node_type.as_ref(), "Sort" | "Materialize" | "WindowAgg");
    if hands_on {
        node.plan_rows = node.plan_rows.or(inputs.rows);
        node.actual_rows = node.actual_rows.or(inputs.actual_rows);
    }
    if hands_on || matches!(node.node_type.as_ref(), "Aggregate" | "Unique") {
        node.actual_loops = node.actual_loops.or(inputs.loops);
    }
    // What the engine tells is a node's own.
    if let (Some(ms), Some(loops)) = (inputs.ms, node.actual_loops) {
        let own = node.actual_total_ms.unwrap_or(0.0) * loops;
        node.actual_total_ms = Some(per(ms + own, loops));
    }
}
