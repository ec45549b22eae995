//! Plans that outlive the text they were read from.

use std::borrow::Cow;

use super::{Node, Plan, Property};

fn own(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

fn own_any(text: Option<Cow<'_, str>>) -> Option<Cow<'static, str>> {
    text.map(own)
}

impl Plan<'_> {
    /// The same plan with texts of its own.
    pub fn into_owned(self) -> Plan<'static> {
        Plan {
            engine: self.engine,
            format: self.format,
            nodes: self.nodes.into_iter().map(Node::into_owned).collect(),
            query: own_any(self.query),
            planning_ms: self.planning_ms,
            execution_ms: self.execution_ms,
            degraded: self.degraded,
        }
    }
}

impl Node<'_> {
    /// The same node with texts of its own.
    pub fn into_owned(self) -> Node<'static> {
        let properties = self.properties.into_iter();
        Node {
            parent: self.parent,
            depth: self.depth,
            node_type: own(self.node_type),
            relationship: own_any(self.relationship),
            subplan: own_any(self.subplan),
            relation: own_any(self.relation),
            schema: own_any(self.schema),
            alias: own_any(self.alias),
            index: own_any(self.index),
            join_type: own_any(self.join_type),
            strategy: own_any(self.strategy),
            operation: own_any(self.operation),
            parallel_aware: self.parallel_aware,
            startup_cost: self.startup_cost,
            total_cost: self.total_cost,
            plan_rows: self.plan_rows,
            plan_width: self.plan_width,
            actual_startup_ms: self.actual_startup_ms,
            actual_total_ms: self.actual_total_ms,
            actual_rows: self.actual_rows,
            actual_loops: self.actual_loops,
            properties: properties
                .map(|(key, value)| (own(key), value.into_owned()))
                .collect(),
        }
    }
}

impl Property<'_> {
    /// The same property with texts of its own.
    pub fn into_owned(self) -> Property<'static> {
        match self {
            Self::Number(number) => Property::Number(number),
            Self::Flag(flag) => Property::Flag(flag),
            Self::Text(text) => Property::Text(own(text)),
            Self::Texts(texts) => Property::Texts(texts.into_iter().map(own).collect()),
        }
    }
}
