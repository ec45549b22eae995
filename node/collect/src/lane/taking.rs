//! The target's lock is taken, from a node that is gone too.

use std::time::Duration;

use ringwatch_frame::Clock;

use super::securing::fenced;
use crate::cover::grace;
use crate::fault::{Fault, FaultKind};
use crate::fence::{Attempt, LockKey, Locked, Outranked, Verdict};
use crate::guarded::GuardedSession;
use crate::session::{Session, Whose};
use crate::target::TargetSpec;

/// How often the lock is tried after the session that held it was ended: the server needs a moment.
const TRIES: usize = 4;
const MOMENT: Duration = Duration::from_millis(2);

/// What is to be known of nodes that hold the lock.
pub(super) struct Holders<'a> {
    pub(super) target: &'a TargetSpec,
    pub(super) lock: LockKey,
    pub(super) roles: &'a [String],
    pub(super) clock: &'a Clock,
}

impl Holders<'_> {
    fn whose<'a>(&'a self, node: &'a str) -> Whose<'a> {
        Whose {
            lock: self.lock,
            node,
            roles: self.roles,
        }
    }

    /// Whether the node is at work, though it cannot be heard: it may only be cut off, and deliver what it reads. One that
    /// should have asked since and did not stands still, and what it read last does not count when it wakes.
    async fn is_at_work<S: Session>(
        &self,
        session: &mut GuardedSession<S>,
        node: &str,
    ) -> Result<bool, Fault> {
        let activity = session.activity(&self.whose(node)).await?;
        let planned = self
            .target
            .readers
            .iter()
            .flat_map(|reader| reader.plan.planned());
        let fastest = planned
            .map(|planned| planned.interval())
            .min()
            .unwrap_or_default();
        let is_awake = |age| age < fastest + grace(fastest);
        Ok(activity.active || activity.age.is_some_and(is_awake))
    }

    /// Whose the lock is, where the server does not tell, as far as the node is known.
    async fn holder<S: Session>(
        &self,
        session: &mut GuardedSession<S>,
        attempt: &Attempt,
    ) -> Result<Option<String>, Fault> {
        for node in attempt.others() {
            let activity = session.activity(&self.whose(&node)).await?;
            if activity.sessions > 0 && !activity.locked_by_others {
                return Ok(Some(node));
            }
        }
        Ok(None)
    }

    /// Ends the sessions of the node's lanes, and says how many there were.
    async fn end_lanes<S: Session>(
        &self,
        session: &mut GuardedSession<S>,
        attempt: &Attempt,
        other: &Outranked,
    ) -> Result<usize, Fault> {
        let last = session.end_others(&self.whose(&other.node)).await?;
        let count = last.len();
        if other.at_work {
            attempt.read_elsewhere(last, self.clock.now());
        }
        Ok(count)
    }

    /// Ends the session that has the lock, and all that read with it.
    async fn end<S: Session>(
        &self,
        session: &mut GuardedSession<S>,
        attempt: &Attempt,
        (locked, other, node): (&Locked, i64, Option<String>),
    ) -> Result<(), Fault> {
        let (mut sessions, mut outranked) = (0, None);
        let node = match node {
            Some(node) => Some(node),
            None => self.holder(session, attempt).await?,
        };
        if let Some(node) = node {
            let at_work = self.is_at_work(session, &node).await?;
            if at_work && attempt.is_of_its_view(locked, &node) {
                return Err(fenced());
            }
            let other = Outranked { node, at_work };
            sessions = self.end_lanes(session, attempt, &other).await?;
            outranked = Some(other);
        }
        // The one with the lock is among them, unless its node is not known.
        session.end_other(other).await?;
        attempt.ended_other(locked, outranked, sessions.max(1));
        Ok(())
    }
}

/// Tries the lock, and ends the session of a node that is gone, where that one has it.
pub(super) async fn take<S: Session>(
    session: &mut GuardedSession<S>,
    attempt: &Attempt,
    holders: &Holders<'_>,
) -> Result<(), Fault> {
    for _ in 0..TRIES {
        let locked = session.try_lock(attempt.lock()).await?;
        match attempt.answered(&locked) {
            Verdict::Held(held) => {
                session.hold(held);
                if let Some(other) = attempt.took(holders.clock.now()) {
                    // What was opened before the lock was ours had not asked for it yet, or was told that it is its own.
                    holders.end_lanes(session, attempt, &other).await?;
                }
                return Ok(());
            }
            Verdict::Pass => return Ok(()),
            Verdict::Fenced => return Err(fenced()),
            Verdict::End(other, node) => {
                match holders.end(session, attempt, (&locked, other, node)).await {
                    Err(fault) if fault.kind == FaultKind::Grant => {
                        attempt.may_not_end(&fault);
                        return Ok(());
                    }
                    ended => ended?,
                }
                tokio::time::sleep(MOMENT).await;
            }
        }
    }
    Err(fenced())
}
