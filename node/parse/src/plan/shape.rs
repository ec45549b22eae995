//! What is above, below and beside a node of a plan, and what each node takes for itself.

mod subplans;
#[cfg(test)]
mod tests;

use super::{Node, Plan};

/// What one node takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Share {
    /// Milliseconds of the clock over all executions, children included. Zero if it was never executed.
    pub total_ms: Option<f64>,
    /// The same without its children.
    pub own_ms: Option<f64>,
    /// Its part of the plan's time, 0 to 1.
    pub time: Option<f64>,
    /// Its cost without its children, in the engine's units.
    pub own_cost: Option<f64>,
    /// Its part of the plan's cost, 0 to 1.
    pub cost: Option<f64>,
}

impl Share {
    /// Its part of the time where the plan was executed, else of the cost.
    pub fn of_plan(&self) -> Option<f64> {
        self.time.or(self.cost)
    }
}

/// A plan whose nodes know their children and what they take.
pub(super) struct Shape<'p, 'a> {
    pub(super) plan: &'p Plan<'a>,
    pub(super) shares: Vec<Share>,
    children: Vec<Vec<usize>>,
    /// Of each join in loops, the side that is run for every row of the other.
    inners: Vec<Option<usize>>,
}

impl<'p, 'a> Shape<'p, 'a> {
    pub(super) fn new(plan: &'p Plan<'a>) -> Self {
        let mut children = vec![Vec::new(); plan.nodes.len()];
        for (at, node) in plan.nodes.iter().enumerate() {
            if let Some(list) = parent(node).and_then(|parent| children.get_mut(parent)) {
                list.push(at);
            }
        }
        let mut shares = vec![Share::default(); plan.nodes.len()];
        times(plan, &mut shares);
        costs(plan, &mut shares);
        let mut shape = Self {
            plan,
            shares,
            children,
            inners: Vec::new(),
        };
        let loops = |node: &Node<'_>| node.node_type == "Nested Loop";
        let nodes = plan.nodes.iter().enumerate();
        let inner = |(at, node)| loops(node).then(|| shape.find_inner(at)).flatten();
        shape.inners = nodes.map(inner).collect();
        shape
    }

    pub(super) fn node(&self, at: usize) -> Option<&'p Node<'a>> {
        self.plan.nodes.get(at)
    }

    pub(super) fn share(&self, at: usize) -> Share {
        self.shares.get(at).copied().unwrap_or_default()
    }

    pub(super) fn children(&self, at: usize) -> &[usize] {
        self.children.get(at).map_or(&[], Vec::as_slice)
    }

    /// The children that give it their rows: all but those that are only evaluated in its expressions.
    pub(super) fn inputs(&self, at: usize) -> impl DoubleEndedIterator<Item = usize> + '_ {
        let feeds = |child: &usize| self.node(*child).is_some_and(|node| !is_subplan(node));
        self.children(at).iter().copied().filter(feeds)
    }

    /// The side of a join in loops that is run for every row of the other.
    pub(super) fn inner(&self, at: usize) -> Option<usize> {
        self.inners.get(at).copied().flatten()
    }

    fn find_inner(&self, at: usize) -> Option<usize> {
        let marked = |child: &usize| {
            self.node(*child)
                .is_some_and(|node| node.relationship.as_deref() == Some("Inner"))
        };
        let found = self.children(at).iter().copied().find(marked);
        found.or_else(|| {
            (self.inputs(at).count() > 1)
                .then(|| self.inputs(at).next_back())
                .flatten()
        })
    }
}

fn parent(node: &Node<'_>) -> Option<usize> {
    node.parent.map(|parent| parent as usize)
}

/// Whether it is evaluated in an expression or by name, and not as an input of its parent.
pub(super) fn is_subplan(node: &Node<'_>) -> bool {
    matches!(node.relationship.as_deref(), Some("InitPlan" | "SubPlan")) || is_apart(node)
}

/// Whether it is run once, wherever its result is first wanted.
pub(super) fn is_apart(node: &Node<'_>) -> bool {
    let named = node.subplan.as_deref().unwrap_or_default();
    node.relationship.as_deref() == Some("InitPlan")
        || named.starts_with("InitPlan")
        || named.starts_with("CTE ")
}

