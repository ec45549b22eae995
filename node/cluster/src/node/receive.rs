//! What others ask of this node. The questions go to the loop, which alone decides.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ringwatch_frame::{Clock, TargetId};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::metrics::{Asked, Metrics};
use crate::member::{Incarnation, NodeId};
use crate::memories::{Change, Leave, Memories, Word};
use crate::peer::{Answers, Handed, Late, Recalled, Refused};

/// A commit must follow its prepare within this time.
pub(super) const PREPARED_FOR: Duration = Duration::from_secs(30);
/// So long a caller that lost our answer to its commit is told that it was accepted.
const ANSWERS_FOR: Duration = Duration::from_secs(30);
/// So many ended handoffs are remembered.
const REMEMBERED: usize = 4096;
/// The loop answers within milliseconds; a caller that hears nothing for so long has given up before.
const ANSWER: Duration = Duration::from_secs(12);

/// A question of a peer, with the place for its answer.
pub(crate) enum Question {
    /// What do you think of me?
    Confirm {
        from: Incarnation,
        reply: oneshot::Sender<bool>,
    },
    /// Be ready to go on with a target.
    Prepare {
        from: Incarnation,
        target: TargetId,
        handoff: u64,
        view: u64,
        reply: oneshot::Sender<Result<(), Refused>>,
    },
    /// It is yours from here on.
    Commit {
        from: Incarnation,
        handed: Handed,
        reply: oneshot::Sender<Result<(), Refused>>,
    },
    /// What do you know of these?
    Recall {
        from: Incarnation,
        targets: Vec<TargetId>,
        view: u64,
        reply: oneshot::Sender<Result<Vec<Recalled>, Refused>>,
    },
    /// I cannot reach a target of mine: pin it to this node, as you lead the group.
    Offer {
        from: Incarnation,
        target: TargetId,
        heir: NodeId,
        reply: oneshot::Sender<Result<(), Refused>>,
    },
}

/// Takes the calls of peers to the loop.
pub(crate) struct Door {
    pub(crate) questions: mpsc::Sender<Question>,
    pub(crate) memories: Arc<Memories>,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Clock,
}

impl Door {
    /// The loop's answer to a question; `None` if it is overrun, has ended, or does not answer in time.
    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Question) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.questions.try_send(question(reply)).ok()?;
        timeout(ANSWER, answer).await.ok()?.ok()
    }
}

fn no_answer() -> Refused {
    Refused::Because("this node is starting, stopping or overloaded".into())
}

#[async_trait]
impl Answers for Door {
    async fn confirm(&self, from: Incarnation) -> bool {
        match self.ask(|reply| Question::Confirm { from, reply }).await {
            Some(excluded) => excluded,
            None => {
                // Neither answer would be true. The caller gives up long before this ends.
                tokio::time::sleep(ANSWER).await;
                false
            }
        }
    }

    async fn prepare(
        &self,
        from: Incarnation,
        target: TargetId,
        handoff: u64,
        view: u64,
    ) -> Result<(), Refused> {
        let answer = self.ask(|reply| Question::Prepare {
            from,
            target,
            handoff,
            view,
            reply,
        });
        answer.await.unwrap_or_else(|| Err(no_answer()))
    }

    async fn commit(&self, from: Incarnation, handed: Handed) -> Result<(), Refused> {
        let answer = self.ask(|reply| Question::Commit { from, handed, reply });
        answer.await.unwrap_or_else(|| Err(no_answer()))
    }

    async fn recall(
        &self,
        from: Incarnation,
        targets: Vec<TargetId>,
        view: u64,
    ) -> Result<Vec<Recalled>, Refused> {
        let answer = self.ask(|reply| Question::Recall {
            from,
            targets,
            view,
            reply,
        });
        // Nothing is known here, and it was not refused.
        answer.await.unwrap_or(Ok(Vec::new()))
    }

    fn listen(&self, from: &Incarnation) -> mpsc::Receiver<Word> {
        self.memories.listen(from)
    }

    async fn may(&self, from: Incarnation, late: Late) -> Leave {
        let what = (&late.target, &late.stream, late.tick);
        self.memories.may(&from, what, (late.known, late.epoch))
    }

    async fn offer(&self, from: Incarnation, target: TargetId, heir: NodeId) -> Result<(), Refused> {
        let answer = self.ask(|reply| Question::Offer {
            from,
            target,
            heir,
            reply,
        });
        answer.await.unwrap_or_else(|| Err(no_answer()))
    }

    fn time(&self) -> i64 {
        self.clock.uncorrected()
    }

    fn replicated(&self, from: &Incarnation, change: Change) -> Result<(), Refused> {
        let answer = self.memories.shadowed(from, change);
        if answer.is_err() {
            self.metrics.refused_epoch(Asked::Replicate);
        }
        answer
    }
}

