//! How one component is.

use serde_json::{Map, Value, json};

/// Whether a component does its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It does.
    Healthy,
    /// It does, and not as well as it should.
    Degraded,
    /// It does not.
    Unhealthy,
}

impl Status {
    /// As the document has it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// How one component is.
#[derive(Debug)]
pub(crate) struct Condition {
    /// Whether it does its work.
    pub(crate) status: Status,
    /// Why not, or not quite.
    pub(crate) reason: Option<String>,
    /// What it waits for before the node is ready; `None`: for nothing.
    pub(crate) waiting: Option<String>,
    /// What is said beside the metrics: `LastActivity`, `ErrorRate`, `PendingRecords`, `LastWrite`.
    pub(crate) facts: Map<String, Value>,
    /// What can be said of it in figures.
    pub(crate) metrics: Value,
}

impl Condition {
    /// It is well.
    pub(crate) fn well(metrics: Value) -> Self {
        Self {
            status: Status::Healthy,
            reason: None,
            waiting: None,
            facts: Map::new(),
            metrics,
        }
    }

    /// It is not, or not quite.
    pub(crate) fn because(mut self, status: Status, reason: impl Into<String>) -> Self {
        self.status = status;
        self.reason = Some(reason.into());
        self
    }

    /// The node is not ready before this is over.
    pub(crate) fn waiting(mut self, waiting: Option<String>) -> Self {
        self.waiting = waiting;
        self
    }

    /// As the document has it. An unhealthy component is told by `healthy`; `status` knows a step between.
    pub(super) fn json(self) -> Value {
        let mut json = Map::new();
        json.insert("healthy".into(), json!(self.status != Status::Unhealthy));
        json.insert("status".into(), json!(self.status.as_str()));
        if let Some(reason) = self.reason {
            json.insert("reason".into(), json!(reason));
        }
        json.extend(self.facts);
        json.insert("metrics".into(), self.metrics);
        Value::Object(json)
    }
}
