//! What the steering does with targets: takes them, gives them, stops them, lets them go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ringwatch_frame::{PendingFrame, TargetId, TargetMemory};
use tokio::time::Instant;

use super::claims::{Cleared, SETTLED};
use super::effect::{Effect, Event};
use super::events::{ClusterEvent, EventKind};
use super::handoff::{Next, Running, Seen};
use super::metrics::Move;
use super::notes;
use super::pause::{PauseCheck, Verdict};
use super::rivals::Finding;
use super::steer::Steering;
use crate::member::{Incarnation, NodeId, Stage, State, TargetKey};
use crate::memories::Parting;
use crate::numbering::By;
use crate::roster::Membership;
use crate::view::View;

/// So long a dead owner's targets are covered before they are taken over: longer than the shortest usual
/// interval and the grace after it.
const COVERED: Duration = Duration::from_millis(1_500);

/// Whether this life is a member that is not dead.
pub(super) fn is_alive(membership: &Membership, who: &Incarnation) -> bool {
    let member = membership.member(&who.node);
    member.is_some_and(|member| member.who == *who && member.state != State::Dead)
}

/// What the gossip says of `who` as the new owner of `target`.
fn seen(membership: &Membership, who: &Incarnation, target: &TargetId) -> Seen {
    let member = membership.member(&who.node).filter(|_| is_alive(membership, who));
    let key = TargetKey::from(target);
    match member {
        Some(member) if member.said.owned.binary_search(&key).is_ok() => Seen::Owning,
        Some(_) => Seen::Alive,
        None => Seen::Dead,
    }
}

impl Steering {
    /// Something that was begun has come to something. Call [`Steering::step`] after it.
    pub(crate) fn on(&mut self, event: Event, now: Instant) {
        match event {
            Event::Stopped { target, number } => {
                self.stopping.remove(&target);
                let next = self.handoffs.stopped(&target, number, self.pulse.sure(), now);
                self.follow(&target, next);
            }
            Event::Prepared {
                target,
                number,
                answer,
            } => {
                let next = self.handoffs.prepared(&target, number, answer, now);
                self.follow(&target, next);
            }
            Event::Committed {
                target,
                number,
                answer,
            } => {
                let next = self.handoffs.committed(&target, number, answer, now);
                self.follow(&target, next);
            }
            Event::Asked {
                target,
                number,
                answer,
            } => {
                let next = self.handoffs.asked(&target, number, &answer, now);
                self.follow(&target, next);
            }
            Event::Warmed {
                target,
                from,
                handoff,
                answer,
            } => self.warmed(&target, &from, handoff, answer),
            Event::Recalled { number, answers } => {
                for known in answers.iter().flat_map(|(_, told)| told.known()) {
                    self.moves.learn(&known.target, &known.moves, now);
                }
                self.claims.answered(number, answers, now);
            }
            Event::Confirmed { pauses, by, excluded } => {
                if let Some(check) = &mut self.pause {
                    check.answered(pauses, &by, excluded);
                }
            }
            Event::Probed { life, alive } => self.probed(&life, alive),
            Event::Numbered { number, answer } => self.numbered(number, answer, now),
            Event::Offered { target, answer } => {
                if let Err(error) = answer {
                    notes::offer_refused(&target, &error);
                }
            }
        }
        self.open();
    }

    /// Owns `wanted` targets whose memory is at hand or about which the others were asked; asks about the
    /// others.
    pub(super) fn claim(
        &mut self,
        wanted: BTreeSet<TargetId>,
        mut cleared: BTreeMap<TargetId, Cleared>,
        membership: &Membership,
        now: Instant,
    ) {
        let alive = |who: &Incarnation| is_alive(membership, who);
        let mut unknown = BTreeSet::new();
        self.closing = false;
        self.bereft.retain(|target, _| wanted.contains(target));
        for target in wanted {
            let free = !self.memories.is_promised(&target);
            if self.memories.has_shadow(&target, &alive) && self.is_covered_yet(&target, now) {
                self.closing = true;
            } else if free && let Some(memory) = self.memories.take_shadow(&target, &alive) {
                self.raise_epoch(self.memories.heard_epoch());
                self.take(&target, memory, Move::TakeOver, now);
            } else if let Some(known) = cleared.remove(&target) {
                let memory = self.best(&target, known);
                self.take(&target, memory, Move::Claim, now);
            } else {
                unknown.insert(target);
            }
        }
        let settled = self.sole || now >= self.view_since + SETTLED;
        let others = membership.others_alive().cloned().collect();
        let Some(ask) = self.claims.want(&unknown, others, settled, now) else {
            return;
        };
        if !ask.of.is_empty() {
            self.todo.push(Effect::Recall {
                number: ask.number,
                targets: ask.targets,
                of: ask.of,
                view: self.epoch(),
            });
            return;
        }
        self.claims.answered(ask.number, Vec::new(), now);
        for (target, known) in self.claims.take_cleared() {
            let memory = self.best(&target, known);
            self.take(&target, memory, Move::Claim, now);
        }
        self.claims.want(&BTreeSet::new(), Vec::new(), settled, now);
    }

