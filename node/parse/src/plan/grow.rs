//! Growing a tree, node by node.

use std::borrow::Cow;

use super::{Degraded, Engine, Format, Limits, Node, Plan, PlanError, Property};

/// No node says more than this, and no property lists more: what does is cut off.
const PLENTY: usize = 4_096;

/// What a node is called that does not say what it does.
const UNNAMED: &str = "Unknown";

impl<'a> Plan<'a> {
    /// A plan without nodes, which is not to be shown as it is.
    pub(super) const fn seed(engine: Engine, format: Format) -> Self {
        Self {
            engine,
            format,
            nodes: Vec::new(),
            query: None,
            planning_ms: None,
            execution_ms: None,
            degraded: None,
        }
    }

    /// Adds a node below `parent`, if there may be one more, and says its place.
    pub(super) fn grow(&mut self, parent: Option<u32>, limits: &Limits<'_>) -> Result<u32, PlanError> {
        self.adopt(Node::default(), parent, limits)
    }

    /// The same with a node that says something already.
    pub(super) fn adopt(
        &mut self,
        node: Node<'a>,
        parent: Option<u32>,
        limits: &Limits<'_>,
    ) -> Result<u32, PlanError> {
        let above = parent.and_then(|parent| self.nodes.get(parent as usize));
        let depth = above.map_or(0, |parent| parent.depth.saturating_add(1));
        limits.check_node(self.nodes.len(), depth)?;
        let at =
            u32::try_from(self.nodes.len()).map_err(|_| PlanError::TooManyNodes { limit: limits.nodes })?;
        self.nodes.push(Node {
            parent,
            depth,
            ..node
        });
        Ok(at)
    }

    /// Says of the node at `at` that its `key` is `value`.
    pub(super) fn set(&mut self, at: u32, key: Cow<'a, str>, value: Property<'a>) {
        if let Some(node) = self.nodes.get_mut(at as usize) {
            node.set(key, value);
        }
    }

    /// The plan, with what was wrong with its text. A last node of which not even the name was read is left
    /// out.
    pub(super) fn ripen(mut self, degraded: Option<Degraded>, at: usize) -> Result<Self, PlanError> {
        self.degraded = degraded;
        if degraded == Some(Degraded::Truncated)
            && self.nodes.last().is_some_and(|node| node.node_type.is_empty())
        {
            self.nodes.pop();
        }
        for node in &mut self.nodes {
            if node.node_type.is_empty() {
                node.node_type = Cow::Borrowed(UNNAMED);
                self.degraded.get_or_insert(Degraded::Invalid);
            }
            let full =
                |value: &Property<'_>| matches!(value, Property::Texts(texts) if texts.len() >= PLENTY);
            let properties = &node.properties;
            if properties.len() >= PLENTY || properties.iter().any(|(_, value)| full(value)) {
                self.degraded.get_or_insert(Degraded::Invalid);
            }
        }
        if self.nodes.is_empty() {
            let what = "it has no node";
            return Err(PlanError::Invalid { at, what });
        }
        Ok(self)
    }
}

impl<'a> Node<'a> {
    /// Takes a value by its key in PostgreSQL's JSON. Of values with the same key the first stays.
    pub(super) fn set(&mut self, key: Cow<'a, str>, value: Property<'a>) {
        let field = match key.as_ref() {
            "Node Type" => {
                if let (true, Property::Text(name)) = (self.node_type.is_empty(), value) {
                    self.node_type = name;
                }
                return;
            }
            "Parallel Aware" => {
                self.parallel_aware |= matches!(value, Property::Flag(true));
                return;
            }
            "Parent Relationship" => &mut self.relationship,
            "Subplan Name" => &mut self.subplan,
            "Relation Name" => &mut self.relation,
            "Schema" => &mut self.schema,
            "Alias" => &mut self.alias,
            "Index Name" => &mut self.index,
            "Join Type" => &mut self.join_type,
            "Strategy" => &mut self.strategy,
            "Operation" => &mut self.operation,
            _ => return self.set_number(key, value),
        };
        if let (None, Property::Text(text)) = (&field, value) {
            *field = Some(text);
        }
    }

    fn set_number(&mut self, key: Cow<'a, str>, value: Property<'a>) {
        let field = match key.as_ref() {
            "Startup Cost" => &mut self.startup_cost,
            "Total Cost" => &mut self.total_cost,
            "Plan Rows" => &mut self.plan_rows,
            "Plan Width" => &mut self.plan_width,
            "Actual Startup Time" => &mut self.actual_startup_ms,
            "Actual Total Time" => &mut self.actual_total_ms,
            "Actual Rows" => &mut self.actual_rows,
            "Actual Loops" => &mut self.actual_loops,
            _ => return self.add(key, value),
        };
        if let (None, Property::Number(number)) = (&field, value) {
            *field = Some(number);
        }
    }

    /// Adds a property.
    pub(super) fn add(&mut self, key: impl Into<Cow<'a, str>>, value: Property<'a>) {
        if self.properties.capacity() == 0 {
            self.properties.reserve(16);
        }
        if self.properties.len() < PLENTY {
            self.properties.push((key.into(), value));
        }
    }

    /// Adds a text to the property at `at`, which has several.
    pub(super) fn add_text(&mut self, at: usize, text: Cow<'a, str>) {
        if let Some((_, Property::Texts(texts))) = self.properties.get_mut(at)
            && texts.len() < PLENTY
        {
            texts.push(text);
        }
    }
}
