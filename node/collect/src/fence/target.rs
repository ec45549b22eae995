//! The fence of one target, as its lanes share it.

mod attempt;

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringwatch_frame::{Epoch, TargetId};
use tokio::sync::Notify;
use tokio::time::Instant;

pub(crate) use self::attempt::{Attempt, Outranked, Proof, Verdict};
use super::elsewhere::Elsewhere;
use super::state::Machine;
use super::{Arbiter, FenceMeters, FenceMode, Lock, LockKey};

/// Another node has the lock, and reads what is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ahead {
    /// Under a newer epoch than ours, which is this one.
    Of(Epoch),
    /// It had been ours: a member of our view took it from us.
    TookIt,
}

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
    ended: Mutex<Option<Outranked>>,
    /// Whether another node was ahead when the lock was tried last.
    ahead: Mutex<Option<Ahead>>,
    /// A lane connects to try the lock.
    connecting: AtomicBool,
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
            ahead: Mutex::default(),
            connecting: AtomicBool::new(false),
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

    /// A lane without a session may connect to try the lock, as long as this lives: a try is due and no other lane is at it.
    pub(crate) fn connecting(self: &Arc<Self>) -> Option<Connecting> {
        let due = self
            .epoch()
            .and_then(|_| self.again())
            .is_some_and(|again| again <= Instant::now());
        let free = due && !self.connecting.swap(true, Relaxed);
        free.then(|| Connecting {
            fence: Arc::clone(self),
            done: false,
        })
    }

    /// Whether a lane connects to try the lock.
    pub(crate) fn is_connecting(&self) -> bool {
        self.connecting.load(Relaxed)
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

    fn ended_node(&self) -> MutexGuard<'_, Option<Outranked>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ahead(&self) -> MutexGuard<'_, Option<Ahead>> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
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

/// A lane that connects to try the lock. Where it does not come to its end, the try is put off.
pub(crate) struct Connecting {
    fence: Arc<TargetFence>,
    done: bool,
}

impl Connecting {
    /// It is connected.
    pub(crate) fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        if !self.done {
            self.fence.with(|machine| machine.put_off(Instant::now()));
        }
        self.fence.connecting.store(false, Relaxed);
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
