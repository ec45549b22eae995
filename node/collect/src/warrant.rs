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

    /// Whether the target is ours as far as nodes know, so that one may connect, look at the sessions there, and try its lock.
    fn owns(&self) -> bool {
        self.holds()
    }

    /// Whether a question under way may come to its end.
    fn finishes(&self) -> bool {
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
    pub(crate) ownership: Arc<dyn Ownership>,
    pub(crate) target: TargetId,
}

impl Warrant for StandbysWarrant {
    fn holds(&self) -> bool {
        self.standby.stands_by(&self.target)
    }

    /// It has become ours while a look at the owner's sessions was under way: that ends, so that the lanes have its session.
    fn owns(&self) -> bool {
        self.holds() || self.ownership.holds(&self.target)
    }

    /// A reading of before ends with the question that is under way: one that is broken off would cost the session.
    fn finishes(&self) -> bool {
        self.owns()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use ringwatch_frame::{Epoch, StreamId, Tick};

    use super::*;
    use crate::cover::NoStandby;
    use crate::ownership::Refusal;

    /// Owns what it is told to.
    struct Owner(AtomicBool);

    impl Ownership for Owner {
        fn ask(&self, _: &TargetId, _: &StreamId, _: Tick) -> Result<Epoch, Refusal> {
            Err(Refusal::NotOwned)
        }

        fn holds(&self, _: &TargetId) -> bool {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn a_standby_whose_target_has_become_its_own_ends_its_question_and_begins_none() {
        let owner = Arc::new(Owner(AtomicBool::new(false)));
        let warrant = StandbysWarrant {
            standby: Arc::new(NoStandby),
            ownership: Arc::clone(&owner) as Arc<dyn Ownership>,
            target: TargetId::new("postgresql", "a:1"),
        };
        assert!(!warrant.holds() && !warrant.owns() && !warrant.finishes());
        owner.0.store(true, Ordering::Relaxed);
        assert!(!warrant.holds() && warrant.owns() && warrant.finishes());
    }
}
