//! The gate: says, without a lock, whether this node may read a target at this very moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use ringwatch_frame::{Epoch, TargetId};
use tokio::time::Instant;

use crate::member::{NodeId, TargetKey};
use crate::pulse::Pulse;

/// So long the sessions of a node that has handed a target over may take to close, as long as it reaches the server. Its
/// successor reads nothing meanwhile.
const CLOSES: Duration = Duration::from_millis(300);

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
    /// Nothing may be sent until the standby has said what it did while this node was paused.
    Waking,
}

/// What may be read, as one value that is replaced as a whole.
#[derive(Debug, Default)]
struct Grants {
    epoch: Epoch,
    targets: BTreeMap<TargetId, Grant>,
    others: Arc<Others>,
}

/// What is known of targets and nodes beside our own.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Others {
    /// The targets for which this node stands by.
    pub(crate) covers: BTreeSet<TargetId>,
    /// The other members that are at work, as far as is known, with what they said of themselves.
    pub(crate) at_work: BTreeMap<NodeId, Words>,
    /// The targets of ours that are here by the present view, each with its past.
    pub(crate) past: BTreeMap<TargetId, Past>,
    /// The nodes that the group has given a seat in the present view, whoever this node misses.
    pub(crate) seated: BTreeSet<NodeId>,
}

/// What a member says of itself.
#[derive(Debug, PartialEq)]
pub(crate) struct Words {
    /// The number of its view.
    pub(crate) view: u64,
    /// The targets that it owns.
    pub(crate) owned: Arc<[TargetKey]>,
}

/// What was before a target came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Past {
    /// The highest epoch under which a session of another node is one of the past.
    pub(crate) epoch: Epoch,
    /// When the target came.
    pub(crate) since: Instant,
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
        match grants.targets.get(target) {
            Some(Grant::Open) => {}
            Some(Grant::Waking) => return Err(GateRefusal::Unsure),
            Some(Grant::Closing) | None => return Err(GateRefusal::NotOwned),
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
        let grants = self.grants.load();
        let grant = grants.targets.get(target);
        matches!(grant, Some(Grant::Open | Grant::Closing)) && self.pulse.sure()
    }

    /// Whether this node stands by for `target` at this moment: a question of a covering reading may be sent.
    pub fn stands_by(&self, target: &TargetId) -> bool {
        self.grants.load().others.covers.contains(target) && self.pulse.sure()
    }

    /// The epoch under which `target` is ours; `None`: it must not be read here and now.
    pub fn epoch(&self, target: &TargetId) -> Option<Epoch> {
        self.ask(target).ok()
    }

    /// Whether a session of `node` that holds `target` under this epoch may be ended from here: the present view
    /// has the target here under a higher one, or under the same one because its owner was lost; and the node is
    /// not at work as far as anybody has said, or it knows this view and says that it does not own the target:
    /// then it cannot close its session because it does not reach the server. Who comes back from where nobody
    /// heard it ends nothing: it may own the target no more.
    pub fn outranks(&self, target: &TargetId, node: &NodeId, epoch: Epoch) -> bool {
        let grants = self.grants.load();
        let Some(past) = grants.others.past.get(target) else {
            return false;
        };
        let (ours, key) = (grants.epoch.0, TargetKey::from(target));
        let has_let_go = |words: &Words| {
            words.view >= ours && !words.owned.contains(&key) && Instant::now() >= past.since + CLOSES
        };
        grants.targets.get(target) == Some(&Grant::Open)
            && epoch <= past.epoch
            && grants.others.at_work.get(node).is_none_or(has_let_go)
            && self.pulse.sure()
    }

    /// Whether the group has given `node` a seat in the view under which this node owns its targets. A session of one under
    /// the same epoch may be that of an owner whom only this node misses.
    pub fn is_seated(&self, node: &NodeId) -> bool {
        self.grants.load().others.seated.contains(node)
    }

    /// Puts what may be read in place of what could be before.
    pub(crate) fn set(&self, epoch: Epoch, targets: BTreeMap<TargetId, Grant>) {
        let present = self.grants.load();
        if present.epoch != epoch || present.targets != targets {
            let others = Arc::clone(&present.others);
            self.grants.store(Arc::new(Grants {
                epoch,
                targets,
                others,
            }));
        }
    }

    /// Puts what is known of the others in place of what was before.
    pub(crate) fn set_others(&self, others: Others) {
        let present = self.grants.load();
        if *present.others != others {
            self.grants.store(Arc::new(Grants {
                epoch: present.epoch,
                targets: present.targets.clone(),
                others: Arc::new(others),
            }));
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

    impl Gate {
        /// Lets time pass with a pulse.
        async fn pulse_for(&self, time: Duration) {
            let end = Instant::now() + time;
            while Instant::now() < end {
                tokio::time::advance(BEAT).await;
                self.pulse.beat();
            }
        }
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
    async fn an_older_session_is_ended_of_who_is_not_at_work_or_has_let_go() {
        let gate = Gate::new(Arc::default());
        let (t, b, c) = (target("a"), NodeId::new("b"), NodeId::new("c"));
        let others = |past: u64, view: u64, owned: &[TargetId]| Others {
            seated: [NodeId::new("b")].into(),
            at_work: BTreeMap::from([(
                NodeId::new("c"),
                Words {
                    view,
                    owned: owned.iter().map(TargetKey::from).collect(),
                },
            )]),
            covers: BTreeSet::from([target("b")]),
            past: BTreeMap::from([(
                target("a"),
                Past {
                    epoch: Epoch(past),
                    since: Instant::now(),
                },
            )]),
        };
        assert!(!gate.outranks(&t, &b, Epoch(3)), "it is not ours");
        gate.set(Epoch(7), BTreeMap::from([(t.clone(), Grant::Open)]));
        assert!(
            !gate.outranks(&t, &b, Epoch(3)),
            "it is not here by the present view"
        );
        gate.set_others(others(6, 7, std::slice::from_ref(&t)));
        assert!(gate.outranks(&t, &b, Epoch(6)));
        assert!(!gate.outranks(&t, &b, Epoch(7)), "it is as new as ours");
        assert!(!gate.outranks(&t, &c, Epoch(6)), "it is at work");
        assert!(gate.stands_by(&target("b")) && !gate.stands_by(&t));
        gate.set_others(others(7, 7, std::slice::from_ref(&t)));
        assert!(gate.outranks(&t, &b, Epoch(7)), "it was lost under our epoch");
        assert!(!gate.outranks(&t, &b, Epoch(8)));
        gate.set_others(others(7, 7, &[]));
        assert!(!gate.outranks(&t, &c, Epoch(6)), "it closes its session itself");
        gate.set_others(others(7, 6, &[]));
        gate.pulse_for(CLOSES).await;
        assert!(!gate.outranks(&t, &c, Epoch(6)), "it does not know our view");
        gate.set_others(others(7, 7, &[]));
        gate.pulse_for(CLOSES).await;
        assert!(
            gate.outranks(&t, &c, Epoch(6)),
            "it has let go, and does not close"
        );
        gate.set(Epoch(7), BTreeMap::from([(t.clone(), Grant::Waking)]));
        assert!(
            !gate.outranks(&t, &b, Epoch(6)),
            "we do not know what was done meanwhile"
        );
        assert_eq!(gate.ask(&t), Err(GateRefusal::Unsure));
        assert!(!gate.holds(&t));
        tokio::time::advance(PAUSE + BEAT).await;
        assert!(!gate.stands_by(&target("b")), "this node was paused");
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