/// Whether it was not executed although the plan was.
pub(super) fn is_never_executed(node: &Node<'_>) -> bool {
    node.actual_loops == Some(0.0)
}

/// How often it was executed; once where that is not told.
pub(super) fn loops(node: &Node<'_>) -> f64 {
    sane(node.actual_loops).unwrap_or(1.0)
}

/// A figure that can be calculated with.
pub(super) fn sane(figure: Option<f64>) -> Option<f64> {
    figure.filter(|figure| figure.is_finite() && *figure >= 0.0)
}

/// Times are means of an execution, and below a Gather the executions of all workers are counted, which run
/// at the same time: the clock sees the sum divided by how many took part.
fn times(plan: &Plan<'_>, shares: &mut [Share]) {
    let mut together = vec![1.0_f64; plan.nodes.len()];
    for (at, node) in plan.nodes.iter().enumerate() {
        let above = parent(node).filter(|_| !is_apart(node));
        let mut parts = above
            .and_then(|above| together.get(above).copied())
            .unwrap_or(1.0);
        let divisor = parts.min(loops(node)).max(1.0);
        let total = match sane(node.actual_total_ms) {
            _ if is_never_executed(node) => Some(0.0),
            total => total.map(|total| total * loops(node) / divisor),
        };
        if matches!(&*node.node_type, "Gather" | "Gather Merge") {
            parts = 1.0 + sane(node.number("Workers Launched")).unwrap_or(0.0);
        }
        if let Some(own) = together.get_mut(at) {
            *own = parts;
        }
        if let Some(share) = shares.get_mut(at) {
            share.total_ms = total;
            share.own_ms = total;
        }
    }
    let whole = shares
        .first()
        .and_then(|root| root.total_ms)
        .filter(|whole| *whole > 0.0);
    subtract(plan, shares);
    for share in shares {
        share.time = share.own_ms.zip(whole).map(|(own, whole)| (own / whole).min(1.0));
    }
}

/// Takes from each node what its children took.
fn subtract(plan: &Plan<'_>, shares: &mut [Share]) {
    let mut apart = Vec::new();
    for (at, node) in plan.nodes.iter().enumerate() {
        let total = shares.get(at).and_then(|share| share.total_ms).unwrap_or(0.0);
        if is_apart(node) {
            apart.push((at, total));
        } else if let Some(above) = parent(node).and_then(|parent| shares.get_mut(parent)) {
            above.own_ms = above.own_ms.map(|own| own - total);
        }
    }
    for share in &mut *shares {
        share.own_ms = share.own_ms.map(|own| own.max(0.0));
    }
    subplans::charge(plan, &apart, shares);
}

/// Costs include the children's. A child that costs more than its parent (below a Limit) is not run to its
/// end, and what is below it is scaled alike.
fn costs(plan: &Plan<'_>, shares: &mut [Share]) {
    let mut scales = vec![1.0_f64; plan.nodes.len()];
    let mut effective: Vec<Option<f64>> = vec![None; plan.nodes.len()];
    for (at, node) in plan.nodes.iter().enumerate() {
        let above = parent(node);
        let mut scale = above.and_then(|above| scales.get(above).copied()).unwrap_or(1.0);
        let most = above.and_then(|above| effective.get(above).copied().flatten());
        let mut cost = sane(node.total_cost).map(|cost| cost * scale);
        if let Some((own, most)) = cost.zip(most)
            && own > most
        {
            scale *= if own > 0.0 { most / own } else { 1.0 };
            cost = Some(most);
        }
        if let (Some(own_scale), Some(own)) = (scales.get_mut(at), effective.get_mut(at)) {
            *own_scale = scale;
            *own = cost;
        }
        if let Some(share) = shares.get_mut(at) {
            share.own_cost = cost;
        }
        if let Some(above) = above.and_then(|above| shares.get_mut(above)) {
            above.own_cost = above
                .own_cost
                .zip(cost)
                .map(|(own, cost)| own - cost)
                .or(above.own_cost);
        }
    }
    let whole = effective.first().copied().flatten().filter(|whole| *whole > 0.0);
    for share in shares {
        share.own_cost = share.own_cost.map(|own| own.max(0.0));
        share.cost = share
            .own_cost
            .zip(whole)
            .map(|(own, whole)| (own / whole).min(1.0));
    }
}
