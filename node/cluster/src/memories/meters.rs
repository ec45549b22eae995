//! What replication says of itself.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

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
    lost: IntCounter,
}

impl Meters {
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let resets = IntCounterVec::new(
            Opts::new(
                "ringwatch_replication_resets_total",
                "Replication streams that were given up and begun anew, by reason",
            ),
            &["reason"],
        )?;
        let lost = IntCounter::new(
            "ringwatch_replication_lost_frames_total",
            "Undelivered frames that a successor would not have, because there were too many to remember",
        )?;
        for reason in [Reset::Overflow, Reset::Broken, Reset::Refused] {
            resets.with_label_values(&[reason.label()]);
        }
        registry.register(Box::new(resets.clone()))?;
        registry.register(Box::new(lost.clone()))?;
        Ok(Self { resets, lost })
    }

    pub(crate) fn reset(&self, reason: Reset) {
        self.resets.with_label_values(&[reason.label()]).inc();
    }

    pub(crate) fn lost(&self, frames: usize) {
        self.lost.inc_by(frames as u64);
    }
}
