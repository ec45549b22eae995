//! The fence of one target, as its lanes share it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringwatch_frame::{Epoch, TargetId, Tick};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::elsewhere::Elsewhere;
use super::state::{Machine, Step};
use super::{Arbiter, FenceMeters, FenceMode, Holder, Lock, LockKey, Locked, Other};
use crate::fault::Fault;
use crate::session::LastQuestion;

/// The fence of one target.
pub(crate) struct TargetFence {
    target: TargetId,
    key: LockKey,
    /// As the names of our sessions have it.
    node: String,
    arbiter: Arc<dyn Arbiter>,
    meters: Arc<FenceMeters>,
    machine: Mutex<Machine>,
    /// What another node has read and delivered: its sessions were ended from here, or it owned the target under a newer
    /// epoch than ours.
    elsewhere: Mutex<Elsewhere>,
    /// The node whose sessions were ended, until the lock is ours: one that was opened meanwhile has to be ended too.
    ended: Mutex<Option<String>>,
    /// Our epoch, where a session of a newer one had the lock when it was tried last; else 0.
    outranked: AtomicU64,
    changed: Notify,
}

impl TargetFence {
    /// The fence of `target`, which nobody has passed yet.
    pub(crate) fn new(
        (target, key): (&TargetId, LockKey),
        mode: FenceMode,
        node: &str,
        arbiter: &Arc<dyn Arbiter>,
        meters: &Arc<FenceMeters>,
    ) -> Arc<Self> {
        let machine = match mode {
            FenceMode::Auto => Machine::of_lock(Instant::now()),
            FenceMode::Epoch => Machine::of_epoch(),
        };
        meters.show(target, machine.shown());
        Arc::new(Self {
            target: target.clone(),
            key,
            node: node.to_owned(),
            arbiter: Arc::clone(arbiter),
            meters: Arc::clone(meters),
            machine: Mutex::new(machine),
            elsewhere: Mutex::default(),
            ended: Mutex::default(),
            outranked: AtomicU64::new(0),
            changed: Notify::new(),
        })
    }

    /// What another node has read of the target and delivered, which cannot be heard.
    pub(crate) fn elsewhere(&self) -> MutexGuard<'_, Elsewhere> {
        self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether questions may be sent to the target.
    pub(crate) fn lets_pass(&self) -> bool {
        self.with(|machine| machine.lets_pass())
    }

    /// The epoch under which the target is ours, where it is.
    pub(crate) fn epoch(&self) -> Option<Epoch> {
        self.arbiter.epoch(&self.target)
    }

    /// From when on the lock may be tried, where it is not ours and nobody tries.
    pub(crate) fn again(&self) -> Option<Instant> {
        self.with(|machine| machine.again())
    }

    /// Begins a try, where one is due and the target is ours.
    pub(crate) fn attempt(self: &Arc<Self>) -> Option<Attempt> {
        let epoch = self.epoch()?;
        let begun = self.with(|machine| machine.begin(Instant::now()));
        begun.then(|| Attempt {
            fence: Arc::clone(self),
            lock: Lock { key: self.key, epoch },
        })
    }

    /// The lock is ours as far as is known: a session that is new looks first.
    pub(crate) fn proof(self: &Arc<Self>) -> Option<Proof> {
        let held = self.with(|machine| machine.is_held());
        let epoch = self.epoch().filter(|_| held)?;
        Some(Proof {
            fence: Arc::clone(self),
            lock: Lock { key: self.key, epoch },
        })
    }

    /// Waits until questions may be sent, or a moment.
    pub(crate) async fn wait(&self, moment: Duration) {
        let changed = self.changed.notified();
        let mut changed = std::pin::pin!(changed);
        changed.as_mut().enable();
        if !self.lets_pass() {
            // Whoever waits looks again in any case.
            let _ = tokio::time::timeout(moment, changed).await;
        }
    }

    fn ended_node(&self) -> MutexGuard<'_, Option<String>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Machine) -> T) -> T {
        act(&mut self.machine.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes it, shows that and wakes those who wait for it.
    fn change<T>(&self, act: impl FnOnce(&mut Machine) -> T) -> T {
        let (done, shown) = self.with(|machine| (act(machine), machine.shown()));
        self.meters.show(&self.target, shown);
        self.changed.notify_waiters();
        done
    }
}

impl Drop for TargetFence {
    fn drop(&mut self) {
        self.meters.forget(&self.target);
    }
}

/// A try that has begun. One that is dropped has broken off.
pub(crate) struct Attempt {
    fence: Arc<TargetFence>,
    lock: Lock,
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
            let newer = other.epoch.is_some_and(|its| its > ours);
            fence.outranked.store(if newer { ours.0 } else { 0 }, Relaxed);
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
                    Locked::Elsewhere(Some(other)) => {
                        let told = other.node.clone();
                        told.or_else(|| fence.arbiter.node(target, &holder_of(other)))
                    }
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

    /// Whether the holder came to the lock under the epoch of this try, and is a member of its view: then it may only be
    /// missed by this node, and its session is not ended while it is at work.
    pub(crate) fn is_of_its_view(&self, locked: &Locked) -> bool {
        let Locked::Elsewhere(Some(other)) = locked else {
            return false;
        };
        let holder = holder_of(other);
        holder.epoch >= self.lock.epoch && self.fence.arbiter.is_seated(&self.fence.target, &holder)
    }

    /// The session with the lock was ended, and the others of that node's lanes: so many in all.
    pub(crate) fn ended_other(&self, locked: &Locked, node: Option<String>, sessions: usize) {
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

    /// The lock is held since `now`. What was due while a newer owner had it is that one's, unless the target came back from
    /// there: then our epoch is higher. Says whose sessions had to be ended for it.
    pub(crate) fn took(&self, now: Tick) -> Option<String> {
        if self.fence.outranked.swap(0, Relaxed) == self.lock.epoch.0 {
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
    fence: Arc<TargetFence>,
    lock: Lock,
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

/// The lock, as long as this lives: it goes with the session that has it.
pub(crate) struct Held {
    fence: Arc<TargetFence>,
    number: u64,
    /// What the session says of it.
    epoch: Epoch,
}

impl Held {
    /// What the session is to say of the lock, where that has changed.
    pub(crate) fn restamp(&self) -> Option<Lock> {
        let epoch = self.fence.epoch().filter(|epoch| *epoch > self.epoch)?;
        let key = self.fence.key;
        Some(Lock { key, epoch })
    }

    /// The session says it.
    pub(crate) fn stamped(&mut self, epoch: Epoch) {
        self.epoch = epoch;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let number = self.number;
        self.fence.change(|machine| machine.lost(number, Instant::now()));
    }
}
