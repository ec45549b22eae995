//! How the steering deals with the group: what it has committed, what is proposed to it, and what operators
//! order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::TargetId;
use tokio::time::Instant;

use super::effect::Effect;
use super::notes;
use super::orders::{Moved, Order, OrderError, Rebalanced};
use super::steer::Steering;
use crate::member::{Incarnation, NodeId, State, TargetKey};
use crate::numbering::{Announced, By, Committed, GroupStanding, NotCommitted, Pin, names};
use crate::peer::Refused;
use crate::roster::Membership;
use crate::view::View;
use crate::views::{self, Outlook, Proposal};

/// So long after the quorum was lost targets are still claimed: an election takes less.
pub(crate) const GRACE: Duration = Duration::from_secs(5);
/// After a proposal that failed.
const REST: Duration = Duration::from_millis(200);
/// Orders that wait for a proposal under way.
const MOST_ORDERS: usize = 16;
/// A group does not hold more.
const MOST_PINS: usize = 10_000;
/// An epoch that is so far above our view is not believed: no node is so far behind.
const AHEAD: u64 = 1_000;

/// What a step sees of the group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub(crate) committed: Option<Arc<Committed>>,
    pub(crate) standing: GroupStanding,
    pub(crate) weights: Arc<BTreeMap<TargetId, f64>>,
    pub(crate) rebalances: bool,
    pub(crate) announced: Announced,
}

/// What is known of the group, and under way with it.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    pub(super) group: Group,
    /// When it was last seen to have a quorum.
    quorum: Option<Instant>,
    memory: views::Memory,
    flying: Option<Flying>,
    /// The highest number that the group has said yes to.
    accepted: u64,
    /// Nothing is proposed before.
    rests: Option<Instant>,
    orders: VecDeque<Order>,
    /// The highest epoch of those that handed targets to us, or died.
    epoch: u64,
}

/// A proposal under way.
#[derive(Debug)]
struct Flying {
    number: u64,
    /// The order that it carries out.
    order: Option<Order>,
}

impl Numbers {
    pub(super) fn look(&mut self, group: Group, now: Instant) {
        if group.standing.quorum {
            self.quorum = Some(now);
        }
        self.group = group;
    }

    /// Whether the group has a quorum, or lost it a moment ago.
    pub(super) fn may_claim(&self, now: Instant) -> bool {
        self.quorum.is_some_and(|at| now < at + GRACE)
    }

    pub(super) fn is_pending(&self) -> bool {
        self.memory.is_pending() || !self.orders.is_empty()
    }

    /// What keeps the first view from coming, for operators.
    pub(super) fn waits_for(&self) -> String {
        let standing = &self.group.standing;
        let waiting = standing.waiting.clone();
        match () {
            () if !standing.founded => waiting.unwrap_or_else(|| "the group is not founded yet".into()),
            () if !standing.quorum => {
                format!(
                    "the group has no quorum, missing voters: {}",
                    names(&standing.missing)
                )
            }
            () => "the group has not numbered the first view yet".into(),
        }
    }
}

impl Steering {
    /// The epoch of all that this node does: the number of its view, or a higher one under which a target
    /// that came here was read before.
    pub(super) fn epoch(&self) -> u64 {
        self.number().max(self.numbers.epoch)
    }

    /// The number of our view; 0: there is none yet.
    pub(super) fn number(&self) -> u64 {
        self.view.as_ref().map_or(0, View::number)
    }

    /// What comes here was read under this epoch: it must not fall.
    pub(super) fn raise_epoch(&mut self, epoch: u64) {
        if epoch <= self.number() + AHEAD {
            self.numbers.epoch = self.numbers.epoch.max(epoch);
        }
    }

    /// An operator orders something. Call [`Steering::step`] after it.
    pub(crate) fn order(&mut self, order: Order) {
        if self.numbers.orders.len() < MOST_ORDERS {
            self.numbers.orders.push_back(order);
        } else {
            refuse(order, OrderError::Busy);
        }
    }

