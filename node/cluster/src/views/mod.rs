//! The next view: what the node that leads proposes to the group, as a pure function of who is there, how
//! the load is, and what it remembers of the moments before.
//!
//! Who is lost goes out at once. Who comes waits a moment, so that many who come together come in one view.
//! The load is evened out when somebody comes, and looked at again every ten minutes; few targets move at a
//! time.

pub mod balance;
mod pins;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ringwatch_frame::TargetId;
use tokio::time::Instant;

use crate::member::{NodeId, State, TargetKey};
use crate::numbering::{By, Committed, GroupStanding, Pin, Seat};
use crate::ring::MAX_POINTS;
use crate::roster::Membership;
use crate::view::View;
use balance::{Load, Plan};

/// Who is lost for so long goes out: others that are lost with it go in the same view.
const LOST: Duration = Duration::from_millis(50);
/// Who comes is waited for so long after the last one that came.
const COMES: Duration = Duration::from_millis(300);
/// Nobody who comes waits longer than this.
const COMES_AT_MOST: Duration = Duration::from_secs(1);
/// A new leader waits so long to meet those with a seat.
const MEETS: Duration = Duration::from_secs(10);
/// How often the load is looked at while nobody comes.
pub const REBALANCE: Duration = Duration::from_secs(600);
/// By which part the highest load must fall to move targets for the load alone.
const GAIN: f64 = 0.1;
/// So many targets are moved for the load by one view.
pub const AT_ONCE: usize = 4;
/// So many views one after the other move targets for the load; then it rests.
const MOST_IN_ROW: usize = 64;
/// The next are moved when these have arrived, or after this time.
const SETTLES: Duration = Duration::from_secs(60);
/// A target that its former owner could not reach does not go back before.
const HELD: Duration = Duration::from_secs(300);
/// An operator's pin waits for its node so long.
const AWAY: Duration = Duration::from_secs(600);
/// A view has no more seats than this.
const MOST_SEATS: usize = 1_000;

/// All that the next view is made from.
#[derive(Clone, Copy, Debug)]
pub struct Outlook<'a> {
    /// The newest committed view.
    pub committed: Option<&'a Committed>,
    /// What of it is in force here.
    pub view: Option<&'a View>,
    /// Who is there.
    pub membership: &'a Membership,
    /// How the group is.
    pub standing: &'a GroupStanding,
    /// The targets that are configured.
    pub targets: &'a BTreeMap<TargetKey, TargetId>,
    /// What each target costs.
    pub weights: &'a BTreeMap<TargetId, f64>,
    /// Whether targets may be moved for the load without an operator's word.
    pub rebalances: bool,
    /// The time.
    pub now: Instant,
}

/// A view to be proposed.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The view.
    pub view: Committed,
    /// What has changed, for the log.
    pub reason: String,
}

/// What the leader remembers from one look to the next. It begins anew with every leader.
#[derive(Debug, Default)]
pub struct Memory {
    /// Nodes with a seat that this node has met since its start. Others it may not have met yet.
    met: BTreeSet<NodeId>,
    leading: Leading,
}

/// What is remembered while this node leads.
#[derive(Debug, Default)]
struct Leading {
    since: Option<Instant>,
    /// Since when somebody is lost that has a seat.
    lost: Option<Instant>,
    comes: Option<Comes>,
    load: Option<LoadMemory>,
    /// Nodes with pins of an operator that have no seat, each since when.
    away: BTreeMap<NodeId, Instant>,
    /// Targets that stay where they are, each since when.
    held: BTreeMap<TargetId, Instant>,
}

impl Leading {
    fn holds(&self, target: &TargetId, now: Instant) -> bool {
        self.held.get(target).is_some_and(|since| now < *since + HELD)
    }

    /// The targets that stay where they are.
    fn held(&self, now: Instant) -> BTreeSet<TargetId> {
        let held = self.held.keys().filter(|target| self.holds(target, now));
        held.cloned().collect()
    }
}

/// Who waits for a seat.
#[derive(Debug)]
struct Comes {
    seats: Vec<Seat>,
    first: Instant,
    last: Instant,
}

#[derive(Debug)]
struct LoadMemory {
    /// When it is looked at next.
    due: Instant,
    /// Targets are being moved, and more may have to be: so many views more.
    more: usize,
    /// An operator wants it: also where nothing moves by itself.
    ordered: bool,
}

impl LoadMemory {
    /// Nothing is being moved; it is looked at again in a while.
    fn later(now: Instant) -> Self {
        Self {
            due: now + REBALANCE,
            more: 0,
            ordered: false,
        }
    }
}

impl Memory {
    /// An operator wants the load evened out now.
    pub fn rebalance(&mut self, now: Instant) {
        self.leading.load = Some(LoadMemory {
            due: now,
            more: MOST_IN_ROW,
            ordered: true,
        });
    }

    /// A target went where it is because its owner could not reach it: it stays there for a while.
    pub fn hold(&mut self, target: TargetId, now: Instant) {
        self.leading.held.retain(|_, since| now < *since + HELD);
        self.leading.held.insert(target, now);
    }

