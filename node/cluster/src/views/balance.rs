//! Evens out the load with few pins, as a pure function of seats, targets, weights and pins.
//!
//! A member's fair part of all weight is its part of all points. Nobody shall bear more than [`LIMIT`] times
//! its fair part. As long as somebody does, the one target is moved whose move takes most off those that
//! bear too much: the lightest of equal ones, best to where the ring has it, next to who stands by for it,
//! else to who bears least. Where no single move helps, two targets change places. A pin without which
//! nobody bears much is taken away.

use std::collections::{BTreeMap, BTreeSet};

use ringwatch_frame::TargetId;

use crate::member::{NodeId, TargetKey};
use crate::numbering::{By, Pin, Seat};
use crate::ring::{Ring, RingMember};

/// Nobody shall bear more than this many times its fair part.
pub const LIMIT: f64 = 1.15;
/// Below this many times the fair part a pin is not needed. Less than the limit, so that a weight that wavers
/// does not set and take away the same pin over and over.
const RELAXED: f64 = 1.10;
/// No plan has more moves than this.
const MOST_MOVES: usize = 1_000;
/// So many pairs of targets are looked at for a change of places.
const MOST_PAIRS: usize = 250_000;
/// What takes off less than this part of the mean is no use.
const LEAST: f64 = 1e-6;

/// What is moved to even out the load.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// One after the other; each target once.
    pub moves: Vec<Step>,
    /// Pins to where the ring has the target anyway.
    pub redundant: Vec<TargetId>,
    /// What each member bears before, sorted by node.
    pub before: Vec<(NodeId, f64)>,
    /// What each bears after all moves.
    pub after: Vec<(NodeId, f64)>,
    /// The most that anybody bears before and after, in parts of its fair part.
    pub highest: (f64, f64),
}

/// A target that moves.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The target.
    pub target: TargetId,
    /// Whose it is.
    pub from: NodeId,
    /// Whose it will be.
    pub to: NodeId,
    /// Its weight.
    pub weight: f64,
    /// Whether it is pinned there; if not, the ring has it there.
    pub pinned: bool,
    /// It changes places with the next one.
    pub with_next: bool,
}

impl Plan {
    /// Sets the pins of the first `most` moves, or of one more where two targets change places.
    pub fn take(&self, most: usize, pins: &mut BTreeMap<TargetId, Pin>) {
        for target in &self.redundant {
            pins.remove(target);
        }
        let last = most.saturating_sub(1);
        let most = most + usize::from(self.moves.get(last).is_some_and(|step| step.with_next));
        for step in self.moves.iter().take(most) {
            if step.pinned {
                let pin = Pin {
                    to: step.to.clone(),
                    by: By::Load,
                };
                pins.insert(step.target.clone(), pin);
            } else {
                pins.remove(&step.target);
            }
        }
    }

    /// By which part the highest load falls.
    pub fn gain(&self) -> f64 {
        let (before, after) = self.highest;
        if before > 0.0 {
            (before - after) / before
        } else {
            0.0
        }
    }

    /// Whether it only takes pins away.
    pub fn only_unpins(&self) -> bool {
        self.moves.iter().all(|step| !step.pinned)
    }
}

/// Where targets are and what their members bear. Members are indices into `nodes`.
#[derive(Clone, Debug)]
pub struct Load {
    nodes: Vec<NodeId>,
    fair: Vec<f64>,
    loads: Vec<f64>,
    items: Vec<Item>,
    redundant: Vec<TargetId>,
    /// What was moved, one after the other, and whether it changes places with the next.
    order: Vec<(usize, bool)>,
    /// No weight is known: then there is nothing to even out.
    unknown: bool,
}

#[derive(Clone, Debug)]
struct Item {
    target: TargetId,
    weight: f64,
    /// Whose it is by the ring, and who stands by.
    ring: usize,
    standby: Option<usize>,
    /// Whose it is.
    at: usize,
    /// Pinned by an operator: it stays.
    fixed: bool,
    /// Where it was at first.
    was: usize,
}