    /// Proposes what the group should number next, if this node leads it.
    pub(super) fn propose(&mut self, now: Instant) {
        self.numbers.orders.retain(|order| !order.is_closed());
        let committed = self
            .numbers
            .group
            .committed
            .as_ref()
            .map_or(0, |view| view.number);
        let waits = self.numbers.flying.is_some()
            || committed < self.numbers.accepted
            || self.numbers.rests.is_some_and(|until| now < until);
        if waits || !self.may_act() {
            return;
        }
        let Some(membership) = self.membership.take() else {
            return;
        };
        let mut proposed = None;
        while proposed.is_none()
            && let Some(order) = self.numbers.orders.pop_front()
        {
            proposed = self.carry_out(order, &membership, now);
        }
        let proposed = proposed.or_else(|| {
            let mut memory = std::mem::take(&mut self.numbers.memory);
            let next = views::next(&self.outlook(&membership, now), &mut memory);
            self.numbers.memory = memory;
            Some((next?, None))
        });
        self.membership = Some(membership);
        if let Some((Proposal { view, reason }, order)) = proposed {
            notes::proposes(&view, &reason);
            let number = view.number;
            self.numbers.flying = Some(Flying { number, order });
            self.todo.push(Effect::Number { view, reason });
        }
    }

    /// The group has said what became of a proposal.
    pub(super) fn numbered(&mut self, number: u64, answer: Result<(), NotCommitted>, now: Instant) {
        let Some(flying) = self.numbers.flying.take_if(|flying| flying.number == number) else {
            return;
        };
        let Err(error) = answer else {
            self.numbers.accepted = self.numbers.accepted.max(number);
            match flying.order {
                Some(Order::Move { reply, .. }) => drop(reply.send(Ok(number))),
                Some(Order::Offer { target, reply, .. }) => {
                    self.numbers.memory.hold(target, now);
                    let _ = reply.send(Ok(()));
                }
                Some(Order::Rebalance { .. }) | None => {}
            }
            return;
        };
        notes::not_numbered(number, &error);
        self.numbers.rests = Some(now + REST);
        match (flying.order, error) {
            // What was committed before it is about to come here; then it is done on top of that.
            (Some(order), NotCommitted::Overtaken { .. }) => self.numbers.orders.push_front(order),
            (Some(order), error) => refuse(order, error.into()),
            (None, _) => {}
        }
    }

    fn outlook<'a>(&'a self, membership: &'a Membership, now: Instant) -> Outlook<'a> {
        let group = &self.numbers.group;
        Outlook {
            committed: group.committed.as_deref(),
            view: self.view.as_ref(),
            membership,
            standing: &group.standing,
            targets: &self.targets,
            weights: &group.weights,
            rebalances: group.rebalances,
            now,
        }
    }

    /// Answers an order, or gives the proposal that carries it out.
    fn carry_out(
        &mut self,
        order: Order,
        membership: &Membership,
        now: Instant,
    ) -> Option<(Proposal, Option<Order>)> {
        let committed = match self.for_orders() {
            Ok(committed) => committed,
            Err(error) => {
                refuse(order, error);
                return None;
            }
        };
        match order {
            Order::Rebalance { dry_run, reply } => {
                let plan = views::rebalanced(&self.outlook(membership, now)).unwrap_or_default();
                if !dry_run {
                    self.numbers.memory.rebalance(now);
                }
                let _ = reply.send(Ok(told(plan)));
                None
            }
            Order::Offer {
                target,
                from,
                to,
                reply,
            } => match self.offered_to(&committed, (&target, &from, &to), membership, now) {
                Ok(proposal) => {
                    let order = Order::Offer {
                        target,
                        from,
                        to,
                        reply,
                    };
                    Some((proposal, Some(order)))
                }
                Err(error) => {
                    notes::not_offered(&target, &from, &to, &error);
                    // Who has given up needs no answer.
                    let _ = reply.send(Err(Refused::Because(error.to_string())));
                    None
                }
            },
            Order::Move { target, to, reply } => {
                match self.pinned(&committed, &target, to.as_ref(), membership) {
                    Ok(Some(proposal)) => Some((proposal, Some(Order::Move { target, to, reply }))),
                    Ok(None) => {
                        let _ = reply.send(Ok(committed.number));
                        None
                    }
                    Err(error) => {
                        let _ = reply.send(Err(error));
                        None
                    }
                }
            }
        }
    }

    /// The present view, if this node can have the next one numbered.
    fn for_orders(&self) -> Result<Arc<Committed>, OrderError> {
        let standing = &self.numbers.group.standing;
        if !standing.founded {
            return Err(OrderError::NoView(self.numbers.waits_for()));
        }
        if !standing.quorum {
            let missing = standing.missing.clone();
            return Err(OrderError::NoQuorum { missing });
        }
        if !standing.leads {
            let leader = standing.leader.clone();
            return Err(OrderError::NotLeader { leader });
        }
        let committed = self.numbers.group.committed.clone();
        committed.ok_or_else(|| OrderError::NoView(self.numbers.waits_for()))
    }

