//! Which targets have an open session that waits: they need not be connected to ahead.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringwatch_frame::TargetId;

/// The targets whose standby here has an open session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hot(Arc<Mutex<BTreeSet<TargetId>>>);

impl Hot {
    /// Whether `target` is one of them.
    pub(crate) fn has(&self, target: &TargetId) -> bool {
        self.targets().contains(target)
    }

    /// Whether it is from here on.
    pub(super) fn set(&self, target: &TargetId, open: bool) {
        let mut targets = self.targets();
        if open {
            targets.insert(target.clone());
        } else {
            targets.remove(target);
        }
    }

    fn targets(&self) -> MutexGuard<'_, BTreeSet<TargetId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
