//! The target's lock: a lane takes it before anything is read.

use std::sync::Arc;

use ringwatch_frame::{Clock, Tick};
use tokio::time::Instant;

use super::Lane;
use super::attempt::Passed;
use super::entry::enter;
use crate::cover::{grace, sign_of};
use crate::fault::{Fault, FaultKind};
use crate::fence::{AGAIN, Attempt, LockKey, Proof, Verdict};
use crate::guarded::GuardedSession;
use crate::meters::Outcome;
use crate::ownership::Reach;
use crate::session::{Connector, Session, Whose};
use crate::sessions::Open;
use crate::target::TargetSpec;

/// How often the lock is tried after the session that held it was ended: the server needs a moment.
const TRIES: usize = 4;

impl<C: Connector> Lane<C> {
    /// Whether it is to take the lock, though nothing is due.
    pub(super) fn wants_lock(&self) -> bool {
        let due = |again| again <= Instant::now();
        self.takes_lock
            && self.fence.again().is_some_and(due)
            && self.fence.epoch().is_some()
            && self.env.ownership.holds(&self.spec.id)
            && self.env.guard.at_ease(&self.spec.id)
            && self.health.down().is_none()
    }

    /// Takes the lock before anything is due.
    pub(super) async fn secure_ahead(&mut self) {
        let (env, health) = (Arc::clone(&self.env), Arc::clone(&self.health));
        let open = self.sessions.has(self.reader.plan.database());
        let entry = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return,
            entry = enter(&env.gate, &health, open) => entry,
        };
        if entry.is_err() {
            return;
        }
        match self.secure().await {
            Ok(()) => health.answered(),
            Err(fault) => self.not_listed(&fault),
        }
    }

    /// Sees to it that the target's lock is held, by this lane or another one, where it must be.
    pub(super) async fn secure(&mut self) -> Result<(), Fault> {
        if self.fence.lets_pass() {
            return self.prove().await;
        }
        let attempt = self.takes_lock.then(|| self.fence.attempt()).flatten();
        let Some(attempt) = attempt else {
            return Err(fenced());
        };
        let home = self.home();
        if let Some(open) = self.sessions.take(&home) {
            match self.secure_with(open, &attempt).await {
                Err(fault) if fault.kind.is_of_old_connection() => {}
                result => return result,
            }
        }
        let open = self.connect(&home).await?;
        self.secure_with(open, &attempt).await
    }

    /// Where the lock is that of another lane's session, and nobody vouches for it that the target is ours: whether it is
    /// there still. Else this lane would go on until that one reads, and learns that its session was ended.
    async fn prove(&mut self) -> Result<(), Fault> {
        if !self.takes_lock || self.sessions.has_pinned() {
            return Ok(());
        }
        let Some(proof) = self.fence.proof() else {
            return Ok(());
        };
        let home = self.home();
        if let Some(open) = self.sessions.take(&home) {
            match self.prove_with(open, &proof).await {
                Err(fault) if fault.kind.is_of_old_connection() => {}
                result => return result,
            }
        }
        let open = self.connect(&home).await?;
        self.prove_with(open, &proof).await
    }

    async fn prove_with(
        &mut self,
        mut open: Open<GuardedSession<C::Session>>,
        proof: &Proof,
    ) -> Result<(), Fault> {
        let locked = open.session.try_lock(proof.lock()).await?;
        if let Some(held) = proof.answered(&locked) {
            open.session.hold(held);
        }
        let home = self.home();
        self.sessions.put(&home, open);
        if self.fence.lets_pass() {
            Ok(())
        } else {
            Err(fenced())
        }
    }

    /// The same, and waits a little where another lane is about to take it.
    pub(super) async fn secure_soon(&mut self) -> Result<(), Fault> {
        for _ in 0..TRIES {
            match self.secure().await {
                Err(fault) if fault.kind == FaultKind::Fenced && !self.cancel.is_cancelled() => {
                    self.fence.wait(AGAIN).await;
                }
                result => return result,
            }
        }
        self.secure().await
    }

    async fn secure_with(
        &mut self,
        mut open: Open<GuardedSession<C::Session>>,
        attempt: &Attempt,
    ) -> Result<(), Fault> {
        let roles: Vec<String> = self
            .spec
            .readers
            .iter()
            .map(|reader| reader.plan.username().to_owned())
            .collect();
        let holder = Holders {
            target: &self.spec,
            lock: attempt.lock().key,
            roles: &roles,
            clock: &self.env.clock,
        };
        let result = take(&mut open.session, attempt, &holder).await;
        if result
            .as_ref()
            .err()
            .is_none_or(|fault| fault.kind == FaultKind::Fenced)
        {
            // Whoever has the lock, the server is there: other lanes need not wait for what this one finds.
            self.health.answered();
        }
        let lost = |fault: &Fault| fault.kind.loses_connection();
        if open.session.is_whole() && !result.as_ref().is_err_and(lost) {
            let home = self.home();
            self.sessions.put(&home, open);
        }
        result
    }

    /// Waits a moment for the lock, unless the successor of the tick is due.
    pub(super) async fn wait_for_lock(&mut self, successor: Tick) -> Result<(), Passed> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Err(Passed::Left),
            () = self.fence.wait(AGAIN) => {}
        }
        if successor <= self.env.clock.now() {
            return Err(Passed::Missed(Outcome::Fenced, Reach::Reached));
        }
        Ok(())
    }
}

