//! How the steering answers the questions of peers.

use ringwatch_frame::{TargetId, TargetMemory};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::act::is_alive;
use super::claims::merge;
use super::effect::Effect;
use super::metrics::{Asked, Move};
use super::receive::Question;
use super::steer::Steering;
use crate::member::{Incarnation, Stage, TargetKey};
use crate::peer::{Handed, Recalled, Refused};
use crate::view::View;

impl Steering {
    /// Answers a peer, at once or when a connection is made. Call [`Steering::step`] after it.
    pub(crate) fn answer(&mut self, question: Question, now: Instant) {
        // A caller that has given up needs no answer, so the result of sending one does not matter.
        match question {
            Question::Confirm { from, reply } => {
                self.roster.heard_from(&from, now);
                let _ = reply.send(self.roster.excludes(&from));
            }
            Question::Prepare {
                from,
                target,
                handoff,
                view,
                reply,
            } => match self.fits(view, Asked::Prepare) {
                Ok(()) => self.offered(target, from, handoff, reply, now),
                Err(refused) => drop(reply.send(Err(refused))),
            },
            Question::Commit { from, handed, reply } => {
                let answer = self.receive(handed, &from, now);
                let _ = reply.send(answer);
            }
            Question::Recall {
                from,
                targets,
                view,
                reply,
            } => {
                // Who claims nothing has no epoch that could be too old.
                let fits = if view == 0 {
                    Ok(())
                } else {
                    self.fits(view, Asked::Recall)
                };
                let recalled = fits.map(|()| {
                    let claims = view > 0;
                    let recalled = targets
                        .into_iter()
                        .map(|target| self.recalled(target, &from, claims, now));
                    recalled.collect()
                });
                let _ = reply.send(recalled);
            }
            Question::Offer {
                from,
                target,
                heir,
                reply,
            } => self.offer(&from, target, heir, reply),
        }
    }

    /// Whether an epoch is as new as our view; whether we have seen its view does not matter.
    fn fits(&self, epoch: u64, what: Asked) -> Result<(), Refused> {
        let view = self.view.as_ref().map_or(0, View::number);
        if epoch >= view {
            return Ok(());
        }
        self.metrics.refused_epoch(what);
        Err(Refused::Stale { view })
    }

    fn offered(
        &mut self,
        target: TargetId,
        from: Incarnation,
        handoff: u64,
        reply: oneshot::Sender<Result<(), Refused>>,
        now: Instant,
    ) {
        if let Err(reason) = self.accepts(&target, &from) {
            let _ = reply.send(Err(reason));
            return;
        }
        self.incoming.offered(&target, &from, handoff, now);
        self.warming.insert(target.clone(), reply);
        self.todo.push(Effect::Warm {
            target,
            from,
            handoff,
        });
    }

    /// A connection for a target that is offered to us is made, or cannot be.
    pub(super) fn warmed(
        &mut self,
        target: &TargetId,
        from: &Incarnation,
        handoff: u64,
        answer: Result<(), String>,
    ) {
        let waits = self.incoming.is_offer(target, from, handoff);
        if !waits {
            return;
        }
        self.incoming.warmed(target, from, handoff, answer.is_ok());
        if let Some(reply) = self.warming.remove(target) {
            let _ = reply.send(answer.map_err(Refused::Because));
        }
    }

    /// Whether this node would take `target` from `from` now.
    fn accepts(&self, target: &TargetId, from: &Incarnation) -> Result<(), Refused> {
        let alive = |membership| is_alive(membership, from);
        let refusal = if !self.pulse.sure() {
            "this node was paused and is not sure of itself"
        } else if self.targets.get(&TargetKey::from(target)) != Some(target) {
            "the target is not in this node's configuration"
        } else if self.stage != Stage::Ready || self.failure.is_some() {
            "this node takes no targets now"
        } else if !self.membership.as_ref().is_some_and(alive) || self.roster.excludes(from) {
            "the caller is out of this node's ring"
        } else if self.owned.contains_key(target) {
            "this node owns the target already"
        } else if self.stopping.contains(target) {
            "this node still ends its own readings of the target"
        } else {
            return Ok(());
        };
        Err(Refused::Because(refusal.into()))
    }

    fn receive(&mut self, handed: Handed, from: &Incarnation, now: Instant) -> Result<(), Refused> {
        let Handed {
            target,
            mut memory,
            companion,
            moves,
            handoff,
            view,
        } = handed;
        let target = &target;
        let verdict = match self.incoming.commit(target, from, handoff, now) {
            Ok(false) => return Ok(()),
            Ok(true) => self
                .fits(view, Asked::Commit)
                .and_then(|()| self.accepts(target, from)),
            Err(reason) => Err(Refused::Because(reason)),
        };
        self.incoming.ended(target, from, handoff, verdict.is_ok(), now);
        verdict?;
        self.claims.drop_claim(target);
        // Frames that the old owner has read are delivered by the old owner.
        memory.values_mut().for_each(|stream| stream.pending.clear());
        self.raise_epoch(view);
        self.moves.arrived(target, &moves, now);
        self.todo.push(Effect::Receive {
            target: target.clone(),
            companion,
        });
        self.take(target, memory, Move::In, now);
        self.open();
        Ok(())
    }

    /// `claims`: the caller owns the target next, if nobody does.
    fn recalled(&mut self, target: TargetId, from: &Incarnation, claims: bool, now: Instant) -> Recalled {
        let claiming = self.claims.yields(&self.fixed.me.node, &from.node, &target);
        // Who claims has seen that nobody has it: that it came here once, and went on, says nothing.
        let accepted = self.incoming.asked(&target, from, now) && !claims;
        let owned = self.owned.contains_key(&target) || claiming || accepted;
        let alive = |who: &Incarnation| self.membership.as_ref().is_some_and(|m| is_alive(m, who));
        let mut memory = match () {
            () if owned => None,
            () if claims => self.memories.recall_shadow(&target),
            () => self.memories.shadow(&target, &|_| false),
        };
        if !self.memories.has_shadow(&target, &alive) {
            // Its owner lives, and may have let it go: then it delivers itself what it has read, but perhaps the last.
            for stream in memory.iter_mut().flat_map(|memory| memory.values_mut()) {
                let last = stream.last;
                stream.pending.retain(|frame| Some(frame.meta.id.tick) == last);
            }
        }
        let (mut delivers, mut doubtful) = (false, TargetMemory::new());
        if let Some((relic, _)) = self.relics.get_mut(&target).filter(|_| !owned) {
            if claims {
                // Whoever goes on does so after what was read here.
                doubtful = self.memories.surrender(&target, relic);
                delivers = true;
            }
            merge(memory.get_or_insert_default(), relic.clone());
        }
        let moves = self.moves.ages(&target, now);
        Recalled {
            target,
            owned,
            memory,
            delivers,
            doubtful,
            moves,
        }
    }
}