/// Handoffs from others to this node.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    prepared: BTreeMap<TargetId, Offer>,
    ended: VecDeque<Ended>,
}

#[derive(Debug, PartialEq, Eq)]
struct Offer {
    from: Incarnation,
    handoff: u64,
    at: Instant,
    warm: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Ended {
    from: Incarnation,
    handoff: u64,
    target: TargetId,
    accepted: bool,
    at: Instant,
}

impl Incoming {
    /// `from` wants to hand `target` over; the connection to it is being made.
    pub(crate) fn offered(&mut self, target: &TargetId, from: &Incarnation, handoff: u64, now: Instant) {
        // A target that comes a second time was given back in between: what was accepted then says nothing
        // now.
        self.ended
            .retain(|ended| !(ended.accepted && ended.from == *from && ended.target == *target));
        let offer = Offer {
            from: from.clone(),
            handoff,
            at: now,
            warm: false,
        };
        self.prepared.insert(target.clone(), offer);
    }

    /// Whether this very offer stands.
    pub(crate) fn is_offer(&self, target: &TargetId, from: &Incarnation, handoff: u64) -> bool {
        self.prepared
            .get(target)
            .is_some_and(|offer| offer.from == *from && offer.handoff == handoff)
    }

    /// The connection for an offer is there, or cannot be made.
    pub(crate) fn warmed(&mut self, target: &TargetId, from: &Incarnation, handoff: u64, ok: bool) {
        if !self.is_offer(target, from, handoff) {
            return;
        }
        if !ok {
            self.prepared.remove(target);
        } else if let Some(offer) = self.prepared.get_mut(target) {
            offer.warm = true;
        }
    }

    /// Whether a commit is good: `Ok(true)` for a new one, `Ok(false)` for one that was accepted before.
    ///
    /// # Errors
    /// Why it is refused.
    pub(crate) fn commit(
        &mut self,
        target: &TargetId,
        from: &Incarnation,
        handoff: u64,
        now: Instant,
    ) -> Result<bool, String> {
        let same = |ended: &&Ended| ended.from == *from && ended.handoff == handoff;
        if let Some(ended) = self.ended.iter().find(same) {
            let accepted = ended.accepted && ended.target == *target;
            return if accepted {
                Ok(false)
            } else {
                Err("this handoff was refused before".into())
            };
        }
        match self.prepared.get(target) {
            Some(offer) if offer.from != *from || offer.handoff != handoff || !offer.warm => {
                Err("another handoff of this target is under way".into())
            }
            Some(offer) if now > offer.at + PREPARED_FOR => Err("its preparation is too long ago".into()),
            Some(_) => Ok(true),
            None => Err("it was not prepared here".into()),
        }
    }

    /// A commit was answered.
    pub(crate) fn ended(
        &mut self,
        target: &TargetId,
        from: &Incarnation,
        handoff: u64,
        accepted: bool,
        now: Instant,
    ) {
        if self.is_offer(target, from, handoff) {
            self.prepared.remove(target);
        }
        let known = |ended: &Ended| ended.from == *from && ended.handoff == handoff;
        if self.ended.iter().any(known) {
            return;
        }
        if self.ended.len() >= REMEMBERED {
            self.ended.pop_front();
        }
        let ended = Ended {
            from: from.clone(),
            handoff,
            target: target.clone(),
            accepted,
            at: now,
        };
        self.ended.push_back(ended);
    }

    /// `from` asks whether it still has `target`. From here on a late commit of it is refused. Says whether
    /// it was accepted.
    pub(crate) fn asked(&mut self, target: &TargetId, from: &Incarnation, now: Instant) -> bool {
        let accepted = |ended: &Ended| {
            ended.accepted && ended.from == *from && ended.target == *target && now <= ended.at + ANSWERS_FOR
        };
        if self.ended.iter().any(accepted) {
            return true;
        }
        if let Some(handoff) = self
            .prepared
            .get(target)
            .filter(|o| o.from == *from)
            .map(|o| o.handoff)
        {
            self.ended(target, from, handoff, false, now);
        }
        false
    }

    /// Offers of this target are void: it was claimed here.
    pub(crate) fn taken(&mut self, target: &TargetId, now: Instant) {
        if let Some(offer) = self.prepared.remove(target) {
            self.ended(target, &offer.from, offer.handoff, false, now);
        }
    }

    /// The target was dropped here, with no successor: nobody may rely on our having it.
    pub(crate) fn dropped(&mut self, target: &TargetId) {
        self.ended
            .retain(|ended| !(ended.accepted && ended.target == *target));
    }

    /// Drops offers that are too old, or whose owner is gone.
    pub(crate) fn pass(&mut self, alive: impl Fn(&Incarnation) -> bool, now: Instant) {
        self.prepared
            .retain(|_, offer| now <= offer.at + PREPARED_FOR && alive(&offer.from));
    }
}
