//! Looking at a sampler and changing it while it works.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::inbox::Inboxes;
use super::listener::SamplerListener;
use super::outcome::Outcome;
use super::plan::Plan;
use crate::store::{Keeper, KeeperStatus};

/// What a sampler does at this moment, in all its pipelines.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplerStatus {
    /// Its name in the configuration.
    pub name: String,
    /// The rate of rows that no rule matches as it is set, in percent.
    pub default_rate: f64,
    /// The same as the load makes it; where several pipelines differ, the lowest.
    pub current_rate: f64,
    /// How many fingerprints are remembered.
    pub cache_size: u64,
    /// How many may be, in all pipelines together.
    pub cache_limit: u64,
    /// Rows that passed.
    pub kept: u64,
    /// Rows that did not.
    pub dropped: u64,
    /// The rules in the order in which they are asked; at the end `default`, for rows that no rule matches.
    pub rules: Vec<RuleStatus>,
    /// How the writing of its state goes, where it is written.
    pub store: Option<KeeperStatus>,
}

/// What one rule did.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleStatus {
    /// Its name.
    pub name: String,
    /// In percent.
    pub rate: f64,
    /// Rows that it decided.
    pub matches: u64,
    /// Rows of those that passed.
    pub kept: u64,
}

/// A change that cannot be made.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum SamplerError {
    /// The rate is no percentage.
    #[error("the rate {0} is no percentage: give a number from 0 to 100")]
    Rate(f64),
    /// The cache has no place.
    #[error("a cache of 0 remembers nothing: give at least 1")]
    CacheSize,
}

/// The handle on a sampler. Cheap to copy; changes hold from the next frame on, until the node ends.
#[derive(Clone)]
pub struct SamplerControl(pub(super) Arc<Shared>);

impl SamplerControl {
    /// What the sampler does.
    pub fn status(&self) -> SamplerStatus {
        self.0.status()
    }

    /// Sets the rate of rows that no rule matches, in percent.
    ///
    /// # Errors
    /// When it is no percentage.
    pub fn set_rate(&self, percent: f64) -> Result<(), SamplerError> {
        if !(0.0..=100.0).contains(&percent) {
            return Err(SamplerError::Rate(percent));
        }
        self.0.change(|wanted| wanted.rate = Some(percent));
        Ok(())
    }

    /// Whether rates follow the load, where the settings say so; else they stay as they are set.
    pub fn set_adaptive(&self, is_adaptive: bool) {
        self.0.change(|wanted| wanted.adaptive = Some(is_adaptive));
    }

    /// Sets how many fingerprints are remembered in each pipeline: no more than `max_memory_mb` allows.
    ///
    /// # Errors
    /// When it is 0.
    pub fn set_cache_size(&self, fingerprints: u64) -> Result<(), SamplerError> {
        if fingerprints == 0 {
            return Err(SamplerError::CacheSize);
        }
        self.0.change(|wanted| wanted.cache = Some(fingerprints));
        Ok(())
    }
}

/// What was set while the node ran.
#[derive(Clone, Copy, Default)]
pub(super) struct Wanted {
    pub(super) rate: Option<f64>,
    pub(super) cache: Option<u64>,
    pub(super) adaptive: Option<bool>,
}

/// What the processors of one sampler and its handles share.
pub(super) struct Shared {
    name: String,
    pub(super) plan: Plan,
    keeper: Option<Keeper>,
    wanted: Mutex<Wanted>,
    /// Grows with each change, so that processors look at what is wanted only then.
    changes: AtomicU64,
    listener: OnceLock<Arc<dyn SamplerListener>>,
    pub(super) inboxes: Inboxes,
    pipelines: Mutex<Vec<Arc<Shown>>>,
}

/// What one processor shows.
pub(super) struct Shown {
    rate: AtomicU64,
    cache_size: AtomicU64,
    cache_limit: AtomicU64,
    kept: AtomicU64,
    dropped: AtomicU64,
    /// Rows that each rule decided, and those of them that passed.
    rules: Vec<(AtomicU64, AtomicU64)>,
}