    /// Whether a target went where it is for such a reason a short time ago.
    pub fn holds(&self, target: &TargetId, now: Instant) -> bool {
        self.leading.holds(target, now)
    }

    /// Whether something waits for a short time to pass.
    pub fn is_pending(&self) -> bool {
        let leading = &self.leading;
        let moving = leading.load.as_ref().is_some_and(|load| load.more > 0);
        leading.lost.is_some() || leading.comes.is_some() || moving
    }

    /// Notes whom this node knows of those with a seat.
    fn meet(&mut self, outlook: &Outlook<'_>) {
        let seats = outlook.committed.map_or(&[][..], |view| view.seats.as_slice());
        let met = |node: &NodeId| self.met.contains(node) || outlook.membership.member(node).is_some();
        self.met = seats
            .iter()
            .map(|seat| &seat.node)
            .filter(|node| met(node))
            .cloned()
            .collect();
    }
}

/// The view to propose now, if there is one. Only who leads a group with quorum proposes, and only with a
/// majority of all nodes in sight.
pub fn next(outlook: &Outlook<'_>, memory: &mut Memory) -> Option<Proposal> {
    let group = outlook.standing;
    memory.meet(outlook);
    if !(group.leads && group.quorum && group.founded && outlook.membership.quorum) {
        memory.leading = Leading::default();
        return None;
    }
    let Memory { met, leading: memory } = memory;
    memory.since.get_or_insert(outlook.now);
    memory.load.get_or_insert_with(|| LoadMemory::later(outlook.now));
    match seats(outlook, met, memory) {
        Seats::Change(seats) => Some(with_seats(outlook, memory, seats)),
        Seats::Wait => None,
        Seats::Same => for_the_load(outlook, memory),
    }
}

enum Seats {
    Same,
    /// Somebody has come or gone a moment ago.
    Wait,
    Change(Vec<Seat>),
}

/// Who has a seat in the next view.
fn seats(outlook: &Outlook<'_>, met: &BTreeSet<NodeId>, memory: &mut Leading) -> Seats {
    let now = outlook.now;
    let present = outlook.committed.map_or(&[][..], |view| view.seats.as_slice());
    let wanted = wanted(outlook);
    // Whom this node has not met since it started is not lost for that.
    let patient = memory.since.is_none_or(|since| now < since + MEETS);
    let unmet = |seat: &Seat| patient && !met.contains(&seat.node);
    let stays = |seat: &&Seat| unmet(seat) || wanted.iter().any(|other| other.who() == seat.who());
    let (kept, lost): (Vec<&Seat>, Vec<&Seat>) = present.iter().partition(stays);
    let comes: Vec<Seat> = wanted
        .iter()
        .filter(|seat| !present.contains(seat))
        .cloned()
        .collect();
    // Nobody else could come or go at the same time.
    let alone = outlook.membership.members.len() == 1;
    let lost_due = due_lost(memory, !lost.is_empty(), now) || (alone && !lost.is_empty());
    let comes_due = due_comes(memory, &comes, now) || (alone && !comes.is_empty());
    if !lost_due && !comes_due {
        return if lost.is_empty() && comes.is_empty() {
            Seats::Same
        } else {
            Seats::Wait
        };
    }
    let mut next: BTreeMap<NodeId, Seat> = BTreeMap::new();
    let mut add = |seat: &Seat| next.insert(seat.node.clone(), seat.clone());
    kept.into_iter().for_each(|seat| drop(add(seat)));
    if !lost_due {
        lost.into_iter().for_each(|seat| drop(add(seat)));
    }
    if comes_due {
        comes.iter().for_each(|seat| drop(add(seat)));
    }
    // The last one keeps its seat though it goes: an empty view would say nothing.
    if next.is_empty() {
        return Seats::Same;
    }
    let next: Vec<Seat> = next.into_values().take(MOST_SEATS).collect();
    let is_same = outlook.committed.is_some_and(|view| view.seats == next);
    if is_same { Seats::Same } else { Seats::Change(next) }
}

/// Who is to have a seat, sorted by node: who takes targets, and who is silent only for a moment.
fn wanted(outlook: &Outlook<'_>) -> Vec<Seat> {
    let seat = |member: &crate::member::Member| {
        let present = outlook
            .committed
            .and_then(|view| view.seat(&member.who.node))
            .filter(|seat| seat.generation == member.who.generation);
        match member.state {
            State::Ready => Some(Seat {
                node: member.who.node.clone(),
                generation: member.who.generation,
                points: member.said.points.clamp(1, MAX_POINTS),
            }),
            State::Suspect => present.cloned(),
            State::Joining | State::Draining | State::Dead => None,
        }
    };
    outlook.membership.members.iter().filter_map(seat).collect()
}

fn due_lost(memory: &mut Leading, any: bool, now: Instant) -> bool {
    if !any {
        memory.lost = None;
        return false;
    }
    now >= *memory.lost.get_or_insert(now) + LOST
}

