//! From what was read to the tree.

use std::borrow::Cow;

use super::super::{Limits, Node, Plan, PlanError, Property};
use super::draft::{Draft, Link, Role, Sketch};
use super::join;

/// What is below a sketch, wrappers left out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Below {
    pub(super) sketch: u32,
    pub(super) link: Link,
}

/// Makes `plan` the tree of what was read.
pub(super) fn finish<'a>(
    mut draft: Draft<'a>,
    mut plan: Plan<'a>,
    limits: &Limits<'_>,
) -> Result<Plan<'a>, PlanError> {
    let mut below: Vec<Vec<Below>> = std::iter::repeat_with(Vec::new).take(draft.nodes.len()).collect();
    let mut roots = Vec::new();
    for at in (0..draft.nodes.len()).rev() {
        unwrap(&mut draft, &mut below, &mut roots, at);
    }
    // Each table that is joined brings its join, and a node is large to be moved.
    plan.nodes
        .reserve(draft.nodes.len().saturating_mul(2).min(limits.nodes));
    // The last that was taken is the first of the text.
    let mut tasks: Vec<(u32, Option<u32>, &'static str)> = Vec::new();
    tasks.extend(roots.last().map(|root: &Below| (root.sketch, None, "")));
    while let Some((sketch, parent, relationship)) = tasks.pop() {
        let children = below
            .get_mut(sketch as usize)
            .map(std::mem::take)
            .unwrap_or_default();
        let Some(found) = draft.nodes.get_mut(sketch as usize) else {
            continue;
        };
        let inputs: Vec<Below> = children
            .iter()
            .copied()
            .filter(|child| !child.link.is_aside())
            .collect();
        let aside = children.iter().rev().filter(|child| child.link.is_aside());
        let joined = !matches!(found.role, Role::Step | Role::Table);
        let many =
            inputs.len() > 1 && draft.implicit_joins && inputs.iter().all(|input| input.link == Link::Input);
        let mut at = parent;
        if !joined {
            let mut node = std::mem::take(&mut found.node);
            let derived =
                found.role == Role::Table && inputs.iter().any(|input| input.link == Link::Subquery);
            if derived && node.operation.is_none() {
                node.node_type = Cow::Borrowed("Subquery Scan");
            }
            at = Some(place(&mut plan, node, parent, relationship, limits)?);
        }
        let above = tasks.len();
        let top = if many || joined {
            let relationship = if joined { relationship } else { "Outer" };
            let wrapper = joined.then(|| std::mem::take(&mut found.node));
            let top = join::joined(
                &mut draft,
                &mut plan,
                &mut tasks,
                &inputs,
                (at, relationship),
                limits,
            )?;
            let node = top.and_then(|top| plan.nodes.get_mut(top as usize));
            if let (Some(node), Some(wrapper)) = (node, wrapper) {
                node.subplan = wrapper.subplan;
                node.properties.extend(wrapper.properties);
            }
            top
        } else {
            let kind = at
                .and_then(|at| plan.nodes.get(at as usize))
                .map(|node| node.node_type.clone());
            for (ordinal, input) in inputs.iter().enumerate().rev() {
                tasks.push((input.sketch, at, relation(kind.as_deref(), input.link, ordinal)));
            }
            at
        };
        // Subqueries come behind the inputs: below them on the stack.
        let before = aside.map(|child| (child.sketch, top, named(child.link)));
        tasks.splice(above..above, before);
    }
    Ok(plan)
}

/// Adds a finished node to the tree.
pub(super) fn place<'a>(
    plan: &mut Plan<'a>,
    mut node: Node<'a>,
    parent: Option<u32>,
    relationship: &'static str,
    limits: &Limits<'_>,
) -> Result<u32, PlanError> {
    if !relationship.is_empty() {
        node.relationship = Some(Cow::Borrowed(relationship));
    }
    plan.adopt(node, parent, limits)
}

