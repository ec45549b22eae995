//! The view: who owns what, made from what the group has committed and from who is there right now.
//!
//! The group says who has a seat, and under which number. Of the seats only those count whose life is here
//! and takes targets: so a loss or a drain moves targets at once, to those that stood by for them, and the
//! group confirms it a moment later. An addition counts when the group has committed it. The number is the
//! epoch: two nodes with one number may differ in who is there, never in who could be.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::member::{Incarnation, NodeId, State, TargetKey};
use crate::numbering::{Committed, Seat};
use crate::ring::{Place, Ring};
use crate::roster::Membership;

/// A committed view, and what of it is in force.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    committed: Arc<Committed>,
    /// Of the seats that count.
    ring: Ring,
    /// Pins to members of the ring.
    pins: BTreeMap<TargetKey, NodeId>,
    lives: BTreeMap<NodeId, u64>,
}

impl View {
    /// The view that follows from the newest committed one and the membership; `None` when there is nothing
    /// to change.
    ///
    /// Without quorum in the gossip nobody who was in the ring is lost, and nobody who was out of it comes
    /// back; there is no first view then, nor for a node that has left.
    pub fn next(
        previous: Option<&Self>,
        committed: Option<&Arc<Committed>>,
        membership: &Membership,
    ) -> Option<Self> {
        let committed = committed.or_else(|| previous.map(|view| &view.committed))?;
        // The number only rises, whatever comes.
        let older = previous.filter(|view| view.number() > committed.number);
        let committed = older.map_or(committed, |view| &view.committed);
        let same = previous.is_some_and(|view| view.number() == committed.number);
        if !membership.quorum && (same || previous.is_none()) {
            return None;
        }
        if previous.is_none() && membership.mine().is_none() {
            return None;
        }
        let counts = |seat: &&Seat| {
            if membership.quorum {
                takes_targets(seat, membership)
            } else {
                previous.is_some_and(|view| view.contains(&seat.who()) || !view.seats(&seat.who()))
            }
        };
        let seats: Vec<&Seat> = committed.seats.iter().filter(counts).collect();
        let lives: BTreeMap<NodeId, u64> = seats
            .iter()
            .map(|seat| (seat.node.clone(), seat.generation))
            .collect();
        if same && previous.is_some_and(|view| view.lives == lives) {
            return None;
        }
        let points = seats.iter().map(|seat| seat.on_ring());
        let pins = committed.pins.iter();
        let pins = pins.filter(|(_, pin)| lives.contains_key(&pin.to));
        Some(Self {
            committed: Arc::clone(committed),
            ring: Ring::new(points),
            pins: pins
                .map(|(target, pin)| (target.into(), pin.to.clone()))
                .collect(),
            lives,
        })
    }

    /// The number that the group gave it: 1 or more.
    pub fn number(&self) -> u64 {
        self.committed.number
    }

    /// What the group has committed.
    pub fn committed(&self) -> &Arc<Committed> {
        &self.committed
    }

    /// The ring of those that count. Pins go before it: ask [`place`](Self::place) for who owns what.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Whether this life of the node is in the ring.
    pub fn contains(&self, who: &Incarnation) -> bool {
        self.lives.get(&who.node) == Some(&who.generation)
    }

    /// Whether this life of the node has a seat, be it in the ring or not.
    fn seats(&self, who: &Incarnation) -> bool {
        let seat = self.committed.seat(&who.node);
        seat.is_some_and(|seat| seat.generation == who.generation)
    }

    /// Whether it puts every target where `other` does.
    pub fn places_like(&self, other: &Self) -> bool {
        self.lives == other.lives && self.ring == other.ring && self.pins == other.pins
    }

    /// Who owns the target and who stands by; `None` when nobody can.
    pub fn place(&self, target: TargetKey) -> Option<Place<'_>> {
        let Some(pinned) = self.pins.get(&target) else {
            return self.ring.place(target);
        };
        Some(Place {
            owner: pinned,
            standby: self.ring.walk(target).find(|node| *node != pinned),
        })
    }

    /// All members in the order in which they would own the target: to whom it is pinned, then as the ring
    /// goes.
    pub fn walk(&self, target: TargetKey) -> impl Iterator<Item = &NodeId> {
        let pinned = self.pins.get(&target);
        let others = self.ring.walk(target).filter(move |node| Some(*node) != pinned);
        pinned.into_iter().chain(others)
    }
}

/// Whether the life on this seat is here and takes targets. A moment's silence changes nothing.
fn takes_targets(seat: &Seat, membership: &Membership) -> bool {
    let member = membership.member(&seat.node);
    member.is_some_and(|member| {
        member.who.generation == seat.generation && matches!(member.state, State::Ready | State::Suspect)
    })
}

#[cfg(test)]
mod tests;