    /// Whether a target of a dead owner is rather covered for a moment than taken over. Only then it is known
    /// whether that one stands still, so that what it had begun is read here, or is cut off and goes on. What
    /// is being read for it ends first, and counts.
    fn is_covered_yet(&mut self, target: &TargetId, now: Instant) -> bool {
        if !self.fixed.covers || !self.gate.stands_by(target) {
            return self.memories.closes(target);
        }
        let since = *self.bereft.entry(target.clone()).or_insert(now);
        now < since + COVERED || self.memories.closes(target)
    }

    /// The best memory of a target that nobody owns: what the others told, or what is known here of it, from its last
    /// owner or as that.
    fn best(&mut self, target: &TargetId, mut told: Cleared) -> TargetMemory {
        let owner = self.memories.shadow_owner(target);
        let mine = self.memories.take_shadow(target, &|_| false);
        told.add_shadow(owner.as_ref(), mine.unwrap_or_default());
        if let Some((mut memory, _)) = self.relics.remove(target) {
            let doubtful = self.memories.surrender(target, &mut memory);
            told.leave(memory, doubtful);
        }
        told.settle()
    }

    /// Owns a target from now on, and goes on with it where `memory` ends.
    pub(super) fn take(&mut self, target: &TargetId, memory: TargetMemory, how: Move, now: Instant) {
        let pending = memory.values().flat_map(|stream| stream.pending.iter().cloned());
        let pending: Vec<PendingFrame> = pending.collect();
        notes::taken(target, how, pending.len());
        self.metrics.moved(how);
        let kind = match how {
            Move::TakeOver => EventKind::TakenOver,
            Move::In => EventKind::Received,
            _ => EventKind::Claimed,
        };
        self.tell(ClusterEvent {
            to: Some(self.fixed.me.node.clone()),
            ..ClusterEvent::of(kind, target)
        });
        if how == Move::In {
            self.claimed.remove(target);
        } else {
            self.claimed.insert(target.clone(), self.epoch());
        }
        self.bereft.remove(target);
        self.memories.own(target, memory);
        self.relics.remove(target);
        self.owned.insert(target.clone(), now);
        self.incoming.taken(target, now);
        self.todo.push(Effect::Start(target.clone()));
        if !pending.is_empty() {
            self.todo.push(Effect::Deliver(pending));
        }
    }

    /// Forgets a target that is owned no more, and ends its lanes. Gives what was remembered of it.
    pub(super) fn drop_target(&mut self, target: &TargetId, parting: Parting) -> TargetMemory {
        let memory = self.memories.part(target, parting);
        self.incoming.dropped(target);
        self.metrics.moved(Move::Stopped);
        if self.handoffs.phase(target) != Running::None && self.stopping.insert(target.clone()) {
            self.todo.push(Effect::Stop {
                target: target.clone(),
                number: 0,
            });
        }
        memory
    }

    /// Lets go of everything at once, without a successor. Whoever claims it may ask for what we remember
    /// of it.
    pub(super) fn let_go(&mut self, why: &str, parting: Parting, now: Instant) {
        let owned = std::mem::take(&mut self.owned);
        notes::let_go(why, owned.len());
        for target in owned.into_keys() {
            let memory = self.drop_target(&target, parting);
            self.tell(ClusterEvent {
                reason: why.to_owned(),
                ..ClusterEvent::of(EventKind::Released, &target)
            });
            self.relics.insert(target, (memory, now));
        }
        self.handoffs.clear();
        self.claims.clear();
        self.open();
    }

    pub(super) fn hand_over(
        &mut self,
        target: &TargetId,
        to: &NodeId,
        membership: &Membership,
        now: Instant,
    ) {
        // Of what its standby did while this node was paused the new owner would not know.
        let Some(member) = membership.member(to).filter(|_| !self.is_waking(target)) else {
            return;
        };
        let view = self.view.as_ref().map_or(0, View::number);
        let pin = self
            .view
            .as_ref()
            .and_then(|view| view.committed().pins.get(target));
        // Who drains, and whom an operator sends elsewhere, has a reason of its own.
        let wanted = self.stage == Stage::Draining || pin.is_some_and(|pin| pin.by == By::Operator);
        if !wanted && self.moves.too_many(target, now) {
            if self.capped.insert(target.clone()) {
                notes::capped(target, to);
                self.tell(ClusterEvent {
                    to: Some(to.clone()),
                    reason: notes::CAPPED.to_owned(),
                    ..ClusterEvent::of(EventKind::Abandoned, target)
                });
            }
            return;
        }
        self.capped.remove(target);
        let next = self.handoffs.begin(target, member, view, now);
        if let Next::Prepare { to, .. } = &next {
            self.tell(ClusterEvent {
                to: Some(to.who.node.clone()),
                ..ClusterEvent::of(EventKind::HandingOver, target)
            });
        }
        self.follow(target, next);
    }

