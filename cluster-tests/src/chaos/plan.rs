//! Which faults happen, in which order, to whom and for how long: all of it follows from a seed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, ensure};
use fastrand::Rng;

use super::faults::{Fault, Kind};

/// An endless plan: each kind once in any order, then any, again and again.
#[derive(Clone, Debug)]
pub struct Plan {
    kinds: Vec<Kind>,
    nodes: usize,
    rng: Rng,
    first: Vec<Kind>,
}

/// One fault of a plan, and how much later than the one before it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The time in which all is well before it.
    pub rest: Duration,
    /// The fault.
    pub fault: Fault,
}

impl Plan {
    /// A plan of faults of these kinds for so many nodes.
    ///
    /// # Errors
    /// There is no kind, or there are fewer than two nodes.
    pub fn new(seed: u64, kinds: &[Kind], nodes: usize) -> Result<Self> {
        ensure!(!kinds.is_empty() && nodes >= 2, "a plan of nothing");
        let mut rng = Rng::with_seed(seed);
        let mut first = kinds.to_vec();
        rng.shuffle(&mut first);
        Ok(Self {
            kinds: kinds.to_vec(),
            nodes,
            rng,
            first,
        })
    }

    /// How many steps it takes until each kind has happened.
    pub fn each_once(&self) -> usize {
        self.kinds.len()
    }
}

impl Iterator for Plan {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let any = self.rng.usize(..self.kinds.len());
        let kind = self.first.pop().unwrap_or(self.kinds[any]);
        let node = self.rng.usize(..self.nodes);
        let other = (node + self.rng.usize(1..self.nodes)) % self.nodes;
        let (least, most) = lasts(kind);
        let lasts = Duration::from_millis(self.rng.u64(least..=most));
        // At any moment of the second in which each target is read.
        let rest = Duration::from_millis(self.rng.u64(0..1_000));
        let fault = Fault {
            kind,
            node,
            other,
            lasts,
        };
        Some(Step { rest, fault })
    }
}

/// The shortest and longest time of a fault, in milliseconds: both below and above what a failure detector needs.
fn lasts(kind: Kind) -> (u64, u64) {
    match kind {
        Kind::Restart | Kind::Roll => (0, 100),
        Kind::Kill | Kind::Machine => (1_000, 6_000),
        Kind::Freeze => (500, 6_000),
        Kind::Flap => (3_000, 6_000),
        Kind::Part | Kind::OneWay | Kind::NoDatabase => (1_500, 9_000),
        Kind::Narrow | Kind::Storm | Kind::Clock => (3_000, 8_000),
        Kind::Database => (500, 4_000),
        Kind::Receiver => (1_000, 5_000),
    }
}

/// What happened of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    wanted: BTreeSet<Kind>,
    happened: BTreeMap<Kind, u32>,
}

impl Coverage {
    /// Of a plan, before anything has happened.
    pub fn of(plan: &Plan) -> Self {
        Self {
            wanted: plan.kinds.iter().copied().collect(),
            happened: BTreeMap::new(),
        }
    }

    /// A fault has happened. One of a node that owned nothing does not count.
    pub fn note(&mut self, kind: Kind, hit: bool) {
        if hit {
            *self.happened.entry(kind).or_default() += 1;
        }
    }

    /// How often each kind happened.
    pub fn happened(&self) -> &BTreeMap<Kind, u32> {
        &self.happened
    }

    /// How often a node may have died with a request on its way.
    pub fn kills(&self) -> u32 {
        let killing = self.happened.iter().filter(|(kind, _)| kind.kills());
        killing.map(|(_, count)| count).sum()
    }

    /// How often a node may have gone on reading that others took for lost.
    pub fn cuts(&self) -> u32 {
        let cutting = self.happened.iter().filter(|(kind, _)| kind.cuts());
        cutting.map(|(_, count)| count).sum()
    }

    /// Refuses a run in which a kind of fault did not happen.
    ///
    /// # Errors
    /// One did not.
    pub fn ensure_all(&self) -> Result<()> {
        let never: Vec<&Kind> = self
            .wanted
            .iter()
            .filter(|kind| !self.happened.contains_key(kind))
            .collect();
        ensure!(
            never.is_empty(),
            "invalid run: these faults never happened: {never:?}"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_plan_and_each_kind_comes_first_once() {
        for seed in 0..200 {
            let plan = Plan::new(seed, &Kind::ANYWHERE, 3).unwrap();
            let each = plan.each_once();
            let steps: Vec<Step> = plan.take(100).collect();
            let again: Vec<Step> = Plan::new(seed, &Kind::ANYWHERE, 3).unwrap().take(100).collect();
            assert_eq!(steps, again);
            let first: BTreeSet<Kind> = steps[..each].iter().map(|step| step.fault.kind).collect();
            assert_eq!(first, Kind::ANYWHERE.into());
            for Step { fault, .. } in steps {
                assert!(
                    fault.node < 3 && fault.other < 3 && fault.node != fault.other,
                    "{fault}"
                );
            }
        }
        assert!(Plan::new(1, &[], 3).is_err() && Plan::new(1, &[Kind::Kill], 1).is_err());
    }

    #[test]
    fn a_run_without_a_fault_is_invalid() {
        let plan = Plan::new(1, &[Kind::Kill, Kind::Freeze], 3).unwrap();
        let mut coverage = Coverage::of(&plan);
        coverage.note(Kind::Kill, true);
        coverage.note(Kind::Freeze, false);
        assert!(coverage.ensure_all().is_err());
        coverage.note(Kind::Freeze, true);
        assert!(coverage.ensure_all().is_ok());
        assert_eq!(coverage.kills(), 1);
    }
}
