//! `adaptive_sampler`: keeps what matters and a share of the rest.
//!
//! Each row has a rule, the first that matches it, and each rule a rate. Whether a row is kept is a hash of
//! its target, its fingerprint and a window of time, compared with the rate: any node decides the same, also
//! after a restart, and a higher rate keeps all that a lower one keeps. What is new passes whatever its rate,
//! and limits of rows come last.
//!
//! [`AdaptiveSampler`] is the component of the configuration, [`SamplerProcessor`] its work in one pipeline,
//! with limits and a memory of its own. Decisions are made by a core that is pure; it is in `core`.

mod binding;
mod cache;
mod control;
mod core;
mod entry;
mod fingerprint;
mod hash;
mod inbox;
mod limits;
mod listener;
mod metrics;
mod news;
mod outcome;
mod plan;
mod processor;
mod rate;
mod recent;
mod rule;
mod state;
mod targets;
mod teller;

use std::sync::Arc;
use std::time::Duration;

use ringwatch_config::settings::{AdaptiveSampler as Settings, StateBackend};
use ringwatch_frame::Clock;
use ringwatch_parse::expr::PathRef;

pub use control::{RuleStatus, SamplerControl, SamplerError, SamplerStatus};
pub use listener::{SamplerListener, SeenEntry};
pub use metrics::SamplerMetrics;
pub use processor::SamplerProcessor;
pub use state::SamplerState;

use crate::store::{FileStore, Keeper, KeeperHandle, StateStore, recall, start_keeper};
use crate::{PipelineError, Resolver};
use control::Shared;
use plan::Plan;
use state::Memory;

/// A state is written at most so often.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// A sampler as the configuration names it.
pub struct AdaptiveSampler {
    name: String,
    shared: Arc<Shared>,
    memory: Arc<Memory>,
    resolver: Resolver,
    metrics: SamplerMetrics,
}

impl AdaptiveSampler {
    /// A sampler that begins with what `remembered` holds and gives what it remembers to `keeper`.
    ///
    /// # Errors
    /// When the settings contradict each other or a condition is none.
    pub fn new(
        name: &str,
        settings: &Settings,
        resolver: Resolver,
        metrics: &SamplerMetrics,
        keeper: Option<Keeper>,
        remembered: Option<SamplerState>,
    ) -> Result<Self, PipelineError> {
        let plan = Plan::new(name, settings)?;
        Ok(Self {
            name: name.to_owned(),
            shared: Arc::new(Shared::new(name, plan, keeper.clone())),
            memory: Arc::new(Memory::new(keeper, remembered.unwrap_or_default())),
            resolver,
            metrics: metrics.clone(),
        })
    }

    /// A sampler whose state is in `store`: what is there is read, and its keeper is started. The handle is
    /// to be stopped after the pipelines.
    ///
    /// # Errors As for [`AdaptiveSampler::new`].
    pub async fn start(
        name: &str,
        settings: &Settings,
        resolver: Resolver,
        metrics: &SamplerMetrics,
        store: Option<Arc<dyn StateStore>>,
    ) -> Result<(Self, Option<KeeperHandle>), PipelineError> {
        let Some(store) = store else {
            return Ok((Self::new(name, settings, resolver, metrics, None, None)?, None));
        };
        let remembered = recall(name, &store).await;
        let (keeper, handle) = start_keeper(name, store, SAVE_EVERY, metrics.save_failures(name));
        let sampler = Self::new(name, settings, resolver, metrics, Some(keeper), remembered)?;
        Ok((sampler, Some(handle)))
    }

    /// Its work in `pipeline`.
    pub fn processor(&self, pipeline: &str) -> SamplerProcessor {
        SamplerProcessor::new(
            &self.name,
            pipeline,
            Arc::clone(&self.shared),
            Arc::clone(&self.memory),
            Arc::clone(&self.resolver),
            self.metrics.series(&self.name, pipeline, &self.shared.plan),
        )
    }

    /// The handle by which it is looked at and changed.
    pub fn control(&self) -> SamplerControl {
        SamplerControl(Arc::clone(&self.shared))
    }
}

/// The store of these settings; `None` where the state ends with the process.
pub fn store(name: &str, settings: &Settings, clock: &Clock) -> Option<Arc<dyn StateStore>> {
    match settings.state_backend {
        StateBackend::Memory => None,
        StateBackend::File => Some(Arc::new(FileStore::new(
            &settings.state_file,
            name,
            clock.clone(),
        ))),
    }
}

/// Rules that match no row of any of `streams`, because each of these lacks a column that the rule looks at;
/// with the columns that the stream that lacks the fewest has not. A stream says whether it has what a path
/// names. A rule that asks for a column not to be there is named too.
///
/// # Errors As for [`AdaptiveSampler::new`].
pub fn unmatched_rules(
    name: &str,
    settings: &Settings,
    streams: &[&dyn Fn(&PathRef) -> bool],
) -> Result<Vec<(String, String)>, PipelineError> {
    let plan = Plan::new(name, settings)?;
    let mut unmatched = Vec::new();
    for rule in &plan.rules {
        let lacks = |has: &&dyn Fn(&PathRef) -> bool| -> Vec<String> {
            let needed = rule.condition.needs();
            let mut columns: Vec<String> = needed
                .into_iter()
                .filter(|path| !has(path))
                .map(ToString::to_string)
                .collect();
            columns.sort();
            columns.dedup();
            columns
        };
        let fewest = streams.iter().map(lacks).min_by_key(Vec::len).unwrap_or_default();
        unmatched.extend(fewest.into_iter().map(|column| (rule.name.clone(), column)));
    }
    Ok(unmatched)
}
