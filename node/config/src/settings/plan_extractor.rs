//! Processor `plan_extractor`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalar::Duration;

/// The attributes that `plan_extractor` can set, by the names that `derived_attributes` takes.
pub const PLAN_ATTRIBUTES: [&str; 9] = [
    "total_cost",
    "execution_time",
    "has_sequential_scan",
    "has_nested_loop",
    "index_scan_count",
    "table_access_count",
    "plan_complexity_score",
    "plan_fingerprint",
    "plan_insights",
];

/// Takes attributes out of execution plans. Each distinct plan is read once; one that cannot be read is taken out
/// of its row, because it might hold what must not leave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PlanExtractor {
    /// How long reading one plan may take.
    pub plan_timeout: Duration,
    /// Larger plans are not read, in KiB.
    #[schemars(range(min = 1))]
    pub max_plan_size_kb: u64,
    /// Deeper plans are not read, in levels.
    #[schemars(range(min = 1))]
    pub max_plan_depth: u32,
    /// Larger plans are not read, in nodes.
    #[schemars(range(min = 1))]
    pub max_plan_nodes: u64,
    /// How many plans of a frame are read at a time.
    #[schemars(range(min = 1, max = 64))]
    pub workers: u32,
    /// How many plans are remembered.
    #[schemars(range(min = 1))]
    pub plan_cache_size: u64,
    /// The most memory for plans that are remembered, in MiB.
    #[schemars(range(min = 1))]
    pub plan_cache_mb: u64,
    /// The columns that hold plans, wherever a stream has one of them.
    pub plan_columns: Vec<String>,
    /// The attributes to set. Default: all.
    pub derived_attributes: Vec<String>,
    /// From how much on a plan's steps are remarked on.
    pub insights: PlanInsights,
}

impl Default for PlanExtractor {
    fn default() -> Self {
        Self {
            plan_timeout: Duration::from_secs(5),
            max_plan_size_kb: 500,
            max_plan_depth: 512,
            max_plan_nodes: 20_000,
            workers: 2,
            plan_cache_size: 10_000,
            plan_cache_mb: 32,
            plan_columns: ["query_plan", "plan", "plan_json", "plan_text", "explain"]
                .map(str::to_owned)
                .to_vec(),
            derived_attributes: Vec::new(),
            insights: PlanInsights::default(),
        }
    }
}

/// From how much on a plan's steps are remarked on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PlanInsights {
    /// A table of so many rows is a large one to be read as a whole.
    pub large_table_rows: f64,
    /// So is one whose reading takes this share of the plan's time or cost.
    pub scan_share: f64,
    /// Shares of the plan's time or cost that one step alone takes: a note, a warning, critical.
    pub shares: [f64; 3],
    /// Factors between the rows expected and those found: a note, a warning, critical.
    pub estimates: [f64; 3],
    /// A filter throws too much away from this share on of what was read.
    pub removed_share: f64,
    /// And only if it throws so many rows away.
    pub removed_rows: f64,
    /// The inner side of a nested loop runs too often from here on.
    pub loops: f64,
    /// And only if it takes this share of the plan's time or cost.
    pub loops_share: f64,
    /// The share of lossy pages in a bitmap that is a warning.
    pub lossy_share: f64,
    /// Visits of the table for each row of an index-only scan that are worth a note.
    pub heap_fetch_share: f64,
    /// And so many visits are a warning.
    pub heap_fetches: f64,
    /// Plans that cost less, in the engine's units, have no costly steps.
    pub cost: f64,
    /// Plans that took less, in milliseconds, have no costly steps.
    pub time_ms: f64,
}

impl Default for PlanInsights {
    /// Shares and estimates are those of pev2.
    fn default() -> Self {
        Self {
            large_table_rows: 10_000.0,
            scan_share: 0.4,
            shares: [0.1, 0.4, 0.9],
            estimates: [10.0, 100.0, 1000.0],
            removed_share: 0.9,
            removed_rows: 1000.0,
            loops: 1000.0,
            loops_share: 0.4,
            lossy_share: 0.1,
            heap_fetch_share: 0.1,
            heap_fetches: 1000.0,
            cost: 100.0,
            time_ms: 1.0,
        }
    }
}
