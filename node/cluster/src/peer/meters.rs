//! What the calls between nodes say of themselves.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

/// The metrics of calls between nodes, for both directions. Clones count together.
#[derive(Clone, Debug)]
pub struct PeerMetrics {
    pub(super) sent: Traffic,
    pub(super) received: Traffic,
    refused: IntCounterVec,
    trimmed: IntCounterVec,
}

/// Replication in one direction.
#[derive(Clone, Debug)]
pub(super) struct Traffic {
    changes: IntCounter,
    bytes: IntCounter,
}

/// Why a call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It does not say who calls.
    Identity,
    /// It comes from another cluster.
    Cluster,
    /// It has not the cluster's key.
    Token,
    /// It is meant for another node, or for another life of this one.
    Callee,
    /// There are too many calls already.
    Busy,
    /// Its message cannot be understood.
    Malformed,
}

/// What had to be left out of a memory that was too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Frame,
    Baseline,
}

impl PeerMetrics {
    /// Makes and registers them.
    ///
    /// # Errors
    /// When `registry` has them already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let vec = |name: &str, help: &str, label| {
            let vec = IntCounterVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(vec.clone()))?;
            prometheus::Result::Ok(vec)
        };
        let changes = vec(
            "ringwatch_replication_changes_total",
            "Messages between owners and standbys",
            "direction",
        )?;
        let bytes = vec(
            "ringwatch_replication_bytes_total",
            "Size of the messages between owners and standbys, before compression",
            "direction",
        )?;
        let traffic = |direction| Traffic {
            changes: changes.with_label_values(&[direction]),
            bytes: bytes.with_label_values(&[direction]),
        };
        let metrics = Self {
            sent: traffic("out"),
            received: traffic("in"),
            refused: vec(
                "ringwatch_peer_refused_total",
                "Calls of other nodes that were refused, by reason",
                "reason",
            )?,
            trimmed: vec(
                "ringwatch_replication_trimmed_total",
                "Parts of memories that were too large to be sent to another node",
                "part",
            )?,
        };
        use Refusal::{Busy, Callee, Cluster, Identity, Malformed, Token};
        for refusal in [Identity, Cluster, Token, Callee, Busy, Malformed] {
            metrics.refused.with_label_values(&[refusal.label()]);
        }
        Ok(metrics)
    }

    pub(super) fn refuse(&self, refusal: Refusal) {
        self.refused.with_label_values(&[refusal.label()]).inc();
    }

    pub(super) fn trim(&self, part: Part, count: usize) {
        let label = match part {
            Part::Frame => "frame",
            Part::Baseline => "baseline",
        };
        self.trimmed.with_label_values(&[label]).inc_by(count as u64);
    }
}

impl Refusal {
    fn label(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Cluster => "cluster",
            Self::Token => "token",
            Self::Callee => "callee",
            Self::Busy => "busy",
            Self::Malformed => "malformed",
        }
    }
}

impl Traffic {
    pub(super) fn count(&self, bytes: usize) {
        self.changes.inc();
        self.bytes.inc_by(bytes as u64);
    }
}
