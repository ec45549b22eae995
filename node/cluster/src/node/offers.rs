//! Targets that this node cannot reach and its standby can: they are offered to it, by way of the leader.

use std::collections::BTreeMap;
use std::time::Duration;

use ringwatch_frame::TargetId;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::effect::Effect;
use super::orders::Order;
use super::steer::Steering;
use crate::member::{Incarnation, NodeId, State, TargetKey};
use crate::peer::Refused;

/// How often an offer is made again.
const AGAIN: Duration = Duration::from_secs(5);
/// So long an offer that comes to nothing is made.
const AT_MOST: Duration = Duration::from_secs(300);

/// Targets that cannot be reached from here.
#[derive(Debug, Default)]
pub(super) struct Offers(BTreeMap<TargetId, Offer>);

#[derive(Debug)]
struct Offer {
    /// Neither what was read here before nor what was covered before counts.
    since: Instant,
    made: Option<Instant>,
}

impl Offers {
    /// A target cannot be reached.
    pub(super) fn add(&mut self, target: TargetId, now: Instant) {
        self.0.entry(target).or_insert(Offer {
            since: now,
            made: None,
        });
    }

    pub(super) fn is_pending(&self) -> bool {
        !self.0.is_empty()
    }
}

impl Steering {
    /// Offers what cannot be reached to who stands by for it, until it is gone or was read again.
    pub(super) fn make_offers(&mut self, now: Instant) {
        let mut offers = std::mem::take(&mut self.offers);
        offers.0.retain(|target, offer| {
            self.owned.contains_key(target)
                && now < offer.since + AT_MOST
                && !self.memories.was_read_since(target, offer.since)
        });
        for (target, offer) in &mut offers.0 {
            // A server that refuses everybody stays where it is.
            let reached = self.memories.was_covered_since(target, offer.since);
            let due = reached && offer.made.is_none_or(|made| now >= made + AGAIN);
            if due && self.may_act() && !self.handoffs.is_active(target) {
                offer.made = Some(now);
                self.make_offer(target);
            }
        }
        self.offers = offers;
    }

    fn make_offer(&mut self, target: &TargetId) {
        let Some(membership) = &self.membership else {
            return;
        };
        let heir = self.memories.heir_in_reach(target).map(|heir| heir.who.node);
        let ready = |node: &NodeId| {
            let member = membership.member(node);
            member.is_some_and(|member| member.state == State::Ready)
        };
        let Some(heir) = heir.filter(ready) else {
            return;
        };
        let standing = &self.numbers.group.standing;
        if standing.leads {
            // The answer is the next view, or the log line of the refusal.
            let (reply, _) = oneshot::channel();
            self.order(Order::Offer {
                target: target.clone(),
                from: self.fixed.me.node.clone(),
                to: heir,
                reply,
            });
            return;
        }
        let leader = standing
            .leader
            .as_ref()
            .and_then(|leader| membership.member(leader));
        if let Some(leader) = leader {
            self.todo.push(Effect::Offer {
                to: leader.clone(),
                target: target.clone(),
                heir,
            });
        }
    }

    /// A member offers a target that it cannot reach.
    pub(super) fn offer(
        &mut self,
        from: &Incarnation,
        target: TargetId,
        heir: NodeId,
        reply: oneshot::Sender<Result<(), Refused>>,
    ) {
        let membership = self.membership.as_ref();
        let member = membership.and_then(|membership| membership.member(&from.node));
        let key = TargetKey::from(&target);
        let owns =
            member.is_some_and(|member| member.who == *from && member.said.owned.binary_search(&key).is_ok());
        if !owns {
            let reason = "the caller does not own the target".to_owned();
            // Who has given up needs no answer.
            let _ = reply.send(Err(Refused::Because(reason)));
            return;
        }
        self.order(Order::Offer {
            target,
            from: from.node.clone(),
            to: heir,
            reply,
        });
    }
}
