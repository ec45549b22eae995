//! The view: a numbered ring of the members that take targets, made from the membership alone.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::Xxh3;

use crate::member::{Incarnation, Member, NodeId, State};
use crate::ring::{MAX_POINTS, Ring, RingMember};
use crate::roster::Membership;

/// A number has so many bits, so that JSON and floats hold it exactly.
const NUMBER_BITS: u32 = 48;

/// A numbered ring. Two nodes with the same members in it have the same number.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    number: u64,
    ring: Ring,
    lives: BTreeMap<NodeId, u64>,
}

impl View {
    /// Its number: a hash of who is in it, in which life and with how many points. Below 2^48 and never 0.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Who owns what.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Whether this life of the node is in it.
    pub fn contains(&self, who: &Incarnation) -> bool {
        self.lives.get(&who.node) == Some(&who.generation)
    }
}

/// The view that follows from the membership; `None` when there is nothing to change.
///
/// In it are the ready members, and the suspects that were in the view before: a moment's silence moves no
/// target. Without quorum the view stays as it is. There is no first view without a ready member, nor for a
/// node that has left.
pub fn next(previous: Option<&View>, membership: &Membership) -> Option<View> {
    if !membership.quorum {
        return None;
    }
    let takes_targets = |member: &&Member| match member.state {
        State::Ready => true,
        State::Suspect => previous.is_some_and(|view| view.contains(&member.who)),
        State::Joining | State::Draining | State::Dead => false,
    };
    let members: Vec<&Member> = membership.members.iter().filter(takes_targets).collect();
    let lives = members
        .iter()
        .map(|member| (member.who.node.clone(), member.who.generation))
        .collect();
    let mut points: Vec<RingMember> = members.iter().map(|member| ring_member(member)).collect();
    points.sort_unstable();
    match previous {
        Some(view) if view.lives == lives && view.ring.members() == points => return None,
        None if points.is_empty() || membership.mine().is_none() => return None,
        _ => {}
    }
    let ring = Ring::new(points);
    Some(View {
        number: number_of(&ring, &lives),
        ring,
        lives,
    })
}

fn ring_member(member: &Member) -> RingMember {
    RingMember {
        node: member.who.node.clone(),
        points: member.said.points.clamp(1, MAX_POINTS),
    }
}

fn number_of(ring: &Ring, lives: &BTreeMap<NodeId, u64>) -> u64 {
    let mut hash = Xxh3::new();
    for member in ring.members() {
        let name = member.node.as_str().as_bytes();
        hash.update(&(name.len() as u64).to_le_bytes());
        hash.update(name);
        hash.update(&lives.get(&member.node).copied().unwrap_or(0).to_le_bytes());
        hash.update(&member.points.to_le_bytes());
    }
    (hash.digest() >> (u64::BITS - NUMBER_BITS)).max(1)
}

#[cfg(test)]
mod tests;
