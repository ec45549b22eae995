//! The target's lock: a lane takes it before anything is read.

use std::sync::Arc;

use ringwatch_frame::{StreamId, Tick};
use tokio::time::Instant;

use super::Lane;
use super::attempt::Passed;
use super::entry::enter;
use super::taking::{Holders, take};
use crate::fault::{Fault, FaultKind};
use crate::fence::{AGAIN, Attempt, TargetFence};
use crate::guarded::GuardedSession;
use crate::meters::Outcome;
use crate::ownership::Reach;
use crate::session::{Connector, Session};
use crate::sessions::Open;

/// How often it is waited for another lane that takes the lock.
const TRIES: usize = 4;

impl<C: Connector> Lane<C> {
    /// Whether it is to take the lock, though nothing is due.
    pub(super) fn wants_lock(&self) -> bool {
        let due = |again| again <= Instant::now();
        self.takes_lock
            && self.fence.again().is_some_and(due)
            && (self.sessions.has(&self.home()) || !self.fence.is_connecting())
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
            return Ok(());
        }
        let home = self.home();
        let old = self.sessions.has(&home);
        if self.takes_lock && !old {
            self.connect_to_try(&home).await?;
        }
        if self.fence.lets_pass() {
            return Ok(());
        }
        let attempt = self.takes_lock.then(|| self.fence.attempt()).flatten();
        let Some(attempt) = attempt else {
            return Err(fenced());
        };
        if let Some(open) = self.sessions.take(&home) {
            match self.secure_with(open, &attempt).await {
                Err(fault) if old && fault.kind.is_of_old_connection() => {}
                result => return result,
            }
        }
        let open = self.connect(&home).await?;
        self.secure_with(open, &attempt).await
    }

    /// Opens the session that is to try the lock, before the try begins: who has one need not wait for that. One lane does at
    /// a time; most connect when the lock is theirs, and the sessions of whoever had it are gone.
    async fn connect_to_try(&mut self, home: &Arc<str>) -> Result<(), Fault> {
        let Some(connecting) = self.fence.connecting() else {
            return Err(fenced());
        };
        let open = self.connect(home).await?;
        connecting.done();
        self.sessions.put(home, open);
        Ok(())
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

    /// Where the lock is another session's than this new one: whether it is ours still. Whoever took it away has ended the
    /// sessions that were there, and could not know of one that was about to be opened.
    pub(super) fn prover(&self, database: &Arc<str>) -> Prover {
        let first = self.spec.readers.first();
        let sees_names = first.is_some_and(|first| first.plan.username() == self.reader.plan.username());
        Prover {
            fence: Arc::clone(&self.fence),
            look: match self.takes_lock && *database == self.home() {
                true => Look::Try,
                false if sees_names => Look::Ask,
                false => Look::Blind,
            },
        }
    }

    /// Up to when another node has read a stream of this lane, which cannot be heard.
    pub(super) fn read_elsewhere(&self, at: usize) -> Option<Tick> {
        let tick_of = |name: &str, database: Option<&str>, instant: Tick| {
            let is_there = |id: &StreamId| {
                let (its, here) = (id.database(), database);
                its.zip(here).is_none_or(|(its, here)| its == here)
            };
            let mut tracks = self.tracks.iter();
            let track = tracks.find(|track| track.id.name() == name && is_there(&track.id))?;
            Some(track.timeline.newest(instant))
        };
        self.fence.elsewhere().of(&self.tracks[at].timeline, tick_of)
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

/// How a session can tell whose the lock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// It tries the lock itself.
    Try,
    /// It asks who has it: it may have it in no case.
    Ask,
    /// Its role does not see what the session with the lock calls itself.
    Blind,
}

/// Makes sure of new sessions.
pub(super) struct Prover {
    fence: Arc<TargetFence>,
    look: Look,
}

impl Prover {
    /// Sees to it that nothing is read over the session unless the lock is ours.
    pub(super) async fn prove<S: Session>(&self, session: &mut GuardedSession<S>) -> Result<(), Fault> {
        if session.is_proven() {
            return Ok(());
        }
        if let Some(proof) = self.fence.proof() {
            let locked = match self.look {
                Look::Try => Some(session.try_lock(proof.lock()).await?),
                Look::Ask => Some(session.locks_holder(proof.lock()).await?),
                Look::Blind => None,
            };
            if let Some(held) = locked.and_then(|locked| proof.answered(&locked)) {
                session.hold(held);
            }
        }
        if !self.fence.lets_pass() {
            return Err(fenced());
        }
        session.prove();
        Ok(())
    }
}

/// The fault of what was not sent because the lock is another session's.
pub(super) fn fenced() -> Fault {
    Fault::new(
        FaultKind::Fenced,
        "another session holds the target's lock, so that nothing is sent",
    )
}