impl Shared {
    pub(super) fn new(name: &str, plan: Plan, keeper: Option<Keeper>) -> Self {
        Self {
            name: name.to_owned(),
            plan,
            keeper,
            wanted: Mutex::default(),
            changes: AtomicU64::new(0),
            listener: OnceLock::new(),
            inboxes: Inboxes::default(),
            pipelines: Mutex::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn listener(&self) -> Option<&dyn SamplerListener> {
        self.listener.get().map(|listener| &**listener)
    }

    pub(super) fn listen(&self, listener: Arc<dyn SamplerListener>) {
        if self.listener.set(listener).is_err() {
            tracing::debug!(processor = %self.name, "the sampler has a listener already");
        }
    }

    /// A place where one more processor shows what it does.
    pub(super) fn join(&self) -> Arc<Shown> {
        let shown = Arc::new(Shown {
            rate: AtomicU64::new(self.plan.default_rate.to_bits()),
            cache_size: AtomicU64::new(0),
            cache_limit: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            rules: self.plan.names().map(|_| Default::default()).collect(),
        });
        locked(&self.pipelines).push(Arc::clone(&shown));
        shown
    }

    /// What is wanted, if it was changed since `seen`.
    pub(super) fn changed(&self, seen: &mut u64) -> Option<Wanted> {
        let changes = self.changes.load(Relaxed);
        if changes == *seen {
            return None;
        }
        *seen = changes;
        Some(*locked(&self.wanted))
    }

    fn change(&self, change: impl FnOnce(&mut Wanted)) {
        let mut wanted = locked(&self.wanted);
        change(&mut wanted);
        self.changes.fetch_add(1, Relaxed);
    }

    fn status(&self) -> SamplerStatus {
        let default_rate = locked(&self.wanted).rate.unwrap_or(self.plan.default_rate);
        let pipelines = locked(&self.pipelines).clone();
        let sum = |count: &dyn Fn(&Shown) -> &AtomicU64| {
            pipelines.iter().map(|shown| count(shown).load(Relaxed)).sum()
        };
        let rates = pipelines
            .iter()
            .map(|shown| f64::from_bits(shown.rate.load(Relaxed)));
        let current_rate = rates.reduce(f64::min).unwrap_or(default_rate);
        let rates = self.plan.rules.iter().map(|rule| rule.rate).chain([current_rate]);
        SamplerStatus {
            name: self.name.clone(),
            default_rate,
            current_rate,
            cache_size: sum(&|shown| &shown.cache_size),
            cache_limit: sum(&|shown| &shown.cache_limit),
            kept: sum(&|shown| &shown.kept),
            dropped: sum(&|shown| &shown.dropped),
            rules: self
                .plan
                .names()
                .zip(rates)
                .enumerate()
                .map(|(at, (name, rate))| RuleStatus {
                    name: name.to_owned(),
                    rate,
                    matches: sum(&|shown| &shown.rules[at].0),
                    kept: sum(&|shown| &shown.rules[at].1),
                })
                .collect(),
            store: self.keeper.as_ref().map(Keeper::status),
        }
    }
}

impl Shown {
    /// Notes what came of a frame.
    pub(super) fn note(&self, outcome: &Outcome) {
        self.kept.fetch_add(outcome.kept, Relaxed);
        self.dropped.fetch_add(outcome.sampled + outcome.limited, Relaxed);
        for ((matches, kept), (new, passed)) in
            self.rules.iter().zip(outcome.matches.iter().zip(&outcome.passed))
        {
            matches.fetch_add(*new, Relaxed);
            kept.fetch_add(*passed, Relaxed);
        }
    }

    /// Shows the rate and how much is remembered, and may be.
    pub(super) fn show(&self, rate: f64, cache_size: usize, cache_limit: usize) {
        self.rate.store(rate.to_bits(), Relaxed);
        self.cache_size.store(cache_size as u64, Relaxed);
        self.cache_limit.store(cache_limit as u64, Relaxed);
    }
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
