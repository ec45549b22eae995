//! What allows to send something to a target at this very moment.

use std::sync::Arc;

use ringwatch_frame::TargetId;

use crate::cover::Standby;
use crate::fence::TargetFence;
use crate::ownership::Ownership;

/// Asked before everything that is sent to a target, and again whenever something under way could go on.
pub(crate) trait Warrant: Send + Sync {
    /// Whether questions may be sent.
    fn holds(&self) -> bool;

    /// Whether the target is ours as far as nodes know, so that one may connect and try its lock.
    fn owns(&self) -> bool {
        self.holds()
    }
}

/// Of the lanes of a target's owner.
pub(crate) struct OwnersWarrant {
    pub(crate) ownership: Arc<dyn Ownership>,
    pub(crate) target: TargetId,
    /// `None` before the lanes begin.
    pub(crate) fence: Option<Arc<TargetFence>>,
}

impl Warrant for OwnersWarrant {
    fn holds(&self) -> bool {
        self.fence.as_ref().is_none_or(|fence| fence.lets_pass()) && self.owns()
    }

    fn owns(&self) -> bool {
        self.ownership.holds(&self.target)
    }
}

/// Of a standby.
pub(crate) struct StandbysWarrant {
    pub(crate) standby: Arc<dyn Standby>,
    pub(crate) target: TargetId,
}

impl Warrant for StandbysWarrant {
    fn holds(&self) -> bool {
        self.standby.stands_by(&self.target)
    }
}
