//! What was read, before it is a tree.

use super::super::{Limits, Node, PlanError};

/// What was read: each node after its parent.
#[derive(Debug, Default)]
pub(super) struct Draft<'a> {
    pub(super) nodes: Vec<Sketch<'a>>,
    /// Several inputs of a node are joined in loops, and nothing else says so.
    pub(super) implicit_joins: bool,
}

/// A node, or what may become a part of one. Its `node.parent` is the place of its parent in the draft.
#[derive(Debug, Default)]
pub(super) struct Sketch<'a> {
    pub(super) node: Node<'a>,
    pub(super) role: Role,
    pub(super) link: Link,
}

/// What becomes of a sketch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Role {
    /// A node.
    #[default]
    Step,
    /// A table, whose node depends on how it is read.
    Table,
    /// A block of the statement: its only input takes its place. Without input it is a node.
    Block,
    /// Its only input takes its place.
    Wrap,
    /// Its only input takes its place and its figures, which are those behind a condition.
    Filter,
    /// Tables joined one after the other.
    Joined,
}

/// What a sketch is to its parent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Link {
    /// An input.
    #[default]
    Input,
    /// One of several like it.
    Member,
    /// What a derived table is made of.
    Subquery,
    /// A subquery that is executed before.
    InitPlan,
    /// A subquery.
    SubPlan,
}

impl Link {
    /// Whether it is a subquery of an expression and no input.
    pub(super) const fn is_aside(self) -> bool {
        matches!(self, Self::InitPlan | Self::SubPlan)
    }
}

impl<'a> Draft<'a> {
    /// Adds a sketch below `parent`, if there may be one more, and says its place.
    pub(super) fn add(
        &mut self,
        parent: Option<u32>,
        role: Role,
        link: Link,
        limits: &Limits<'_>,
    ) -> Result<u32, PlanError> {
        limits.check_node(self.nodes.len(), 0)?;
        let limit = limits.nodes;
        let at = u32::try_from(self.nodes.len()).map_err(|_| PlanError::TooManyNodes { limit })?;
        let mut sketch = Sketch {
            role,
            link,
            ..Sketch::default()
        };
        sketch.node.parent = parent;
        self.nodes.push(sketch);
        Ok(at)
    }

    /// The sketch at `at`.
    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut Sketch<'a>> {
        self.nodes.get_mut(at as usize)
    }
}
