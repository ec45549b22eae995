//! What is remarkable about a plan, node by node, with figures and what to do.

mod costly;
mod figures;
mod joins;
mod mysql;
mod rows;
mod scans;
mod spills;
#[cfg(test)]
mod tests;
mod thresholds;
mod workers;

use serde::Serialize;

pub(super) use self::figures::{count, name, percent, time, visible};
pub(super) use self::scans::is_sequential;
pub use self::thresholds::Thresholds;
use super::shape::{Shape, is_never_executed};
use super::{Engine, Node};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth looking at.
    Warning,
    /// Probably why the statement is slow.
    Critical,
}

impl Severity {
    /// Its name, as it is serialised.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Something remarkable about one node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Insight {
    /// What it is: `sequential_scan`, `row_estimate`, `spill`, `nested_loop`, `lossy_bitmap`, `heap_fetches`,
    /// `unused_workers`, `rows_removed`, `costly_node`, `filesort`, `temporary_table`, `join_buffer`.
    pub kind: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The node, by its place in the plan.
    pub node: u32,
    /// What it is and what to do, for people. It holds names and figures and no literals.
    pub message: String,
    /// The figure it rests on: a ratio, a share, a number of rows, loops or kilobytes.
    pub value: Option<f64>,
}

/// All that is remarkable, by node in the order of the plan.
pub(super) fn insights(shape: &Shape<'_, '_>, thresholds: &Thresholds) -> Vec<Insight> {
    let mut found = Found {
        shape,
        thresholds,
        list: Vec::new(),
    };
    let wasteful = rows::without_limit(shape);
    for (at, node) in shape.plan.nodes.iter().enumerate() {
        let at = At { at, node };
        costly::look(&mut found, at);
        if is_never_executed(node) {
            continue;
        }
        let is_scan = scans::look(&mut found, at);
        rows::look(
            &mut found,
            at,
            wasteful.get(at.at).copied().unwrap_or(true),
            is_scan,
        );
        spills::look(&mut found, at);
        joins::look(&mut found, at);
        workers::look(&mut found, at);
        if shape.plan.engine != Engine::PostgreSql {
            mysql::look(&mut found, at);
        }
    }
    found.list
}

/// The node that is looked at.
#[derive(Clone, Copy)]
struct At<'n, 'a> {
    at: usize,
    node: &'n Node<'a>,
}

/// What has been found so far.
struct Found<'s, 'p, 'a> {
    shape: &'s Shape<'p, 'a>,
    thresholds: &'s Thresholds,
    list: Vec<Insight>,
}

impl Found<'_, '_, '_> {
    fn add(&mut self, kind: &'static str, severity: Severity, at: At<'_, '_>, value: f64, message: String) {
        self.list.push(Insight {
            kind,
            severity,
            node: at.at as u32,
            message,
            value: value.is_finite().then_some(value),
        });
    }

    /// Whether the plan takes enough time (or, where it was not executed, costs enough) to ask what takes it.
    fn is_plan_costly(&self) -> bool {
        let cost = self.shape.node(0).and_then(|root| root.total_cost);
        match self.shape.share(0).total_ms {
            Some(whole) => whole >= self.thresholds.time_ms,
            None => cost.is_some_and(|whole| whole >= self.thresholds.cost),
        }
    }
}

/// What a figure is by three limits; nothing below the first.
fn graded(figure: f64, [info, warning, critical]: [f64; 3]) -> Option<Severity> {
    [
        (critical, Severity::Critical),
        (warning, Severity::Warning),
        (info, Severity::Info),
    ]
    .into_iter()
    .find_map(|(limit, severity)| (figure >= limit).then_some(severity))
}
