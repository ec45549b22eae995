//! What a plan says: its figures, what is remarkable in it, and which plan it is.

mod attributes;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub use self::attributes::{Attributes, Joins, Scans};
use super::insights::insights;
use super::shape::{Shape, Share};
use super::{Insight, Plan, Thresholds, fingerprint};

/// What a plan says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Facts {
    /// How many steps it has.
    pub nodes: usize,
    /// Its figures.
    pub attributes: Attributes,
    /// What is remarkable, by node in the order of the plan.
    pub insights: Vec<Insight>,
    /// Which plan it is, see [`fingerprint`].
    pub fingerprint: u64,
    /// What each node takes for itself, in the order of the nodes.
    #[serde(skip)]
    pub shares: Vec<Share>,
}

/// Reads a plan for what it says. Takes time linear in its size.
pub fn facts(plan: &Plan<'_>, thresholds: &Thresholds) -> Facts {
    let shape = Shape::new(plan);
    Facts {
        nodes: plan.nodes.len(),
        attributes: Attributes::of(plan),
        insights: insights(&shape, thresholds),
        fingerprint: fingerprint(plan),
        shares: shape.shares,
    }
}
