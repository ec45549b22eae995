//! Which plans are the same plan.

mod canonical;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use self::canonical::canonical;
use super::{Engine, Node, Plan, Property};
use crate::sql::Dialect;

/// Changes when what is hashed changes, so that fingerprints of two kinds never meet.
const VERSION: u64 = 1;

/// The properties that are expressions and part of what a plan is. They are hashed in this order.
const CONDITIONS: [&str; 25] = [
    "Index Cond",
    "Recheck Cond",
    "TID Cond",
    "Hash Cond",
    "Merge Cond",
    "Join Filter",
    "Filter",
    "One-Time Filter",
    "Run Condition",
    "Conflict Filter",
    "Order By",
    "Sort Key",
    "Presorted Key",
    "Group Key",
    "Grouping Sets",
    "Group Keys",
    "Hash Keys",
    "Hash Key",
    "Cache Key",
    "Window",
    "join_conditions",
    "extra_condition",
    "group_items",
    "ranges",
    "ref",
];

/// The properties that are words and part of what a plan is.
const WORDS: [&str; 11] = [
    "CTE Name",
    "Function Name",
    "Table Function Name",
    "Tuplestore Name",
    "Custom Plan Provider",
    "Command",
    "Conflict Resolution",
    "Conflict Arbiter Indexes",
    "Sampling Method",
    "Access Type",
    "used_key_parts",
];

/// The same for all plans of one shape: steps, relations, indexes, join types, strategies and conditions.
/// Literals, parameters, costs, rows, times, workers, and the aliases and numbers that the planner gives do
/// not matter; nor does the format, `VERBOSE`, or whether the plan was scrubbed. The same in every release.
/// Written as 16 hexadecimal digits.
pub fn fingerprint(plan: &Plan<'_>) -> u64 {
    let dialect = dialect(plan.engine);
    let mut bytes = Bytes(Vec::with_capacity(64 * plan.nodes.len()));
    bytes.text(engine(plan.engine));
    for node in &plan.nodes {
        bytes.node(node, dialect);
    }
    xxh3_64_with_seed(&bytes.0, VERSION)
}

/// The dialect of an engine's expressions.
pub(super) const fn dialect(engine: Engine) -> Dialect {
    match engine {
        Engine::PostgreSql => Dialect::PostgreSql,
        Engine::MySql => Dialect::MySql,
        Engine::MariaDb => Dialect::MariaDb,
    }
}

/// The engine's name as it is written everywhere.
pub(super) const fn engine(engine: Engine) -> &'static str {
    match engine {
        Engine::PostgreSql => "postgresql",
        Engine::MySql => "mysql",
        Engine::MariaDb => "mariadb",
    }
}

/// What is hashed. Every text has its length before it, so that no two plans have the same bytes.
struct Bytes(Vec<u8>);

impl Bytes {
    fn text(&mut self, text: &str) {
        self.0.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn node(&mut self, node: &Node<'_>, dialect: Dialect) {
        self.0.extend_from_slice(&node.depth.to_le_bytes());
        self.text(&node.node_type);
        self.text(subplan(node));
        let join = node.join_type.as_deref().filter(|join| *join != "Inner");
        let strategy = node.strategy.as_deref().filter(|strategy| *strategy != "Plain");
        let mode = node.text("Partial Mode").filter(|mode| *mode != "Simple");
        let direction = node.text("Scan Direction").filter(|way| *way == "Backward");
        let operation = node.operation.as_deref().filter(|what| *what != "Select");
        for word in [
            join,
            strategy,
            operation,
            node.relation.as_deref(),
            node.index.as_deref(),
            mode,
            direction,
        ] {
            self.text(word.unwrap_or_default());
        }
        self.0.push(u8::from(node.parallel_aware));
        for (at, key) in WORDS.iter().enumerate() {
            if let Some(words) = node.property(key) {
                self.0.push(at as u8);
                self.text(&joined(words));
            }
        }
        for (at, key) in CONDITIONS.iter().enumerate() {
            if let Some(condition) = node.property(key) {
                self.0.push(u8::MAX - at as u8);
                let condition = canonical(dialect, &joined(condition));
                self.text(&condition);
            }
        }
    }
}

/// What kind of subplan it is, without the number that the planner gave to it.
fn subplan(node: &Node<'_>) -> &'static str {
    let name = node.subplan.as_deref().unwrap_or_default();
    let kind = ["CTE", "InitPlan", "SubPlan", "Select #"]
        .into_iter()
        .find(|kind| name.starts_with(kind));
    kind.unwrap_or_default()
}

fn joined<'a>(property: &'a Property<'_>) -> Cow<'a, str> {
    match property {
        Property::Text(text) => Cow::Borrowed(text),
        Property::Texts(texts) => Cow::Owned(texts.join(", ")),
        Property::Flag(true) => Cow::Borrowed("true"),
        Property::Flag(false) | Property::Number(_) => Cow::Borrowed(""),
    }
}
