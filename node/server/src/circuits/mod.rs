//! The circuits of the databases, for whoever looks at them or turns them by hand: the gRPC service, the
//! admin's HTTP and the list of targets.

mod desk;
mod wire;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ringwatch_frame::TargetId;
use ringwatch_pipeline::CoveredTarget;
use ringwatch_pipeline::circuit_breaker::{Breakers, CircuitStatus};
use tokio::time::Instant;

pub(crate) use self::desk::Desk;

/// All circuits of this node, whichever processor they belong to.
#[derive(Default)]
pub(crate) struct Circuits {
    breakers: Vec<Arc<Breakers>>,
    covered: RwLock<Vec<CoveredTarget>>,
}

impl Circuits {
    /// Those of these processors.
    pub(crate) fn new(breakers: Vec<Arc<Breakers>>) -> Self {
        Self {
            breakers,
            covered: RwLock::default(),
        }
    }

    /// The processors.
    pub(crate) fn breakers(&self) -> &[Arc<Breakers>] {
        &self.breakers
    }

    /// These are the targets that have circuits now.
    pub(crate) fn cover(&self, targets: Vec<CoveredTarget>) {
        *self.covered.write().unwrap_or_else(PoisonError::into_inner) = targets;
    }

    /// Every circuit, by target.
    pub(crate) fn list(&self) -> Vec<CircuitStatus> {
        let now = Instant::now();
        let mut all: Vec<_> = self
            .breakers
            .iter()
            .flat_map(|breakers| breakers.list(now))
            .collect();
        all.sort_by(|a, b| a.target.cmp(&b.target));
        all
    }

    /// The targets that a person may mean by `name`: exactly the one whose id or circuit's name it is, else
    /// all that it fits.
    pub(crate) fn find(&self, name: &str) -> Vec<TargetId> {
        let list = self.list();
        let exactly = |circuit: &&CircuitStatus| circuit.target.as_str() == name || circuit.name == name;
        if let Some(circuit) = list.iter().find(exactly) {
            return vec![circuit.target.clone()];
        }
        let covered = self.covered.read().unwrap_or_else(PoisonError::into_inner);
        let fits = |circuit: &&CircuitStatus| {
            let target = covered.iter().find(|target| target.id == circuit.target);
            let of_target = |target: &CoveredTarget| {
                target.endpoint == name || target.databases.iter().any(|database| database == name)
            };
            circuit.entry.as_deref() == Some(name) || target.is_some_and(of_target)
        };
        list.iter()
            .filter(fits)
            .map(|circuit| circuit.target.clone())
            .collect()
    }

    /// Closes the circuit of a target. `None`: it has none.
    pub(crate) fn reset(&self, target: &TargetId) -> Option<CircuitStatus> {
        let of = |breakers: &Arc<Breakers>| breakers.reset(target.as_str(), Instant::now()).ok();
        self.breakers.iter().find_map(of)?.into_iter().next()
    }

    /// Opens the circuit of a target, for a time or until it is reset. `None`: it has none.
    pub(crate) fn open(&self, target: &TargetId, lasts: Option<Duration>) -> Option<CircuitStatus> {
        let of = |breakers: &Arc<Breakers>| breakers.open(target.as_str(), lasts, Instant::now()).ok();
        self.breakers.iter().find_map(of)?.into_iter().next()
    }
}