impl Load {
    /// The load of these members, with the targets where ring and pins have them. A target without a known
    /// weight counts as the median of the others.
    pub fn new(
        seats: &[Seat],
        targets: &BTreeMap<TargetKey, TargetId>,
        weights: &BTreeMap<TargetId, f64>,
        pins: &BTreeMap<TargetId, Pin>,
    ) -> Self {
        let ring = Ring::new(seats.iter().map(|seat| RingMember {
            node: seat.node.clone(),
            points: seat.points,
        }));
        let nodes: Vec<NodeId> = ring.members().iter().map(|member| member.node.clone()).collect();
        let usual = median(targets.values().filter_map(|target| known(weights, target)));
        let nth = |node: &NodeId| nodes.binary_search(node).ok();
        let mut redundant = Vec::new();
        let mut items = Vec::new();
        for (key, target) in targets {
            let Some(place) = ring.place(*key) else { continue };
            let Some(at_ring) = nth(place.owner) else { continue };
            let pin = pins.get(target).and_then(|pin| Some((nth(&pin.to)?, pin.by)));
            let at = pin.map_or(at_ring, |(to, _)| to);
            if pin == Some((at_ring, By::Load)) {
                redundant.push(target.clone());
            }
            items.push(Item {
                target: target.clone(),
                weight: known(weights, target).or(usual).unwrap_or(0.0),
                ring: at_ring,
                standby: place.standby.and_then(nth),
                at,
                fixed: pin.is_some_and(|(_, by)| by == By::Operator),
                was: at,
            });
        }
        let mut load = Self {
            fair: fair(&ring, items.iter().map(|item| item.weight).sum()),
            loads: Vec::new(),
            nodes,
            items,
            redundant,
            order: Vec::new(),
            unknown: usual.is_none(),
        };
        load.loads = load.weigh(|item| item.at);
        load
    }

    /// What each member bears, in parts of its fair part; the highest.
    pub fn highest(&self) -> f64 {
        self.highest_of(&self.loads)
    }

    /// What to move.
    pub fn plan(mut self) -> Plan {
        let before = self.told();
        let highest = self.highest();
        if !self.unknown {
            self.even_out();
        }
        let mut seen = BTreeSet::new();
        let first = self.order.iter().filter(|(nth, _)| seen.insert(*nth));
        let moves = first.filter_map(|(nth, with_next)| self.step(*nth, *with_next));
        let moves: Vec<Step> = moves.collect();
        Plan {
            moves,
            before,
            after: self.told(),
            highest: (highest, self.highest()),
            redundant: self.redundant,
        }
    }

    /// What became of a target that was moved; `None`: it is back where it was.
    fn step(&self, nth: usize, with_next: bool) -> Option<Step> {
        let item = self.items.get(nth).filter(|item| item.at != item.was)?;
        Some(Step {
            target: item.target.clone(),
            from: self.nodes.get(item.was)?.clone(),
            to: self.nodes.get(item.at)?.clone(),
            weight: item.weight,
            pinned: item.at != item.ring,
            with_next,
        })
    }

    fn even_out(&mut self) {
        let ring_alone = self.weigh(|item| if item.fixed { item.at } else { item.ring });
        if self.highest_of(&ring_alone) <= RELAXED {
            let moved: Vec<usize> = (0..self.items.len()).collect();
            moved.into_iter().for_each(|nth| self.go_home(nth));
            return;
        }
        for _ in 0..MOST_MOVES {
            if !(self.relieve() || self.exchange()) {
                break;
            }
        }
        self.unpin();
    }

    /// Makes the one move that takes most off those that bear too much. `false`: none does.
    fn relieve(&mut self) -> bool {
        let mut over: Vec<usize> = (0..self.nodes.len())
            .filter(|member| self.over(*member, 0.0) > 0.0)
            .collect();
        over.sort_by(|a, b| self.over(*b, 0.0).total_cmp(&self.over(*a, 0.0)));
        let lightest = (0..self.nodes.len()).min_by(|a, b| self.part(*a).total_cmp(&self.part(*b)));
        for member in over {
            let mut best: Option<(f64, f64, usize, usize)> = None;
            for (nth, item) in self.items.iter().enumerate() {
                if item.at != member || item.fixed {
                    continue;
                }
                let ways = [Some(item.ring), item.standby, lightest];
                for (rank, to) in ways.into_iter().enumerate() {
                    let Some(to) = to.filter(|to| *to != member) else {
                        continue;
                    };
                    let off = self.takes_off(item.weight, member, to);
                    // Of equal moves the lightest, and of its ways the first.
                    let score = (off, -item.weight - rank as f64 * LEAST * item.weight);
                    if off > self.least() && best.is_none_or(|(o, s, ..)| better(score, (o, s))) {
                        best = Some((score.0, score.1, nth, to));
                    }
                }
            }
            if let Some((_, _, nth, to)) = best {
                self.move_to(nth, to, false);
                return true;
            }
        }
        false
    }

    /// Lets the two targets change places that take most off those that bear too much. `false`: none do.
    fn exchange(&mut self) -> bool {
        let mut best: Option<(f64, usize, usize)> = None;
        let mut pairs = 0;
        for (a, heavy) in self.items.iter().enumerate() {
            if heavy.fixed || self.over(heavy.at, 0.0) <= 0.0 {
                continue;
            }
            for (b, light) in self.items.iter().enumerate() {
                let useless = light.fixed || light.at == heavy.at || light.weight >= heavy.weight;
                if useless {
                    continue;
                }
                pairs += 1;
                if pairs > MOST_PAIRS {
                    break;
                }
                let off = self.takes_off(heavy.weight - light.weight, heavy.at, light.at);
                if off > self.least() && best.is_none_or(|(most, ..)| off > most) {
                    best = Some((off, a, b));
                }
            }
        }
        let Some((_, a, b)) = best else { return false };
        let (Some(at_a), Some(at_b)) = (
            self.items.get(a).map(|item| item.at),
            self.items.get(b).map(|item| item.at),
        ) else {
            return false;
        };
        self.move_to(a, at_b, true);
        self.move_to(b, at_a, false);
        true
    }

