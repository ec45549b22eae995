//! Limits that are set while the node runs.

use std::sync::PoisonError;

use ringwatch_frame::TargetId;

use super::limits::{Limits, lock};

/// Limits are set at run time for no more targets.
const OVERRIDES: usize = 10_000;

/// A limit that cannot be set.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum OverrideError {
    /// It is no number above 0.
    #[error("the limit {0} is no number of readings a second: give one above 0, or take the limit back")]
    Rate(f64),
    /// The table is full.
    #[error("limits were set for {OVERRIDES} targets already: take some back")]
    TooMany,
}

impl Limits {
    /// Limits the readings of the target to so many a second from now on, in place of what is configured and
    /// scheduled; `None` takes that back. It holds until the process ends, also for a target that is not
    /// covered yet.
    ///
    /// # Errors
    /// When the limit is not above 0, or there are too many.
    pub fn set_override(&self, target: &TargetId, rps: Option<f64>) -> Result<(), OverrideError> {
        if let Some(rps) = rps.filter(|rps| !rps.is_finite() || *rps <= 0.0) {
            return Err(OverrideError::Rate(rps));
        }
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        let mut overrides = self.overrides.lock().unwrap_or_else(PoisonError::into_inner);
        match rps {
            Some(_) if overrides.len() >= OVERRIDES && !overrides.contains_key(target) => {
                return Err(OverrideError::TooMany);
            }
            Some(rps) => overrides.insert(target.clone(), rps),
            None => overrides.remove(target),
        };
        drop(overrides);
        let Some(slot) = slots.get(target) else {
            return Ok(());
        };
        let mut slot = lock(slot);
        if slot.override_rps != rps {
            slot.override_rps = rps;
            tracing::info!(processor = %self.name, database = %slot.name, rps,
                "the limit of readings a second was set at run time");
            self.metrics
                .limit(&slot.name, slot.rate().map(|rate| rate.per_second));
        }
        Ok(())
    }
}