    /// What time and lost members make of what is on its way.
    pub(super) fn follow_handoffs(&mut self, now: Instant) {
        let Some(membership) = self.membership.take() else {
            return;
        };
        let steps = self
            .handoffs
            .pass(|who, target| seen(&membership, who, target), now);
        self.incoming.pass(|who| is_alive(&membership, who), now);
        for (target, next) in steps {
            self.follow(&target, next);
        }
        self.membership = Some(membership);
    }

    /// Does what a handoff says comes next.
    pub(super) fn follow(&mut self, target: &TargetId, next: Next) {
        let target = target.clone();
        match next {
            Next::Nothing => {}
            Next::Prepare { to, number } => {
                let view = self.epoch();
                self.todo.push(Effect::Prepare {
                    target,
                    to,
                    number,
                    view,
                });
            }
            Next::Stop { number } => {
                self.stopping.insert(target.clone());
                self.todo.push(Effect::Stop { target, number });
            }
            Next::Commit { to, number } => {
                let view = self.epoch();
                let mut memory = self.memories.recall(&target);
                // What was read here is delivered from here.
                memory.values_mut().for_each(|stream| stream.pending.clear());
                self.todo.push(Effect::Commit {
                    moves: self.moves.ages(&target, Instant::now()),
                    target,
                    to,
                    memory,
                    number,
                    view,
                });
            }
            Next::Ask { to, number } => self.todo.push(Effect::Ask { target, to, number }),
            Next::Gone { to, took } => {
                notes::handed_over(&target, &to.node, took);
                self.metrics.handed_over(took);
                self.moves.left(&target, Instant::now());
                self.tell(ClusterEvent {
                    to: Some(to.node),
                    took: Some(took),
                    ..ClusterEvent::of(EventKind::HandedOver, &target)
                });
                self.owned.remove(&target);
                self.memories.release(&target);
            }
            Next::Kept {
                to,
                reason,
                restart,
                again_in,
            } => {
                notes::kept(&target, &to.node, &reason, again_in);
                self.metrics.moved(Move::Abandoned);
                self.tell(ClusterEvent {
                    to: Some(to.node),
                    reason,
                    ..ClusterEvent::of(EventKind::Abandoned, &target)
                });
                if restart && self.owned.contains_key(&target) {
                    self.todo.push(Effect::Start(target));
                }
            }
        }
    }

    /// Notices that the process was paused, or that the pulse is late: then no silence of others means
    /// anything.
    pub(super) fn notice_pause(&mut self, now: Instant) {
        let pauses = self.pulse.pauses();
        if pauses > self.pauses {
            self.pauses = pauses;
            self.roster.paused(now);
            self.claims.clear();
            let check = PauseCheck::new(pauses, self.membership.as_ref(), self.pause.take(), now);
            notes::paused(self.owned.len());
            self.pause = Some(check);
            self.fall_asleep(now);
        } else if self.pause.is_none() && !self.pulse.sure() {
            self.roster.paused(now);
        }
    }

    /// Asks the peers about us after a pause, and does what follows from what they say.
    pub(super) fn resolve_pause(&mut self, now: Instant) {
        let (Some(check), Some(membership)) = (&mut self.pause, &self.membership) else {
            return;
        };
        let pauses = check.pauses();
        match check.verdict(membership, now) {
            Verdict::Ask(members) => {
                let ask = |of| Effect::Confirm { pauses, of };
                self.todo.extend(members.into_iter().map(ask));
            }
            Verdict::Clear => {
                self.pause = None;
                self.pulse.confirm(pauses);
                notes::still_member();
            }
            Verdict::Excluded(by) => {
                self.pause = None;
                // The gate is empty before the pulse is sure again.
                self.let_go(
                    &format!("`{by}` had taken this node out of the ring while it was paused"),
                    Parting::Lost,
                    now,
                );
                self.pulse.confirm(pauses);
            }
        }
    }

    /// Asks other lives of our own node whether they live.
    pub(super) fn probe_rivals(&mut self, now: Instant) {
        let Some(membership) = &self.membership else {
            return;
        };
        let lives = self.rivals.due(&membership.rivals, &self.fixed.grpc_address, now);
        self.todo
            .extend(lives.into_iter().map(|life| Effect::Probe { life }));
    }

    fn probed(&mut self, life: &Incarnation, alive: bool) {
        match self.rivals.probed(life, alive, &self.fixed.me, self.stage) {
            Finding::Nothing => {}
            Finding::Newer { address } => notes::rival(life, &address),
            Finding::Fatal(failure) => self.fail(failure),
        }
    }
}
