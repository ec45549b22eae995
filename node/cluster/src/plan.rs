//! The plan: what to claim, to hand over and to stop, as a pure function of who is there, what they say they
//! own, and what we own ourselves.
//!
//! Each node makes its own plan, and no two do the same thing to one target: only the owner hands over or
//! stops, only whom the ring names claims, and it waits as long as anybody alive says that the target is
//! still its own.

use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use ringwatch_frame::TargetId;

use crate::member::{NodeId, State, TargetKey};
use crate::numbering::Seat;
use crate::ring::Ring;
use crate::roster::Membership;
use crate::view::View;

/// What we do with a target that is ours, or about to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holding {
    /// We own it.
    Steady,
    /// We own it, and a handoff is under way.
    HandingOver,
    /// We are claiming it, or took it so short a time ago that the words of the others are older than that.
    /// Nothing is planned for it yet.
    Starting,
}

/// All that a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// Who is there, and what they say.
    pub membership: &'a Membership,
    /// The present view.
    pub view: Option<&'a View>,
    /// The targets that are configured.
    pub targets: &'a BTreeMap<TargetKey, TargetId>,
    /// What is ours.
    pub mine: &'a BTreeMap<TargetId, Holding>,
    /// Whether this node may claim anything now: it takes part, and the group has a quorum or lost it a
    /// moment ago.
    pub can_claim: bool,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Nobody owns it and it falls to us.
    Claim(TargetId),
    /// It falls to another.
    HandOver {
        /// What is handed over.
        target: TargetId,
        /// To whom.
        to: NodeId,
    },
    /// It must not be ours any longer.
    Stop {
        /// What is stopped.
        target: TargetId,
        /// For what reason.
        why: Why,
    },
}

/// Why a target is stopped without being handed over.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// It is not configured any more.
    NotConfigured,
    /// This member owns it as well, and has the better right to it.
    OwnedByOther(NodeId),
}

impl Action {
    /// What it is done to.
    pub fn target(&self) -> &TargetId {
        match self {
            Self::Claim(target) | Self::HandOver { target, .. } | Self::Stop { target, .. } => target,
        }
    }
}

/// What to do now, sorted by target; at most one action for each.
pub fn plan(situation: &Situation<'_>) -> Vec<Action> {
    let owners = Owners::of(situation);
    let kept = situation
        .mine
        .iter()
        .filter(|(_, holding)| **holding == Holding::Steady)
        .filter_map(|(target, _)| for_ours(situation, &owners, target));
    let mut actions: Vec<Action> = kept.collect();
    if may_claim(situation) {
        actions.extend(claims(situation, &owners));
    }
    actions.sort_unstable_by(|a, b| a.target().cmp(b.target()));
    actions
}

/// For each of our targets who is to remember it beside us: the first other member, in the order of the view,
/// that is not dead. That is the standby, or the owner by the view where we are not.
pub fn heirs(
    membership: &Membership,
    view: Option<&View>,
    mine: &BTreeMap<TargetId, Holding>,
) -> BTreeMap<TargetId, NodeId> {
    let Some(view) = view else {
        return BTreeMap::new();
    };
    let fit = |node: &&NodeId| {
        **node != membership.me
            && membership
                .member(node)
                .is_some_and(|member| member.state != State::Dead)
    };
    let heir = |target: &TargetId| view.walk(TargetKey::from(target)).find(fit).cloned();
    mine.keys()
        .filter_map(|target| Some((target.clone(), heir(target)?)))
        .collect()
}

/// A member that says that it owns a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Owner<'a> {
    key: TargetKey,
    node: &'a NodeId,
    state: State,
    /// The number of its view.
    view: u64,
}

/// What the other members that are not dead say they own of our targets.
struct Owners<'a> {
    /// Sorted.
    all: Vec<Owner<'a>>,
    /// The ring of all that the view has seats for, whoever this node misses: it is the same for all who know the view.
    seated: OnceCell<Ring>,
}

impl<'a> Owners<'a> {
    fn of(situation: &Situation<'a>) -> Self {
        let mut owners = Vec::new();
        for member in situation.membership.others_alive() {
            // Of what is not configured here nothing is planned, so that foreign keys cost no more than this
            // look.
            let known = member
                .said
                .owned
                .iter()
                .filter(|key| situation.targets.contains_key(key));
            owners.extend(known.map(|key| Owner {
                key: *key,
                node: &member.who.node,
                state: member.state,
                view: member.said.view,
            }));
        }
        owners.sort_unstable();
        Self {
            all: owners,
            seated: OnceCell::new(),
        }
    }

