//! Between the collector and the processors that protect databases: breakers first, then limits.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use arrow_array::{Array as _, Int64Array, RecordBatch};
use ringwatch_catalogue::model::Cadence;
use ringwatch_collect::{FaultKind, Guard, ReaderPlan, ReadingEnd, Refusal, Targets};
use ringwatch_config::Settings;
use ringwatch_frame::{StreamId, TargetId, Tick};
use ringwatch_pipeline::circuit_breaker::{Breakers, LOOK, Outcome, Refused};
use ringwatch_pipeline::rate_limiter::Limits;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;

use super::activity::Activity;
use super::processors::Processors;
use super::sources::{Sources, shares, sources};
use crate::circuits::Circuits;
use crate::remember::Costs;

/// One row of it is one active session.
const ACTIVITY: &str = "postgresql.activity";
/// The sum of its column [`BACKENDS`] is the number of sessions, where nothing tells the active ones.
const DATABASES: &str = "postgresql.databases";
const BACKENDS: &str = "backends";

/// Says what a target may be asked for.
pub(super) struct Protection {
    breakers: Vec<(Sources, Arc<Breakers>)>,
    limits: Vec<(Sources, Arc<Limits>)>,
    circuits: Arc<Circuits>,
    activity: Arc<Activity>,
    costs: Arc<Costs>,
    /// Whether plans are asked for.
    plans: Arc<AtomicBool>,
    known: RwLock<Known>,
}

/// What is known of the targets.
#[derive(Default)]
struct Known {
    /// Who reads the catalogue's streams of a target.
    engines: HashMap<TargetId, Arc<str>>,
    /// Targets whose active sessions are read.
    with_activity: HashSet<TargetId>,
    /// Streams for which plans are asked for.
    of_plans: BTreeSet<String>,
}

impl Protection {
    /// Nothing is covered yet.
    pub(super) fn new(
        settings: &Settings,
        processors: &Processors,
        circuits: &Arc<Circuits>,
        activity: &Arc<Activity>,
    ) -> Self {
        let with = |name: &String| sources(settings, name);
        let breakers = processors.breakers().iter();
        let limits = processors.limits().iter();
        Self {
            breakers: breakers
                .map(|(name, breakers)| (with(name), Arc::clone(breakers)))
                .collect(),
            limits: limits
                .map(|(name, limits)| (with(name), Arc::clone(limits)))
                .collect(),
            circuits: Arc::clone(circuits),
            activity: Arc::clone(activity),
            costs: Arc::default(),
            plans: Arc::new(AtomicBool::new(true)),
            known: RwLock::default(),
        }
    }

    /// What reading the targets costs.
    pub(super) fn costs(&self) -> &Arc<Costs> {
        &self.costs
    }

