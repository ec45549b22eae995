//! What is told of fences.

use std::sync::Arc;

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};
use ringwatch_frame::TargetId;

use super::state::Shown;
use crate::meters::forget;

/// The metrics of all fences.
#[derive(Debug)]
pub(crate) struct FenceMeters {
    state: IntGaugeVec,
    ended: IntCounterVec,
}

impl FenceMeters {
    /// Registers them.
    pub(crate) fn new(registry: &Registry) -> Result<Arc<Self>, prometheus::Error> {
        let state = Opts::new(
            "ringwatch_fence",
            "What fences a target that is read here: its own lock, or the epoch alone; 1 for the one that does.",
        );
        let ended = Opts::new(
            "ringwatch_fence_ended_sessions_total",
            "Sessions of other nodes that were ended because one of them held the lock of a target of ours.",
        );
        let meters = Self {
            state: IntGaugeVec::new(state, &["target", "state"])?,
            ended: IntCounterVec::new(ended, &["target"])?,
        };
        registry.register(Box::new(meters.state.clone()))?;
        registry.register(Box::new(meters.ended.clone()))?;
        Ok(Arc::new(meters))
    }

    /// Shows what fences a target.
    pub(super) fn show(&self, target: &TargetId, shown: Shown) {
        for (label, state) in [("lock", Shown::Lock), ("epoch", Shown::Epoch)] {
            let series = self.state.with_label_values(&[target.as_str(), label]);
            series.set(i64::from(state == shown));
        }
    }

    /// So many sessions were ended.
    pub(super) fn ended(&self, target: &TargetId, sessions: usize) {
        self.ended
            .with_label_values(&[target.as_str()])
            .inc_by(sessions as u64);
    }

    /// The target is not read here any more.
    pub(super) fn forget(&self, target: &TargetId) {
        forget(&self.state, target.as_str());
        forget(&self.ended, target.as_str());
    }
}