    /// Takes away pins, of light targets first, without which nobody bears much.
    fn unpin(&mut self) {
        let mut pinned: Vec<usize> = (0..self.items.len()).collect();
        pinned.retain(|nth| {
            let item = self.items.get(*nth);
            item.is_some_and(|item| !item.fixed && item.at != item.ring && item.at == item.was)
        });
        let weight = |nth: &usize| self.items.get(*nth).map_or(0.0, |item| item.weight);
        pinned.sort_by(|a, b| weight(a).total_cmp(&weight(b)));
        for nth in pinned {
            let Some(item) = self.items.get(nth) else { continue };
            let home = item.ring;
            let room = self.fair_of(home) * RELAXED - self.load_of(home);
            if item.weight <= room {
                self.go_home(nth);
            }
        }
    }

    fn go_home(&mut self, nth: usize) {
        let home = self
            .items
            .get(nth)
            .filter(|item| !item.fixed)
            .map(|item| item.ring);
        if let Some(home) = home {
            self.move_to(nth, home, false);
        }
    }

    fn move_to(&mut self, nth: usize, to: usize, with_next: bool) {
        let Some(item) = self.items.get_mut(nth).filter(|item| item.at != to) else {
            return;
        };
        item.at = to;
        self.order.push((nth, with_next));
        // Summed anew each time, so that no error of rounding adds up.
        self.loads = self.weigh(|item| item.at);
    }

    /// By how much less is borne too much when `weight` goes from one to the other.
    fn takes_off(&self, weight: f64, from: usize, to: usize) -> f64 {
        self.over(from, 0.0) + self.over(to, 0.0) - self.over(from, -weight) - self.over(to, weight)
    }

    /// What the member bears too much, with so much more.
    fn over(&self, member: usize, more: f64) -> f64 {
        (self.load_of(member) + more - LIMIT * self.fair_of(member)).max(0.0)
    }

    fn load_of(&self, member: usize) -> f64 {
        self.loads.get(member).copied().unwrap_or(0.0)
    }

    fn fair_of(&self, member: usize) -> f64 {
        self.fair.get(member).copied().unwrap_or(0.0)
    }

    fn part(&self, member: usize) -> f64 {
        let fair = self.fair_of(member);
        if fair > 0.0 {
            self.load_of(member) / fair
        } else {
            0.0
        }
    }

    fn least(&self) -> f64 {
        LEAST * self.fair.iter().sum::<f64>() / self.fair.len().max(1) as f64
    }

    fn highest_of(&self, loads: &[f64]) -> f64 {
        let parts = loads.iter().zip(&self.fair);
        parts.fold(
            0.0,
            |most, (load, fair)| {
                if *fair > 0.0 { most.max(load / fair) } else { most }
            },
        )
    }

    fn weigh(&self, at: impl Fn(&Item) -> usize) -> Vec<f64> {
        let mut loads = vec![0.0; self.nodes.len()];
        for item in &self.items {
            if let Some(load) = loads.get_mut(at(item)) {
                *load += item.weight;
            }
        }
        loads
    }

    fn told(&self) -> Vec<(NodeId, f64)> {
        self.nodes
            .iter()
            .cloned()
            .zip(self.loads.iter().copied())
            .collect()
    }
}

fn better(a: (f64, f64), b: (f64, f64)) -> bool {
    // What is the same but for rounding is the same.
    if (a.0 - b.0).abs() > a.0.abs() * 1e-9 {
        return a.0 > b.0;
    }
    a.1 > b.1
}

/// The weight of a target, if it is known and makes sense.
fn known(weights: &BTreeMap<TargetId, f64>, target: &TargetId) -> Option<f64> {
    weights
        .get(target)
        .copied()
        .filter(|weight| weight.is_finite() && *weight >= 0.0)
}

fn median(weights: impl Iterator<Item = f64>) -> Option<f64> {
    let mut weights: Vec<f64> = weights.collect();
    weights.sort_by(f64::total_cmp);
    weights.get(weights.len() / 2).copied()
}

/// What each member would bear if all bore the same for each of their points.
fn fair(ring: &Ring, total: f64) -> Vec<f64> {
    let points: u64 = ring.members().iter().map(|member| u64::from(member.points)).sum();
    ring.members()
        .iter()
        .map(|member| total * f64::from(member.points) / points.max(1) as f64)
        .collect()
}

#[cfg(test)]
mod tests;
