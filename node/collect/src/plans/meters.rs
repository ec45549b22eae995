//! The metrics of plans.

use prometheus::core::Collector;
use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

use super::reason::Reason;
use crate::meters::forget;

/// What became of a statement whose plan was due: the label `outcome` of `ringwatch_plan_requests_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum PlanRequest {
    /// There is a plan.
    Plan,
    /// There is none; `ringwatch_plan_failures_total` says why.
    Failure,
    /// It was not asked for: the hour's plans are used up.
    Budget,
    /// It was not asked for yet: the reading took too long, or a breaker is not closed.
    Deferred,
}

impl PlanRequest {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Failure => "failure",
            Self::Budget => "budget",
            Self::Deferred => "deferred",
        }
    }
}

/// The metrics of all targets' plans.
#[derive(Debug)]
pub(crate) struct PlanMeters {
    requests: IntCounterVec,
    budget: IntGaugeVec,
    failures: IntCounterVec,
}

impl PlanMeters {
    /// Registers the metrics.
    pub(crate) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let requests = Opts::new(
            "ringwatch_plan_requests_total",
            "Statements whose plan was due, by what became of it.",
        );
        let budget = Opts::new(
            "ringwatch_plan_budget_left",
            "Plans that may be asked of the target at once.",
        );
        let failures = Opts::new(
            "ringwatch_plan_failures_total",
            "Statements of which there is no plan, by reason.",
        );
        let meters = Self {
            requests: IntCounterVec::new(requests, &["target", "outcome"])?,
            budget: IntGaugeVec::new(budget, &["target"])?,
            failures: IntCounterVec::new(failures, &["reason"])?,
        };
        let all: [Box<dyn Collector>; 3] = [
            Box::new(meters.requests.clone()),
            Box::new(meters.budget.clone()),
            Box::new(meters.failures.clone()),
        ];
        for collector in all {
            registry.register(collector)?;
        }
        Ok(meters)
    }

    /// Those of one target.
    pub(crate) fn of<'a>(&'a self, target: &'a str) -> PlansOf<'a> {
        PlansOf { meters: self, target }
    }

    /// Takes the series of a target away.
    pub(crate) fn forget(&self, target: &str) {
        forget(&self.requests, target);
        forget(&self.budget, target);
    }
}

/// The metrics of one target's plans.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlansOf<'a> {
    meters: &'a PlanMeters,
    target: &'a str,
}

impl PlansOf<'_> {
    /// So many statements' plans were due, and this became of them.
    pub(super) fn requests(self, outcome: PlanRequest, count: usize) {
        self.meters
            .requests
            .with_label_values(&[self.target, outcome.as_str()])
            .inc_by(count as u64);
    }

    /// There is no plan of so many statements that were asked for or logged.
    pub(super) fn failures(self, reason: Reason, count: u64) {
        self.meters
            .failures
            .with_label_values(&[reason.as_str()])
            .inc_by(count);
    }

    /// So many plans may still be asked of the target.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is never more than an hour's plans"
    )]
    pub(super) fn budget(self, left: f64) {
        self.meters
            .budget
            .with_label_values(&[self.target])
            .set(left.floor() as i64);
    }
}