    /// The place of a node in the order in which the target is the members' by the view; behind them come the others, by
    /// name.
    fn rank(&self, view: &View, target: &TargetId, node: &NodeId) -> (usize, NodeId) {
        let committed = view.committed();
        let seated = self
            .seated
            .get_or_init(|| Ring::new(committed.seats.iter().map(Seat::on_ring)));
        let pinned = committed.pins.get(target).is_some_and(|pin| pin.to == *node);
        let mut walk = seated.walk(TargetKey::from(target));
        let place = walk.position(|seated| seated == node).unwrap_or(usize::MAX);
        (if pinned { 0 } else { place.saturating_add(1) }, node.clone())
    }

    fn of_target(&self, key: TargetKey) -> &[Owner<'a>] {
        let from = self.all.partition_point(|owner| owner.key < key);
        let rest = self.all.get(from..).unwrap_or_default();
        rest.get(..rest.partition_point(|owner| owner.key == key))
            .unwrap_or_default()
    }
}

/// What to do with a target that we own; `None`: keep it.
fn for_ours(situation: &Situation<'_>, owners: &Owners<'_>, target: &TargetId) -> Option<Action> {
    let key = TargetKey::from(target);
    if situation.targets.get(&key) != Some(target) {
        return Some(Action::Stop {
            target: target.clone(),
            why: Why::NotConfigured,
        });
    }
    let membership = situation.membership;
    let view = situation.view?;
    let owner = view.place(key).map(|place| place.owner);
    if let Some(other) = better_owner(view, &membership.me, target, owners) {
        return Some(Action::Stop {
            target: target.clone(),
            why: Why::OwnedByOther(other.clone()),
        });
    }
    let to = membership
        .member(owner.filter(|owner| **owner != membership.me)?)
        .filter(|owner| owner.state == State::Ready)?;
    Some(Action::HandOver {
        target: target.clone(),
        to: to.who.node.clone(),
    })
}

/// Of the others that own the target too, the one with the best right to it, where that is better than ours: the newer
/// view, then its order. So of several owners exactly one goes on, though they learn of views and of each other at
/// different times: who stops has seen a view of the other that is no older than its own, and of two nodes that both
/// stopped each would have had the newer one. A suspect is not believed: what it said may be long ago.
fn better_owner<'a>(view: &View, me: &NodeId, target: &TargetId, owners: &Owners<'a>) -> Option<&'a NodeId> {
    let others = owners.of_target(TargetKey::from(target)).iter();
    let right = |number: u64, node: &NodeId| (number, Reverse(owners.rank(view, target, node)));
    let alive = others.filter(|owner| owner.state != State::Suspect);
    let best = alive.max_by_key(|owner| right(owner.view, owner.node))?;
    (right(best.view, best.node) > right(view.number(), me)).then_some(best.node)
}

/// Whether this node may take what nobody has: it is at work, sees most of the others, and knows what they
/// own.
fn may_claim(situation: &Situation<'_>) -> bool {
    let membership = situation.membership;
    let ready = membership.mine().is_some_and(|mine| mine.state == State::Ready);
    situation.can_claim && membership.quorum && membership.unheard.is_empty() && ready
}

/// The targets that are ours by the view and that nobody has.
fn claims<'a>(
    situation: &'a Situation<'_>,
    owners: &'a Owners<'_>,
) -> impl Iterator<Item = Action> + use<'a> {
    let falls_to_us = |key: TargetKey| {
        let place = situation.view.and_then(|view| view.place(key));
        place.is_some_and(|place| *place.owner == situation.membership.me)
    };
    let free = |key: TargetKey, target: &TargetId| {
        !situation.mine.contains_key(target) && owners.of_target(key).is_empty()
    };
    let targets = situation.targets.iter();
    targets
        .filter(move |(key, target)| falls_to_us(**key) && free(**key, target))
        .map(|(_, target)| Action::Claim(target.clone()))
}

#[cfg(test)]
mod tests;
