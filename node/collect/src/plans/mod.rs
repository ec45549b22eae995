//! Plans of statements: which are asked for, how it is made sure that nothing is executed, and what is told of them.
//!
//! A reading of a stream of plans
//! 1. reads the counters of all statements, which says which ran since the last reading;
//! 2. reads the texts of those few whose plan is due: it is not known, not looked at for long, or their calls take
//!    longer or shorter than they did;
//! 3. asks for the plans of those that are proven to read and change nothing, as the target's budget allows;
//! 4. takes the literals out, and tells what is new, what has changed and what cannot be had.
//!
//! What cannot be proven is not asked for, and what cannot be scrubbed does not leave.

mod answer;
mod budget;
mod candidates;
mod change;
mod log;
mod meters;
mod proof;
mod reading;
mod reason;
mod retext;
mod rows;
mod state;
mod stored;

use std::sync::Arc;

use arrow_array::RecordBatch;
use ringwatch_config::settings::Plans;
use ringwatch_frame::Tick;

pub(crate) use self::budget::Budget;
pub(crate) use self::log::{KeptLog, LogMemory};
pub(crate) use self::meters::{PlanMeters, PlansOf};
pub(crate) use self::reason::Reason;
use self::state::Rules;
pub(crate) use self::state::States;
pub(crate) use self::stored::unfit;

/// What a stream of plans remembers.
pub(crate) struct PlansMemory {
    states: States,
    /// That of the target.
    budget: Arc<Budget>,
}

impl PlansMemory {
    /// Nothing is known, and the budget is that of this stream alone.
    pub(crate) fn new(settings: &Plans) -> Self {
        Self {
            states: States::default(),
            budget: Arc::new(Budget::new(settings.per_hour)),
        }
    }

    /// Its budget, for others to share.
    pub(crate) fn budget(&self) -> Arc<Budget> {
        Arc::clone(&self.budget)
    }

    /// Asks within this budget, which others share.
    pub(crate) fn share(&mut self, budget: &Arc<Budget>) {
        self.budget = Arc::clone(budget);
    }

    /// Goes on with what another one left. Says whether it can be read.
    pub(crate) fn resume(&mut self, batch: &RecordBatch, now: Tick) -> bool {
        let Some((states, left)) = stored::from_batch(batch, now) else {
            return false;
        };
        self.states = states;
        if let Some(left) = left {
            self.budget.resume(left, now);
        }
        true
    }

    /// A reading was collected: the next one goes on from here.
    pub(crate) fn collected(&mut self, states: States) {
        self.states = states;
    }
}

/// What a reading of plans leaves to the next one.
#[derive(Debug)]
pub(crate) struct KeptPlans {
    pub(crate) states: States,
    left: budget::Bucket,
}

impl KeptPlans {
    /// As others keep it.
    pub(crate) fn to_batch(&self) -> Option<RecordBatch> {
        stored::to_batch(&self.states, self.left)
    }
}

/// The largest plan that is taken, in bytes.
fn bytes_of(settings: &Plans) -> usize {
    let kilobytes = usize::try_from(settings.max_plan_size_kb).unwrap_or(usize::MAX);
    kilobytes.saturating_mul(1024)
}

/// When plans are asked for, by the receiver's settings.
fn rules(settings: &Plans) -> Rules {
    Rules {
        least: settings.min_calls.max(1).into(),
        per_query: settings.per_query_per_hour.max(1),
        sample: usize::try_from(settings.sample).unwrap_or(usize::MAX),
        failures: *settings.failures_remembered,
    }
}
