//! The plan: what to claim, to hand over and to stop, as a pure function of who is there, what they say they
//! own, and what we own ourselves.
//!
//! Each node makes its own plan, and no two do the same thing to one target: only the owner hands over or
//! stops, only whom the ring names claims, and it waits as long as anybody alive says that the target is
//! still its own.

use std::collections::BTreeMap;

use ringwatch_frame::TargetId;

use crate::member::{NodeId, State, TargetKey};
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

/// What the other members that are not dead say they own of our targets, sorted.
struct Owners<'a>(Vec<(TargetKey, &'a NodeId, State)>);

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
            owners.extend(known.map(|key| (*key, &member.who.node, member.state)));
        }
        owners.sort_unstable();
        Self(owners)
    }

    fn of_target(&self, key: TargetKey) -> &[(TargetKey, &'a NodeId, State)] {
        let from = self.0.partition_point(|(other, ..)| *other < key);
        let rest = self.0.get(from..).unwrap_or_default();
        rest.get(..rest.partition_point(|(other, ..)| *other == key))
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
    if owner == Some(&membership.me) {
        return None;
    }
    if let Some(other) = better_owner(view, &membership.me, key, owners.of_target(key)) {
        return Some(Action::Stop {
            target: target.clone(),
            why: Why::OwnedByOther(other.clone()),
        });
    }
    let to = membership
        .member(owner?)
        .filter(|owner| owner.state == State::Ready)?;
    Some(Action::HandOver {
        target: target.clone(),
        to: to.who.node.clone(),
    })
}

/// Of the others that own the target too, the first one that comes before us in the order of the view; after
/// the ring come those that are not in it, by name. So of several owners exactly one goes on. A suspect is
/// not believed: what it said may be long ago.
fn better_owner<'a>(
    view: &View,
    me: &NodeId,
    key: TargetKey,
    owners: &[(TargetKey, &'a NodeId, State)],
) -> Option<&'a NodeId> {
    let alive = || {
        owners
            .iter()
            .filter(|(_, _, state)| *state != State::Suspect)
            .map(|(_, node, _)| *node)
    };
    // Nearly always nobody else owns it, and there is no need to walk.
    alive().next()?;
    for member in view.walk(key) {
        if member == me {
            return None;
        }
        if let Some(owner) = alive().find(|node| *node == member) {
            return Some(owner);
        }
    }
    alive().filter(|node| *node < me).min()
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
