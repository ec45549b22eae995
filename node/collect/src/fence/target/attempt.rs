//! A try at a target's lock, and a look at it.

use std::sync::Arc;

use ringwatch_frame::{TargetId, Tick};
use tokio::time::Instant;

use super::super::state::{Machine, Step};
use super::super::{Holder, Lock, Locked, Other};
use super::{Ahead, Held, TargetFence};
use crate::fault::Fault;
use crate::session::LastQuestion;

/// A try that has begun. One that is dropped has broken off.
pub(crate) struct Attempt {
    pub(super) fence: Arc<TargetFence>,
    pub(super) lock: Lock,
}

/// A node whose sessions were ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outranked {
    /// As the names of its sessions have it.
    pub(crate) node: String,
    /// It did not stand still: what it has read counts.
    pub(crate) at_work: bool,
}

/// What a try came to.
pub(crate) enum Verdict {
    /// The lock is the session's as long as this lives.
    Held(Held),
    /// Questions pass without a lock.
    Pass,
    /// The lock is another's: nothing passes.
    Fenced,
    /// The session of this number is to be ended, and the lock tried again. With the other node that it is one of, where
    /// that is known; what an own one of before has read is in our books.
    End(i64, Option<String>),
}

impl Attempt {
    /// What is tried.
    pub(crate) fn lock(&self) -> &Lock {
        &self.lock
    }

    /// The server's answer.
    pub(crate) fn answered(&self, locked: &Locked) -> Verdict {
        let fence = &self.fence;
        let own = (fence.node.as_str(), self.lock.epoch);
        if let Locked::Elsewhere(Some(other)) = locked {
            let ours = self.lock.epoch;
            let was_held = fence.with(|machine| machine.was_held());
            let foreign = other.node.as_ref().is_some_and(|node| *node != fence.node);
            *fence.ahead() = match other.epoch {
                // A member of our view that did not see us took the target over: nobody else comes to a lock that was ours.
                Some(its) if its >= ours && was_held && foreign => Some(Ahead::TookIt),
                Some(its) if its > ours => Some(Ahead::Of(ours)),
                _ => None,
            };
        }
        // Asked before the lock of the machine is taken.
        let outranked = match locked {
            Locked::Elsewhere(Some(other)) => fence.arbiter.outranks(&fence.target, &holder_of(other)),
            _ => false,
        };
        let step = fence.change(|machine| machine.answered(locked, own, |_| outranked, Instant::now()));
        let target = &fence.target;
        match step {
            Step::Hold(number) => {
                tracing::debug!(%target, epoch = %self.lock.epoch, "the target's lock is held");
                Verdict::Held(Held {
                    fence: Arc::clone(fence),
                    number,
                    epoch: self.lock.epoch,
                })
            }
            Step::Wait => Verdict::Fenced,
            Step::End(session) => {
                let node = match locked {
                    Locked::Elsewhere(Some(other)) => other.node.clone(),
                    _ => None,
                };
                Verdict::End(session, node.filter(|node| *node != fence.node))
            }
            Step::FallBack(reason) => {
                tell_fallback(target, &reason);
                Verdict::Pass
            }
        }
    }

    /// The other session cannot be ended for want of a right: the epochs alone fence from now on.
    pub(crate) fn may_not_end(&self, fault: &Fault) {
        self.fence.change(Machine::gives_up);
        let reason =
            format!("the session of a node that is gone holds the lock and may not be ended: {fault}");
        tell_fallback(&self.fence.target, &reason);
    }

    /// The other nodes whose the lock may be.
    pub(crate) fn others(&self) -> Vec<String> {
        self.fence.arbiter.others()
    }

    /// Whether the holder, which is `node`, came to the lock under the epoch of this try, and is a member of its view: then it
    /// may only be missed by this node, and its session is not ended while it is at work.
    pub(crate) fn is_of_its_view(&self, locked: &Locked, node: &str) -> bool {
        let Locked::Elsewhere(Some(other)) = locked else {
            return false;
        };
        let holder = Holder {
            node: node.to_owned(),
            ..holder_of(other)
        };
        holder.epoch >= self.lock.epoch && self.fence.arbiter.is_seated(&self.fence.target, &holder)
    }

    /// The session with the lock was ended, and the others of that node's lanes: so many in all.
    pub(crate) fn ended_other(&self, locked: &Locked, node: Option<Outranked>, sessions: usize) {
        tracing::warn!(
            target = %self.fence.target, holder = ?locked, epoch = %self.lock.epoch, sessions,
            "a session that is of no use any more held the target's lock: it was ended, with the others of its node"
        );
        self.fence.meters.ended(&self.fence.target, sessions);
        *self.fence.ended_node() = node;
    }

    /// Sessions of another node were ended at `now`, which did not stand still: what they had read is its own.
    pub(crate) fn read_elsewhere(&self, last: Vec<LastQuestion>, now: Tick) {
        self.fence.elsewhere().ended(last, now);
    }

    /// The lock is held since `now`. What was due while a newer owner had it is that one's, unless the target came from there:
    /// then our epoch is higher. So is what was due while one had it that took it from us. Says whose sessions had to be
    /// ended for it.
    pub(crate) fn took(&self, now: Tick) -> Option<Outranked> {
        let reads = match self.fence.ahead().take() {
            Some(Ahead::Of(epoch)) => epoch == self.lock.epoch,
            Some(Ahead::TookIt) => true,
            None => false,
        };
        if reads {
            self.fence.elsewhere().read_until(now);
        }
        self.fence.ended_node().take()
    }
}

fn holder_of(other: &Other) -> Holder {
    Holder {
        node: other.node.clone().unwrap_or_default(),
        epoch: other.epoch.unwrap_or_default(),
    }
}

/// A look of a new session at the lock, which another one has.
pub(crate) struct Proof {
    pub(super) fence: Arc<TargetFence>,
    pub(super) lock: Lock,
}

impl Proof {
    /// What is tried.
    pub(crate) fn lock(&self) -> &Lock {
        &self.lock
    }

    /// The server's answer. Where the session of before is gone and nobody else's has the lock, it is this one's.
    pub(crate) fn answered(&self, locked: &Locked) -> Option<Held> {
        let fence = &self.fence;
        let number = fence.change(|machine| machine.proved(locked, &fence.node, Instant::now()))?;
        Some(Held {
            fence: Arc::clone(fence),
            number,
            epoch: self.lock.epoch,
        })
    }
}

fn tell_fallback(target: &TargetId, reason: &str) {
    tracing::warn!(
        %target, reason,
        "the target cannot be fenced by a lock: epochs alone fence it; connect without a pooler and from all nodes as \
         the same role, or set `cluster.fence: epoch`"
    );
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.fence.change(|machine| machine.broke_off(Instant::now()));
    }
}