    /// Says whether plans are asked for.
    pub(super) fn plans(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.plans)
    }

    /// What can be limited at run time.
    pub(super) fn limits(&self) -> Vec<Arc<Limits>> {
        self.limits.iter().map(|(_, limits)| Arc::clone(limits)).collect()
    }

    /// These are the targets now. A target is covered by the first breaker, and by the first limiter, that is
    /// for one of its receivers.
    pub(super) fn cover(&self, targets: &Targets) {
        let now = Instant::now();
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known(targets);
        let sources = |all: &[&Sources]| all.iter().map(|sources| (*sources).clone()).collect::<Vec<_>>();
        let of_breakers: Vec<_> = self.breakers.iter().map(|(sources, _)| sources).collect();
        let shares = shares(&sources(&of_breakers), targets);
        for ((_, breakers), share) in self.breakers.iter().zip(&shares) {
            breakers.cover(share, now);
        }
        self.circuits.cover(shares.into_iter().flatten().collect());
        let of_limits: Vec<_> = self.limits.iter().map(|(sources, _)| sources).collect();
        let shares = self::shares(&sources(&of_limits), targets);
        for ((_, limits), share) in self.limits.iter().zip(&shares) {
            limits.cover(share, now);
        }
    }

    /// Does what is due although nothing happens, for as long as the answer is held.
    pub(super) fn tend(&self) -> AbortOnDropHandle<()> {
        let breakers: Vec<_> = self
            .breakers
            .iter()
            .map(|(_, breakers)| Arc::clone(breakers))
            .collect();
        let limits: Vec<_> = self.limits.iter().map(|(_, limits)| Arc::clone(limits)).collect();
        AbortOnDropHandle::new(tokio::spawn(async move {
            if breakers.is_empty() && limits.is_empty() {
                return;
            }
            let mut timer = tokio::time::interval(LOOK);
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                let now = timer.tick().await;
                breakers.iter().for_each(|breakers| breakers.on_interval(now));
                limits.iter().for_each(|limits| limits.on_interval(now));
            }
        }))
    }

    fn with_known<T>(&self, ask: impl FnOnce(&Known) -> T) -> T {
        ask(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn source(&self, target: &TargetId, stream: &StreamId) -> Option<Arc<str>> {
        match of_query(stream.name()) {
            Some(receiver) => Some(receiver.into()),
            None => self.with_known(|known| known.engines.get(target).cloned()),
        }
    }

    /// How many sessions were active, where the rows tell it.
    fn sessions(&self, target: &TargetId, stream: &StreamId, rows: &RecordBatch) -> Option<u64> {
        match stream.name() {
            ACTIVITY => u64::try_from(rows.num_rows()).ok(),
            DATABASES if !self.with_known(|known| known.with_activity.contains(target)) => backends(rows),
            _ => None,
        }
    }
}

impl Guard for Protection {
    fn admit(
        &self,
        target: &TargetId,
        stream: &StreamId,
        tick: Tick,
        interval: Duration,
    ) -> Result<(), Refusal> {
        let now = Instant::now();
        if let Some(source) = self.source(target, stream) {
            self.activity.asked(&source);
        }
        let of_plans = || self.with_known(|known| known.of_plans.contains(stream.name()));
        if !self.plans.load(Ordering::Acquire) && of_plans() {
            return Err(Refusal::SwitchedOff);
        }
        for (at, (_, breakers)) in self.breakers.iter().enumerate() {
            if let Err(refused) = breakers.admit(target, stream, tick, interval, now) {
                self.give_back(target, stream, at, 0, now);
                return Err(match refused {
                    Refused::Open => Refusal::BreakerOpen,
                    Refused::Slowed => Refusal::Budget,
                });
            }
        }
        for (at, (_, limits)) in self.limits.iter().enumerate() {
            if limits.admit(target, now).is_err() {
                self.give_back(target, stream, self.breakers.len(), at, now);
                return Err(Refusal::Budget);
            }
        }
        Ok(())
    }

    fn at_ease(&self, target: &TargetId) -> bool {
        self.breakers.iter().all(|(_, breakers)| breakers.at_ease(target))
    }

    fn deadline(&self, target: &TargetId, stream: &StreamId) -> Option<Duration> {
        let learnt = self
            .breakers
            .iter()
            .filter_map(|(_, breakers)| breakers.deadline(target, stream));
        learnt.min()
    }

    fn ended(&self, target: &TargetId, stream: &StreamId, end: &ReadingEnd<'_>) {
        let now = Instant::now();
        if let ReadingEnd::Read { took, .. } | ReadingEnd::Failed { took, .. } = *end {
            self.costs.took(target, took);
        }
        let outcome = match *end {
            ReadingEnd::Read { took, rows } => Outcome::Answered {
                took,
                sessions: self.sessions(target, stream, rows),
            },
            ReadingEnd::Failed { took, kind } => outcome_of(kind, took),
            ReadingEnd::NotMade => Outcome::NotMade,
        };
        if let Some(source) = self.source(target, stream) {
            let failed = matches!(end, ReadingEnd::Failed { kind, .. } if *kind != FaultKind::NotHeld);
            self.activity.ended(&source, failed, outcome == Outcome::NotMade);
        }
        self.breakers
            .iter()
            .for_each(|(_, breakers)| breakers.ended(target, stream, outcome, now));
        self.limits
            .iter()
            .for_each(|(_, limits)| limits.ended(target, stream, outcome, now));
    }
}

impl Protection {
    /// Gives back the leaves of the first breakers and limits, because a later one said no.
    fn give_back(&self, target: &TargetId, stream: &StreamId, breakers: usize, limits: usize, now: Instant) {
        for (_, breakers) in self.breakers.iter().take(breakers) {
            breakers.ended(target, stream, Outcome::NotMade, now);
        }
        for (_, limits) in self.limits.iter().take(limits) {
            limits.ended(target, stream, Outcome::NotMade, now);
        }
    }
}

/// What is a sign that the database suffers, and what says only that something is not set up.
fn outcome_of(kind: FaultKind, took: Duration) -> Outcome {
    match kind {
        FaultKind::Connection
        | FaultKind::Deadline
        | FaultKind::StatementTimeout
        | FaultKind::Tls
        | FaultKind::Login
        | FaultKind::TooManyConnections
        | FaultKind::Unavailable
        | FaultKind::Statement => Outcome::Failed { took },
        FaultKind::NotHeld => Outcome::NotMade,
        _ => Outcome::Ignored,
    }
}

/// The receiver of a user's statement, whose streams are called `receiver.number`.
fn of_query(stream: &str) -> Option<&str> {
    let (receiver, _) = stream.rsplit_once('.')?;
    let kind = receiver.split('/').next()?;
    (kind == "sqlquery").then_some(receiver)
}

fn backends(rows: &RecordBatch) -> Option<u64> {
    let column = rows
        .column_by_name(BACKENDS)?
        .as_any()
        .downcast_ref::<Int64Array>()?;
    let sum = column.iter().flatten().fold(0_i64, i64::saturating_add);
    u64::try_from(sum).ok()
}

fn known(targets: &Targets) -> Known {
    let mut known = Known::default();
    for target in targets.iter() {
        for reader in &target.readers {
            if let ReaderPlan::Engine(plan) = &reader.plan {
                known
                    .engines
                    .insert(target.id.clone(), Arc::clone(&reader.source));
                if plan
                    .streams()
                    .iter()
                    .any(|planned| planned.stream.name == ACTIVITY)
                {
                    known.with_activity.insert(target.id.clone());
                }
                let asks = plan
                    .streams()
                    .iter()
                    .filter(|planned| planned.stream.cadence == Cadence::Plans);
                known
                    .of_plans
                    .extend(asks.map(|planned| planned.stream.name.clone()));
            }
        }
    }
    known
}

#[cfg(test)]
#[path = "protection_tests.rs"]
mod tests;