fn due_comes(memory: &mut Leading, seats: &[Seat], now: Instant) -> bool {
    if seats.is_empty() {
        memory.comes = None;
        return false;
    }
    let comes = memory.comes.get_or_insert_with(|| Comes {
        seats: seats.to_vec(),
        first: now,
        last: now,
    });
    if comes.seats != seats {
        comes.seats = seats.to_vec();
        comes.last = now;
    }
    now >= (comes.last + COMES).min(comes.first + COMES_AT_MOST)
}

/// The view with these seats, with the load evened out if somebody comes.
fn with_seats(outlook: &Outlook<'_>, memory: &mut Leading, seats: Vec<Seat>) -> Proposal {
    let present = outlook.committed.map_or(&[][..], |view| view.seats.as_slice());
    let lives = |seats: &[Seat]| seats.iter().map(Seat::who).collect::<BTreeSet<_>>();
    let (before, after) = (lives(present), lives(&seats));
    let (mut comes, mut goes) = (after.difference(&before), before.difference(&after));
    let mut pins = pins::kept(outlook, memory, &seats);
    if after.difference(&before).next().is_some() && outlook.rebalances {
        let plan = balance(outlook, &seats, &pins, &memory.held(outlook.now));
        plan.take(AT_ONCE, &mut pins);
        memory.load = (!plan.moves.is_empty()).then_some(LoadMemory {
            due: outlook.now,
            more: MOST_IN_ROW,
            ordered: false,
        });
    }
    let reason = match (outlook.committed, comes.next(), goes.next()) {
        (None, ..) => "the first view".to_owned(),
        (_, Some(who), None) => format!("{} {}", who.node, more(comes.count(), "has come")),
        (_, None, Some(who)) => format!("{} {}", who.node, more(goes.count(), "is gone")),
        (_, Some(_), Some(_)) => "members have come and gone".to_owned(),
        (_, None, None) => "members changed their weight".to_owned(),
    };
    proposal(outlook, seats, pins, reason)
}

fn more(others: usize, what: &str) -> String {
    if others == 0 {
        what.to_owned()
    } else {
        format!("and {others} more: {what}")
    }
}

/// The view with other pins, where the load asks for it.
fn for_the_load(outlook: &Outlook<'_>, memory: &mut Leading) -> Option<Proposal> {
    let present = outlook.committed?;
    let kept = pins::kept(outlook, memory, &present.seats);
    let now = outlook.now;
    let held = memory.held(now);
    let load = memory.load.as_mut()?;
    let allowed = outlook.rebalances || load.ordered;
    if now < load.due || !allowed || !(settled(outlook) || now >= load.due + SETTLES) {
        let same = kept == present.pins;
        return (!same).then(|| {
            proposal(
                outlook,
                present.seats.clone(),
                kept,
                "pins to lost nodes go".into(),
            )
        });
    }
    let plan = balance(outlook, &present.seats, &kept, &held);
    let worth = load.more > 0 || plan.gain() >= GAIN || plan.only_unpins();
    let mut pins = kept;
    if worth {
        plan.take(AT_ONCE, &mut pins);
    }
    if pins == present.pins {
        *load = LoadMemory::later(now);
        return None;
    }
    *load = match load.more {
        1 => LoadMemory::later(now),
        more => LoadMemory {
            due: now,
            more: more.checked_sub(1).unwrap_or(MOST_IN_ROW),
            ordered: load.ordered,
        },
    };
    Some(proposal(
        outlook,
        present.seats.clone(),
        pins,
        "the load is evened out".into(),
    ))
}

/// What would even out the load now; `None` while there is no view.
pub fn rebalanced(outlook: &Outlook<'_>) -> Option<Plan> {
    let present = outlook.committed?;
    Some(balance(outlook, &present.seats, &present.pins, &BTreeSet::new()))
}

/// What would even out the load; targets that are `held` stay as if an operator had pinned them.
fn balance(
    outlook: &Outlook<'_>,
    seats: &[Seat],
    pins: &BTreeMap<TargetId, Pin>,
    held: &BTreeSet<TargetId>,
) -> Plan {
    let mut pins = pins.clone();
    for target in held {
        if let Some(pin) = pins.get_mut(target) {
            pin.by = By::Operator;
        }
    }
    let load = Load::new(seats, outlook.targets, outlook.weights, &pins);
    load.plan()
}

/// Whether every target is where the view wants it, as far as the members say.
fn settled(outlook: &Outlook<'_>) -> bool {
    let Some(view) = outlook.view else {
        return false;
    };
    outlook.targets.keys().all(|key| {
        let home = view
            .place(*key)
            .and_then(|place| outlook.membership.member(place.owner));
        home.is_some_and(|home| home.said.owned.binary_search(key).is_ok())
    })
}

fn proposal(
    outlook: &Outlook<'_>,
    seats: Vec<Seat>,
    pins: BTreeMap<TargetId, Pin>,
    reason: String,
) -> Proposal {
    let number = outlook.committed.map_or(0, |view| view.number) + 1;
    Proposal {
        view: Committed { number, seats, pins },
        reason,
    }
}

#[cfg(test)]
mod tests;
