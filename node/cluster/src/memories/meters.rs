//! What replication says of itself.

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

use super::bounds::Bounds;

/// Why a replication stream was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reset {
    /// The standby did not keep up.
    Overflow,
    /// The call broke or timed out.
    Broken,
    /// The standby refused it.
    Refused,
}

impl Reset {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Overflow => "overflow",
            Self::Broken => "broken",
            Self::Refused => "refused",
        }
    }
}

/// The metrics of the memories.
#[derive(Clone, Debug)]
pub(crate) struct Meters {
    resets: IntCounterVec,
}

impl Meters {
    /// Beside the metrics the bounds of both sides: of a node's own targets, and of those for which it stands by.
    pub(super) fn register(registry: &Registry) -> prometheus::Result<(Self, [Bounds; 2])> {
        let resets = IntCounterVec::new(
            Opts::new(
                "ringwatch_replication_resets_total",
                "Replication streams that were given up and begun anew, by reason",
            ),
            &["reason"],
        )?;
        let lost = IntCounterVec::new(
            Opts::new(
                "ringwatch_replication_lost_frames_total",
                "Undelivered frames that are not remembered any more, because they were too many, too large or \
                 too old, by side",
            ),
            &["side"],
        )?;
        let pending = IntGaugeVec::new(
            Opts::new(
                "ringwatch_replication_pending_bytes",
                "Size of the undelivered frames that are remembered, by side",
            ),
            &["side"],
        )?;
        for reason in [Reset::Overflow, Reset::Broken, Reset::Refused] {
            resets.with_label_values(&[reason.label()]);
        }
        registry.register(Box::new(resets.clone()))?;
        registry.register(Box::new(lost.clone()))?;
        registry.register(Box::new(pending.clone()))?;
        let bounds = |side| {
            Bounds::new(
                pending.with_label_values(&[side]),
                lost.with_label_values(&[side]),
            )
        };
        Ok((Self { resets }, ["owner", "standby"].map(bounds)))
    }

    pub(crate) fn reset(&self, reason: Reset) {
        self.resets.with_label_values(&[reason.label()]).inc();
    }
}