const fn named(link: Link) -> &'static str {
    match link {
        Link::Input => "Outer",
        Link::Member => "Member",
        Link::Subquery => "Subquery",
        Link::InitPlan => "InitPlan",
        Link::SubPlan => "SubPlan",
    }
}

fn relation(parent: Option<&str>, link: Link, ordinal: usize) -> &'static str {
    match (parent, link, ordinal) {
        (Some("Append" | "SetOp" | "Recursive Union" | "BitmapAnd" | "BitmapOr"), Link::Input, _) => "Member",
        (Some("Subquery Scan"), Link::Input, 0) => "Subquery",
        (_, Link::Input, 1) => "Inner",
        (_, Link::Input, 2..) => "Member",
        _ => named(link),
    }
}

/// Hands the sketch at `at`, or what takes its place, to its parent.
fn unwrap(draft: &mut Draft<'_>, below: &mut [Vec<Below>], roots: &mut Vec<Below>, at: usize) {
    let children = below.get_mut(at).map(std::mem::take).unwrap_or_default();
    let mut inputs = children.iter().copied().filter(|child| !child.link.is_aside());
    let only = inputs.next();
    let more = inputs.next().is_some();
    let Some(sketch) = draft.nodes.get_mut(at) else {
        return;
    };
    let (role, link, parent) = (sketch.role, sketch.link, sketch.node.parent);
    let mut replaced = None;
    let mut handed = Vec::new();
    match (role, only, more) {
        (Role::Step | Role::Table, ..) | (_, _, true) => {}
        (_, Some(only), _) => {
            let node = std::mem::take(&mut sketch.node);
            if let Some(input) = draft.nodes.get_mut(only.sketch as usize) {
                merge(input, node, role);
            }
            replaced = Some(only.sketch);
        }
        (Role::Block | Role::Filter, None, _) => {
            sketch.node.node_type = Cow::Borrowed("Result");
            sketch.role = Role::Step;
        }
        (Role::Wrap | Role::Joined, None, _) => handed.clone_from(&children),
    }
    let place = replaced.unwrap_or_else(|| u32::try_from(at).unwrap_or(u32::MAX));
    if let Some(list) = below.get_mut(place as usize) {
        if replaced.is_some() {
            list.extend(children.into_iter().rev().filter(|child| child.link.is_aside()));
        } else if handed.is_empty() {
            // They were collected from the last to the first.
            *list = children;
            list.reverse();
        }
    }
    let nothing = matches!(role, Role::Wrap | Role::Joined) && only.is_none();
    let list = match parent {
        Some(parent) => below.get_mut(parent as usize),
        None => Some(roots),
    };
    if let Some(list) = list {
        if nothing {
            list.extend(handed);
        } else {
            list.push(Below { sketch: place, link });
        }
    }
}

/// What a wrapper says goes to what takes its place.
fn merge<'a>(input: &mut Sketch<'a>, wrapper: Node<'a>, role: Role) {
    let node = &mut input.node;
    if role == Role::Filter {
        if let (Some(before), Some(behind)) = (node.actual_rows, wrapper.actual_rows)
            && before > behind
        {
            node.add("Rows Removed by Filter", Property::Number(before - behind));
        }
        node.plan_rows = wrapper.plan_rows.or(node.plan_rows);
        node.startup_cost = wrapper.startup_cost.or(node.startup_cost);
        node.total_cost = wrapper.total_cost.or(node.total_cost);
        node.actual_rows = wrapper.actual_rows.or(node.actual_rows);
        node.actual_startup_ms = wrapper.actual_startup_ms.or(node.actual_startup_ms);
        node.actual_total_ms = wrapper.actual_total_ms.or(node.actual_total_ms);
    }
    node.subplan = wrapper.subplan.or_else(|| node.subplan.take());
    for (key, value) in wrapper.properties.into_iter().take(MERGED) {
        if node.properties.len() < 2 * MERGED && node.property(&key).is_none() {
            node.add(key, value);
        }
    }
}

/// No wrapper says as much as this. What did could make looking for equal keys slow.
const MERGED: usize = 64;