    /// The view in which a target is pinned to its standby, because its owner cannot reach it.
    fn offered_to(
        &self,
        committed: &Committed,
        (target, from, to): (&TargetId, &NodeId, &NodeId),
        membership: &Membership,
        now: Instant,
    ) -> Result<Proposal, OrderError> {
        if !self.targets.contains_key(&TargetKey::from(target)) {
            return Err(OrderError::UnknownTarget(target.clone()));
        }
        let pin = committed.pins.get(target);
        if pin.is_some_and(|pin| pin.by == By::Operator) {
            return Err(OrderError::Stays("an operator has pinned it"));
        }
        if self.numbers.memory.holds(target, now) {
            return Err(OrderError::Stays("it was moved for this reason a short time ago"));
        }
        takes(committed, target, to, membership)?;
        let mut pins = committed.pins.clone();
        // Of this kind, because older versions know no other that nobody but the load has set.
        let pin = Pin {
            to: to.clone(),
            by: By::Load,
        };
        pins.insert(target.clone(), pin);
        let view = Committed {
            number: committed.number + 1,
            seats: committed.seats.clone(),
            pins,
        };
        Ok(Proposal {
            view,
            reason: format!("{target} goes to {to}: {from} cannot reach it"),
        })
    }

    /// The view with a target pinned, or not pinned any more; `None`: it is so already.
    fn pinned(
        &self,
        committed: &Committed,
        target: &TargetId,
        to: Option<&NodeId>,
        membership: &Membership,
    ) -> Result<Option<Proposal>, OrderError> {
        let known = self.targets.contains_key(&TargetKey::from(target));
        if !known && !committed.pins.contains_key(target) {
            return Err(OrderError::UnknownTarget(target.clone()));
        }
        let mut pins = committed.pins.clone();
        let reason = match to {
            Some(node) => {
                takes(committed, target, node, membership)?;
                let pin = Pin {
                    to: node.clone(),
                    by: By::Operator,
                };
                pins.insert(target.clone(), pin);
                format!("{target} is moved to {node} by an operator")
            }
            None => {
                pins.remove(target);
                format!("the pin of {target} is taken away by an operator")
            }
        };
        if pins == committed.pins {
            return Ok(None);
        }
        let view = Committed {
            number: committed.number + 1,
            seats: committed.seats.clone(),
            pins,
        };
        Ok(Some(Proposal { view, reason }))
    }
}

/// Whether a target may be pinned to `node`.
fn takes(
    committed: &Committed,
    target: &TargetId,
    node: &NodeId,
    membership: &Membership,
) -> Result<(), OrderError> {
    let takes = |who: &Incarnation| {
        let member = membership.member(&who.node);
        member.is_some_and(|member| member.who == *who && member.state == State::Ready)
    };
    let ready = committed.seats.iter().filter(|seat| takes(&seat.who()));
    let ready: Vec<NodeId> = ready.map(|seat| seat.node.clone()).collect();
    if !ready.contains(node) {
        let node = node.clone();
        return Err(OrderError::NotReady { node, ready });
    }
    let pins = &committed.pins;
    if pins.len() >= MOST_PINS && !pins.contains_key(target) {
        return Err(OrderError::TooManyPins(pins.len()));
    }
    Ok(())
}

/// Tells who waits for an order why it is not carried out. Who has given up needs no answer.
fn refuse(order: Order, error: OrderError) {
    match order {
        Order::Move { reply, .. } => drop(reply.send(Err(error))),
        Order::Rebalance { reply, .. } => drop(reply.send(Err(error))),
        Order::Offer { reply, .. } => drop(reply.send(Err(Refused::Because(error.to_string())))),
    }
}

fn told(plan: views::balance::Plan) -> Rebalanced {
    let moves = plan.moves.into_iter().map(|step| Moved {
        target: step.target,
        from: step.from,
        to: step.to,
        weight: step.weight,
    });
    Rebalanced {
        moves: moves.collect(),
        before: plan.before,
        after: plan.after,
    }
}

#[cfg(test)]
mod tests;
