//! The default rate of each target. The load of a pipeline changes the rates of all its targets alike; a
//! target that comes from another node keeps the rate that it had there.

use std::collections::HashMap;

use ringwatch_frame::TargetId;

use super::cache::ByHash;
use super::hash;
use super::rate::{self, Bounds};

/// The rates of no more targets are kept.
const MOST: usize = 10_000;
/// A target without frames for so long begins anew, in nanoseconds.
const KEEP: u64 = 24 * 3600 * 1_000_000_000;
/// The rate of a target is told while its frames come at least so often, in nanoseconds.
const TOLD: u64 = 300 * 1_000_000_000;

/// In place of the time of a target's last frame: none came yet.
const NEVER: i64 = i64::MIN;

/// The rates of one pipeline, in percent.
pub(super) struct Rates {
    /// What targets begin with, as it is set.
    default: f64,
    /// What they begin with in its place: the rate of a state that knew one for all. It follows the load.
    inherited: Option<f64>,
    /// `None` where rates do not follow the load: then all have the default.
    bounds: Option<Bounds>,
    targets: HashMap<u64, OfTarget, ByHash>,
    lowest: f64,
    is_news: bool,
}

struct OfTarget {
    id: TargetId,
    rate: f64,
    threshold: u64,
    /// The time of its last frame, and whether that came here since the rate came from another node. Only
    /// then the rate follows the load here.
    seen: i64,
    is_own: bool,
    /// The rate that was told last.
    told: Option<f64>,
}

impl Rates {
    /// All at `default`.
    pub(super) fn new(default: f64, bounds: Option<Bounds>) -> Self {
        let mut rates = Self {
            default,
            inherited: None,
            bounds,
            targets: HashMap::default(),
            lowest: default,
            is_news: false,
        };
        rates.settle();
        rates
    }

    /// Sets all rates, also those of targets that are still to come.
    pub(super) fn set(&mut self, default: f64, bounds: Option<Bounds>) {
        (self.default, self.bounds, self.inherited) = (default, bounds, None);
        if bounds.is_none() {
            self.targets.clear();
        }
        let first = self.first();
        for target in self.targets.values_mut() {
            target.set(first);
        }
        self.settle();
    }

    /// What targets that are not known begin with, for a state that knew one rate for all.
    pub(super) fn inherit(&mut self, rate: f64) {
        self.inherited = Some(rate);
        self.settle();
    }

    /// What decisions on rows of the target must be less than, whose frame came at `now`.
    pub(super) fn threshold(&mut self, hash: u64, id: &TargetId, now: i64) -> u64 {
        let Some(target) = self.targets.get_mut(&hash) else {
            let first = self.first();
            if self.bounds.is_some() {
                self.insert(hash, OfTarget::new(id, first, now, true));
                self.settle();
            }
            return hash::threshold(first);
        };
        let was_away = !target.is_own || now.abs_diff(target.seen) > TOLD;
        (target.seen, target.is_own) = (now, true);
        let threshold = target.threshold;
        if was_away {
            self.settle();
        }
        threshold
    }

    /// Goes on with the rates of an earlier run.
    pub(super) fn restore<'a>(&mut self, rates: impl Iterator<Item = (&'a String, &'a f64)>, now: i64) {
        for (target, rate) in rates {
            self.put(&TargetId::from_name(target), *rate, now, true);
        }
        self.settle();
    }

    /// Takes over the rates that targets had elsewhere. Where rates do not follow the load, they are no other
    /// node's affair.
    pub(super) fn adopt<'a>(&mut self, rates: impl Iterator<Item = (&'a TargetId, &'a f64)>) {
        for (target, rate) in rates {
            self.put(target, *rate, NEVER, false);
        }
        self.settle();
    }

    /// Follows the load of a period, in rows a second.
    pub(super) fn follow(&mut self, load: f64) {
        let Some(bounds) = self.bounds else { return };
        for target in self.targets.values_mut().filter(|target| target.is_own) {
            target.set(rate::step(target.rate, load, bounds));
        }
        if let Some(inherited) = &mut self.inherited {
            *inherited = rate::step(*inherited, load, bounds);
        }
        self.settle();
    }

    /// Forgets targets without frames.
    pub(super) fn forget_old(&mut self, now: i64) {
        let before = self.targets.len();
        for target in self.targets.values_mut().filter(|target| target.seen == NEVER) {
            target.seen = now;
        }
        self.targets.retain(|_, target| now.abs_diff(target.seen) <= KEEP);
        if self.targets.len() < before {
            self.settle();
        }
    }

    /// The lowest rate of the targets whose frames came; where there is none, the one that a target would
    /// begin with.
    pub(super) fn lowest(&self) -> f64 {
        self.lowest
    }

    /// The rates by target, of those whose frames came.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&TargetId, f64)> {
        let own = self.targets.values().filter(|target| target.is_own);
        own.map(|target| (&target.id, target.rate))
    }

    /// Whether there may be rates to tell.
    pub(super) fn is_news(&self) -> bool {
        self.is_news
    }

    /// The rates that have changed since they were told.
    pub(super) fn news(&mut self, now: i64) -> Vec<(TargetId, f64)> {
        self.is_news = false;
        let is_live = |target: &&mut OfTarget| target.is_own && now.abs_diff(target.seen) <= TOLD;
        let mut news = Vec::new();
        for target in self.targets.values_mut().filter(is_live) {
            let told = target.told.replace(target.rate);
            if told.is_none_or(|told| told.total_cmp(&target.rate).is_ne()) {
                news.push((target.id.clone(), target.rate));
            }
        }
        news
    }

    fn first(&self) -> f64 {
        let first = self.inherited.unwrap_or(self.default);
        self.bounds.map_or(first, |bounds| bounds.clamp(first))
    }

    fn put(&mut self, id: &TargetId, rate: f64, now: i64, is_own: bool) {
        let Some(bounds) = self.bounds.filter(|_| (0.0..=100.0).contains(&rate)) else {
            return;
        };
        let mut target = OfTarget::new(id, bounds.clamp(rate), now, is_own);
        target.told = (!is_own).then_some(rate);
        self.insert(hash::of_target(id), target);
    }

    fn insert(&mut self, hash: u64, target: OfTarget) {
        if self.targets.len() < MOST || self.targets.contains_key(&hash) {
            self.targets.insert(hash, target);
        }
    }

    fn settle(&mut self) {
        let lowest = self.iter().map(|(_, rate)| rate).reduce(f64::min);
        self.lowest = lowest.unwrap_or_else(|| self.first());
        self.is_news = true;
    }
}

impl OfTarget {
    fn new(id: &TargetId, rate: f64, seen: i64, is_own: bool) -> Self {
        Self {
            id: id.clone(),
            rate,
            threshold: hash::threshold(rate),
            seen,
            is_own,
            told: None,
        }
    }

    fn set(&mut self, rate: f64) {
        self.rate = rate;
        self.threshold = hash::threshold(rate);
    }
}

#[cfg(test)]
#[path = "targets_tests.rs"]
mod tests;