/// What is to be known of nodes that hold the lock.
struct Holders<'a> {
    target: &'a TargetSpec,
    lock: LockKey,
    roles: &'a [String],
    clock: &'a Clock,
}

impl Holders<'_> {
    /// Up to when the node has read, which cannot be heard: it may only be cut off, and deliver what it reads. One that
    /// should have asked since and did not stands still, and what it read last does not count when it wakes.
    async fn read_until<S: Session>(
        &self,
        session: &mut GuardedSession<S>,
        node: &str,
    ) -> Result<Option<Tick>, Fault> {
        let whose = Whose {
            lock: self.lock,
            node,
            roles: self.roles,
        };
        let activity = session.holders_activity(&whose).await?;
        let now = self.clock.now();
        let planned = self
            .target
            .readers
            .iter()
            .flat_map(|reader| reader.plan.planned());
        let fastest = planned
            .map(|planned| planned.interval())
            .min()
            .unwrap_or_default();
        Ok(match activity.age {
            _ if activity.active => Some(now),
            Some(age) if age < fastest + grace(fastest) => sign_of(&activity, now),
            _ => None,
        })
    }
}

/// Tries the lock, and ends the session of a node that is gone, where that one has it.
async fn take<S: Session>(
    session: &mut GuardedSession<S>,
    attempt: &Attempt,
    holders: &Holders<'_>,
) -> Result<(), Fault> {
    for _ in 0..TRIES {
        let locked = session.try_lock(attempt.lock()).await?;
        match attempt.answered(&locked) {
            Verdict::Held(held) => {
                attempt.took(holders.clock.now());
                session.hold(held);
                return Ok(());
            }
            Verdict::Pass => return Ok(()),
            Verdict::Fenced => return Err(fenced()),
            Verdict::End(other, node) => {
                let read_until = match &node {
                    Some(node) => holders.read_until(session, node).await?,
                    None => None,
                };
                if read_until.is_some() && attempt.is_of_its_view(&locked) {
                    return Err(fenced());
                }
                match session.end_other(other).await {
                    Err(fault) if fault.kind == FaultKind::Grant => {
                        attempt.may_not_end(&fault);
                        return Ok(());
                    }
                    ended => ended?,
                }
                attempt.ended_other(&locked, read_until);
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        }
    }
    Err(fenced())
}

/// The fault of what was not sent because the lock is another session's.
fn fenced() -> Fault {
    Fault::new(
        FaultKind::Fenced,
        "another session holds the target's lock, so that nothing is sent",
    )
}
