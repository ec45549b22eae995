//! The figures of a plan as a whole.

use std::collections::BTreeSet;

use serde::Serialize;

use super::super::insights::is_sequential;
use super::super::shape::{loops, sane};
use super::super::{Node, Plan};

/// Relations listed at most; a plan over thousands of partitions would be all names.
const RELATIONS: usize = 100;
/// The weight at which a plan has half of the complexity that there is.
const HALF: f64 = 50.0;

/// The figures of a plan as a whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Attributes {
    /// Its cost, in the engine's units.
    pub total_cost: Option<f64>,
    /// Milliseconds that it took, where it was executed.
    pub execution_time: Option<f64>,
    /// Whether it reads a whole table.
    pub has_sequential_scan: bool,
    /// Whether it runs one side of a join for every row of the other.
    pub has_nested_loop: bool,
    /// How many steps read an index.
    pub index_scan_count: u64,
    /// How many steps read a table, by an index or not.
    pub table_access_count: u64,
    /// How much there is to it, 0 to 100: `100 * w / (w + 50)`, where the weight `w` is 1 for every step and
    /// on top of it 2 for a join, 1 for a sort, an aggregate, a window or a set operation, 2 for a subplan, 1
    /// for what writes, and half of the depth of the deepest step. A step more never lowers it.
    pub plan_complexity_score: f64,
    /// How many steps there are of each way to join.
    pub joins: Joins,
    /// How many steps there are of each way to read.
    pub scans: Scans,
    /// The tables it reads or writes, each once, in order of their names, at most 100.
    pub relations: Vec<String>,
}

/// How many steps there are of each way to join.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Joins {
    /// Nested loops.
    pub nested_loop: u64,
    /// Hash joins.
    pub hash: u64,
    /// Merge joins.
    pub merge: u64,
}

/// How many steps there are of each way to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Scans {
    /// A table from begin to end.
    pub sequential: u64,
    /// Rows of a table by an index.
    pub index: u64,
    /// An index alone.
    pub index_only: u64,
    /// An index for a bitmap.
    pub bitmap_index: u64,
    /// Rows of a table by a bitmap.
    pub bitmap_heap: u64,
    /// Anything else: functions, lists of values, common table expressions, other servers, samples, row
    /// identifiers.
    pub other: u64,
}

/// What a step is, as far as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Sequential,
    Index,
    IndexOnly,
    BitmapIndex,
    BitmapHeap,
    /// Reads a table in another way.
    Table,
    /// Reads something that is no table.
    Other,
    NestedLoop,
    HashJoin,
    MergeJoin,
    /// Takes rows together or puts them in order.
    Gathering,
    Write,
    Plain,
}

impl Step {
    fn of(node: &Node<'_>) -> Self {
        match &*node.node_type {
            "Index Scan" => Self::Index,
            "Index Only Scan" => Self::IndexOnly,
            "Bitmap Index Scan" => Self::BitmapIndex,
            "Bitmap Heap Scan" => Self::BitmapHeap,
            "Nested Loop" => Self::NestedLoop,
            "Hash Join" => Self::HashJoin,
            "Merge Join" => Self::MergeJoin,
            "ModifyTable" => Self::Write,
            "Sort" | "Incremental Sort" | "Aggregate" | "Group" | "WindowAgg" | "SetOp" | "Unique"
            | "Recursive Union" => Self::Gathering,
            _ if is_sequential(node) => Self::Sequential,
            name if name.ends_with("Scan") && node.relation.is_some() => Self::Table,
            name if name.ends_with("Scan") => Self::Other,
            _ => Self::Plain,
        }
    }

    const fn weight(self) -> f64 {
        match self {
            Self::NestedLoop | Self::HashJoin | Self::MergeJoin => 3.0,
            Self::Gathering | Self::Write => 2.0,
            _ => 1.0,
        }
    }
}

impl Attributes {
    pub(super) fn of(plan: &Plan<'_>) -> Self {
        let mut all = Self {
            total_cost: cost(plan),
            execution_time: time(plan),
            ..Self::default()
        };
        let mut relations = BTreeSet::new();
        let (mut weight, mut depth) = (0.0, 0);
        for node in &plan.nodes {
            let step = Step::of(node);
            all.count(step);
            weight += step.weight() + if node.subplan.is_some() { 2.0 } else { 0.0 };
            depth = depth.max(node.depth);
            if let Some(relation) = node.relation.as_deref().filter(|name| !name.starts_with('<')) {
                relations.insert(qualified(node, relation));
                if relations.len() > RELATIONS {
                    relations.pop_last();
                }
            }
        }
        weight += f64::from(depth) / 2.0;
        all.has_sequential_scan = all.scans.sequential > 0;
        all.has_nested_loop = all.joins.nested_loop > 0;
        all.plan_complexity_score = 100.0 * weight / (weight + HALF);
        all.relations = relations.into_iter().collect();
        all
    }

    fn count(&mut self, step: Step) {
        let (scans, joins) = (&mut self.scans, &mut self.joins);
        let counter = match step {
            Step::Sequential => &mut scans.sequential,
            Step::Index => &mut scans.index,
            Step::IndexOnly => &mut scans.index_only,
            Step::BitmapIndex => &mut scans.bitmap_index,
            Step::BitmapHeap => &mut scans.bitmap_heap,
            Step::Table | Step::Other => &mut scans.other,
            Step::NestedLoop => &mut joins.nested_loop,
            Step::HashJoin => &mut joins.hash,
            Step::MergeJoin => &mut joins.merge,
            Step::Gathering | Step::Write | Step::Plain => return,
        };
        *counter += 1;
        if matches!(step, Step::Index | Step::IndexOnly | Step::BitmapIndex) {
            self.index_scan_count += 1;
        }
        // A bitmap's index and its heap are one access.
        let is_access = matches!(
            step,
            Step::Sequential | Step::Index | Step::IndexOnly | Step::BitmapHeap | Step::Table
        );
        self.table_access_count += u64::from(is_access);
    }
}

fn qualified(node: &Node<'_>, relation: &str) -> String {
    match &node.schema {
        Some(schema) => format!("{schema}.{relation}"),
        None => relation.to_owned(),
    }
}

/// The root's cost; where it has none, the highest of all.
fn cost(plan: &Plan<'_>) -> Option<f64> {
    let costs = plan.nodes.iter().filter_map(|node| sane(node.total_cost));
    let root = plan.nodes.first().and_then(|root| sane(root.total_cost));
    root.or_else(|| costs.max_by(f64::total_cmp))
}

/// What the server says; where it says nothing, as in logs, what the root took.
fn time(plan: &Plan<'_>) -> Option<f64> {
    let root = plan.nodes.first()?;
    let measured = sane(root.actual_total_ms).map(|ms| ms * loops(root));
    sane(plan.execution_ms).or(measured)
}
