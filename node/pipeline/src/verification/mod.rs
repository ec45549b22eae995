//! `verification`: checks rows before they leave.
//!
//! Whether they are whole and make sense (`quality`), whether their texts hold what must not leave (`pii`),
//! and whether statements behave as usual (`anomaly`). What is found is a [`Finding`]; a person may say that
//! it was wrong, and the check learns from it. Some faults are mended, but only so many in a time
//! (`healing`).
//!
//! [`Verification`] is the component of the configuration, [`VerificationProcessor`] its work in one
//! pipeline, with a memory of its own; findings and feedback are there once.

mod anomaly;
mod columns;
mod control;
mod core;
mod finding;
mod findings;
mod healing;
mod mend;
mod metrics;
mod names;
mod pii;
mod plan;
mod processor;
mod quality;
mod report;
mod shape;
mod shared;
mod state;
mod steps;
mod tags;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use ringwatch_config::settings::{StateBackend, Verification as Settings};
use ringwatch_frame::Clock;

pub(crate) use anomaly::AsItIs;
pub use anomaly::Measure;
pub use control::{FeedbackError, VerificationControl, VerificationStatus};
pub use finding::{Check, Finding, FindingId, NoFindingId, Verdict};
pub use healing::Fix;
pub use metrics::VerificationMetrics;
pub use processor::VerificationProcessor;
pub use state::VerificationState;

use crate::store::{FileStore, Keeper, KeeperHandle, StateStore, recall, start_keeper};
use crate::{PipelineError, Resolver};
use plan::Plan;
use shared::Shared;

/// A state is written at most so often.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// A verification as the configuration names it.
pub struct Verification {
    name: String,
    shared: Arc<Shared>,
    resolver: Resolver,
    metrics: VerificationMetrics,
}

impl Verification {
    /// A verification that begins with what `remembered` holds and gives what it remembers to `keeper`.
    ///
    /// # Errors
    /// When a condition is none, a class is not known or a pattern cannot be used, or the system has no random
    /// numbers for a key of hashes.
    pub fn new(
        name: &str,
        settings: &Settings,
        resolver: Resolver,
        metrics: &VerificationMetrics,
        clock: &Clock,
        (keeper, remembered): (Option<Keeper>, Option<VerificationState>),
    ) -> Result<Self, PipelineError> {
        let plan = Plan::new(name, settings)?;
        let (state, feedback) = (remembered.unwrap_or_default(), metrics.feedback(name));
        Ok(Self {
            name: name.to_owned(),
            shared: Arc::new(Shared::new(name, plan, keeper, clock.clone(), state, feedback)?),
            resolver,
            metrics: metrics.clone(),
        })
    }

    /// A verification whose state is in `store`: what is there is read, and its keeper is started. The handle
    /// is to be stopped after the pipelines.
    ///
    /// # Errors
    /// As for [`Verification::new`].
    pub async fn start(
        name: &str,
        settings: &Settings,
        resolver: Resolver,
        metrics: &VerificationMetrics,
        store: Option<Arc<dyn StateStore>>,
        clock: &Clock,
    ) -> Result<(Self, Option<KeeperHandle>), PipelineError> {
        let Some(store) = store else {
            let new = Self::new(name, settings, resolver, metrics, clock, (None, None))?;
            return Ok((new, None));
        };
        let remembered = recall(name, &store).await;
        let (keeper, handle) = start_keeper(name, store, SAVE_EVERY, metrics.save_failures(name));
        let state = (Some(keeper), remembered);
        let verification = Self::new(name, settings, resolver, metrics, clock, state)?;
        Ok((verification, Some(handle)))
    }

    /// Its work in `pipeline`.
    pub fn processor(&self, pipeline: &str) -> VerificationProcessor {
        VerificationProcessor::new(
            &self.name,
            pipeline,
            Arc::clone(&self.shared),
            Arc::clone(&self.resolver),
            self.metrics.series(&self.name, pipeline),
        )
    }

    /// The handle by which it is looked at and told what it got wrong.
    pub fn control(&self) -> VerificationControl {
        VerificationControl(Arc::clone(&self.shared))
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

/// Whether these settings can be used: conditions, classes and patterns.
///
/// # Errors
/// As for [`Verification::new`].
pub fn check(name: &str, settings: &Settings) -> Result<(), PipelineError> {
    Plan::new(name, settings).map(|_| ())
}
