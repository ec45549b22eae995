//! The one tree that every engine's plans become.

use std::borrow::Cow;

/// A plan. Texts are borrowed from what was read where they stood there as they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan<'a> {
    /// Whose plan it is.
    pub engine: Engine,
    /// How it was written.
    pub format: Format,
    /// Its nodes, each before its children and children in their order; never empty, the first is the root.
    pub nodes: Vec<Node<'a>>,
    /// The statement, where the plan carries it. It is as it was written: it may hold literals.
    pub query: Option<Cow<'a, str>>,
    /// Milliseconds spent planning.
    pub planning_ms: Option<f64>,
    /// Milliseconds spent executing, where it was executed.
    pub execution_ms: Option<f64>,
    /// Why the tree is not all of what was written, where it is not.
    pub degraded: Option<Degraded>,
}

/// Whose plan it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    /// PostgreSQL and what is made of it.
    PostgreSql,
    /// MySQL.
    MySql,
    /// MariaDB.
    MariaDb,
}

/// How a plan is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `FORMAT JSON`.
    Json,
    /// PostgreSQL's `FORMAT TEXT`.
    Text,
    /// PostgreSQL's `FORMAT XML`.
    Xml,
    /// PostgreSQL's `FORMAT YAML`.
    Yaml,
    /// MySQL's `FORMAT=TREE`.
    Tree,
}

/// Why a tree is not all of what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Degraded {
    /// The text ends before the plan does.
    Truncated,
    /// Something in it is not valid, and was left out.
    Invalid,
}

/// A step of a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node<'a> {
    /// The place of its parent among the nodes; `None` for the root.
    pub parent: Option<u32>,
    /// How many nodes are above it.
    pub depth: u32,
    /// What it does, in the words of PostgreSQL's JSON (`Seq Scan`, `Hash Join`, `ModifyTable`); a step of
    /// another engine that does the same has the same name.
    pub node_type: Cow<'a, str>,
    /// What it is to its parent: `Outer`, `Inner`, `InitPlan`, `SubPlan`, `Member`, `Subquery`.
    pub relationship: Option<Cow<'a, str>>,
    /// The name of a subplan or of a common table expression: `CTE w`, `InitPlan 1 (returns $0)`.
    pub subplan: Option<Cow<'a, str>>,
    /// The relation that it reads or writes.
    pub relation: Option<Cow<'a, str>>,
    /// Its schema.
    pub schema: Option<Cow<'a, str>>,
    /// What the statement calls it.
    pub alias: Option<Cow<'a, str>>,
    /// The index that it uses.
    pub index: Option<Cow<'a, str>>,
    /// `Inner`, `Left`, `Semi`, ...
    pub join_type: Option<Cow<'a, str>>,
    /// `Sorted`, `Hashed`, `Plain`, `Mixed` of aggregates and set operations.
    pub strategy: Option<Cow<'a, str>>,
    /// `Insert`, `Update`, `Delete`, `Merge` of what writes.
    pub operation: Option<Cow<'a, str>>,
    /// Whether it works together with its like in other workers.
    pub parallel_aware: bool,
    /// Cost until its first row, in the engine's units.
    pub startup_cost: Option<f64>,
    /// Cost until its last row, in the engine's units, children included.
    pub total_cost: Option<f64>,
    /// Rows that are expected of one execution.
    pub plan_rows: Option<f64>,
    /// Expected bytes of a row.
    pub plan_width: Option<f64>,
    /// Milliseconds until the first row, mean of an execution.
    pub actual_startup_ms: Option<f64>,
    /// Milliseconds until the last row, mean of an execution, children included.
    pub actual_total_ms: Option<f64>,
    /// Rows, mean of an execution.
    pub actual_rows: Option<f64>,
    /// How often it was executed; zero for never.
    pub actual_loops: Option<f64>,
    /// All else, by the keys of PostgreSQL's JSON where it has one (`Filter`, `Rows Removed by Filter`,
    /// `Sort Method`, `Workers Planned`), by the engine's own key elsewhere; in the order of the text.
    pub properties: Vec<(Cow<'a, str>, Property<'a>)>,
}

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Property<'a> {
    /// A number, without its unit. Sizes are in kilobytes and times in milliseconds, as in PostgreSQL's JSON.
    Number(f64),
    /// A flag.
    Flag(bool),
    /// A text: a condition, a name, a method.
    Text(Cow<'a, str>),
    /// Several texts: output columns, keys.
    Texts(Vec<Cow<'a, str>>),
}

impl Node<'_> {
    /// The property of this key.
    pub fn property(&self, key: &str) -> Option<&Property<'_>> {
        let found = self.properties.iter().find(|(name, _)| name == key);
        found.map(|(_, property)| property)
    }

    /// The number of this key.
    pub fn number(&self, key: &str) -> Option<f64> {
        match self.property(key)? {
            Property::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The text of this key.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.property(key)? {
            Property::Text(text) => Some(text),
            _ => None,
        }
    }
}
