//! The gate: says, without a lock, whether this node may read a target at this very moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use ringwatch_frame::{Epoch, TargetId};

use crate::pulse::Pulse;

/// Why a target must not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GateRefusal {
    /// Another member owns it, or it is on its way to one.
    NotOwned,
    /// This node was paused and does not know yet whether it still owns it: ask again shortly.
    Unsure,
}

/// How far a target is open to readings of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// New ticks may begin.
    Open,
    /// Readings that run may end, no tick may begin.
    Closing,
}

/// What may be read, as one value that is replaced as a whole.
#[derive(Debug, Default)]
struct Grants {
    epoch: Epoch,
    targets: BTreeMap<TargetId, Grant>,
}

/// Asked before every tick and before everything that is sent to a target. Only the node's loop writes it.
#[derive(Debug)]
pub struct Gate {
    pulse: Arc<Pulse>,
    grants: ArcSwap<Grants>,
}

impl Gate {
    pub(crate) fn new(pulse: Arc<Pulse>) -> Self {
        Self {
            pulse,
            grants: ArcSwap::default(),
        }
    }

    /// The epoch under which a tick of `target` may begin now.
    ///
    /// # Errors
    /// When it must not be read here and now.
    pub fn ask(&self, target: &TargetId) -> Result<Epoch, GateRefusal> {
        let grants = self.grants.load();
        if grants.targets.get(target) != Some(&Grant::Open) {
            return Err(GateRefusal::NotOwned);
        }
        // Last: whatever is decided here is true only as long as the process runs.
        if self.pulse.sure() {
            Ok(grants.epoch)
        } else {
            Err(GateRefusal::Unsure)
        }
    }

    /// Whether a question may be sent to `target` at this moment, as part of a reading that has begun.
    pub fn holds(&self, target: &TargetId) -> bool {
        self.grants.load().targets.contains_key(target) && self.pulse.sure()
    }

    /// Puts what may be read in place of what could be before.
    pub(crate) fn set(&self, epoch: Epoch, targets: BTreeMap<TargetId, Grant>) {
        let present = self.grants.load();
        if present.epoch != epoch || present.targets != targets {
            self.grants.store(Arc::new(Grants { epoch, targets }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pulse::{BEAT, PAUSE};

    fn target(name: &str) -> TargetId {
        TargetId::from_name(name)
    }

    #[tokio::test(start_paused = true)]
    async fn a_target_is_read_only_while_it_is_owned() {
        let gate = Gate::new(Arc::default());
        assert_eq!(gate.ask(&target("a")), Err(GateRefusal::NotOwned));
        gate.set(Epoch(7), BTreeMap::from([(target("a"), Grant::Open)]));
        assert_eq!(gate.ask(&target("a")), Ok(Epoch(7)));
        assert!(gate.holds(&target("a")));
        assert_eq!(gate.ask(&target("b")), Err(GateRefusal::NotOwned));
        assert!(!gate.holds(&target("b")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_closing_target_ends_its_readings_and_begins_none() {
        let gate = Gate::new(Arc::default());
        gate.set(Epoch(7), BTreeMap::from([(target("a"), Grant::Closing)]));
        assert_eq!(gate.ask(&target("a")), Err(GateRefusal::NotOwned));
        assert!(gate.holds(&target("a")));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_pause_nothing_is_read_until_it_is_confirmed() {
        let pulse = Arc::new(Pulse::default());
        let gate = Gate::new(Arc::clone(&pulse));
        gate.set(Epoch(1), BTreeMap::from([(target("a"), Grant::Open)]));
        tokio::time::advance(PAUSE + BEAT).await;
        assert_eq!(
            gate.ask(&target("a")),
            Err(GateRefusal::Unsure),
            "the pulse is late"
        );
        assert!(!gate.holds(&target("a")));
        pulse.beat();
        assert_eq!(
            gate.ask(&target("a")),
            Err(GateRefusal::Unsure),
            "nobody has looked into it"
        );
        pulse.confirm(pulse.pauses());
        assert_eq!(gate.ask(&target("a")), Ok(Epoch(1)));
    }
}
