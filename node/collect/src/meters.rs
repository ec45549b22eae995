//! The collector's own metrics.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::{CounterVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};
use ringwatch_frame::{StreamId, TargetId};

use crate::delta::Uncertain;
use crate::ownership::Refusal;
use crate::plans::{PlanMeters, PlansOf};

/// What became of a tick: the label `outcome` of `ringwatch_ticks_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    /// Read, and its frame handed on.
    Collected,
    /// Another member owns the target.
    NotOwned,
    /// A breaker is open.
    BreakerOpen,
    /// The target's budget is used up.
    Budget,
    /// Such readings are switched off.
    SwitchedOff,
    /// No answer came in time.
    Timeout,
    /// The reading failed.
    Error,
    /// It could not be begun before the next tick, because readings before it took too long.
    Late,
    /// It could not be begun before the next tick, because this node had been paused and was not sure to own
    /// the target.
    Paused,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Collected => "collected",
            Self::NotOwned => "not_owned",
            Self::BreakerOpen => "breaker_open",
            Self::Budget => "budget",
            Self::SwitchedOff => "switched_off",
            Self::Timeout => "timeout",
            Self::Error => "error",
            Self::Late => "late",
            Self::Paused => "paused",
        }
    }
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotOwned => Self::NotOwned,
            Refusal::BreakerOpen => Self::BreakerOpen,
            Refusal::Budget => Self::Budget,
            Refusal::SwitchedOff => Self::SwitchedOff,
            Refusal::Unsure => Self::Paused,
        }
    }
}

/// All metrics of the collector.
#[derive(Debug)]
pub(crate) struct Meters {
    ticks: IntCounterVec,
    lateness: HistogramVec,
    up: IntGaugeVec,
    query_seconds: CounterVec,
    queries: IntCounterVec,
    uncertain: IntCounterVec,
    connections: IntGaugeVec,
    plans: PlanMeters,
}

impl Meters {
    /// Registers the metrics.
    pub(crate) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let buckets = vec![
            0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
        ];
        let lateness = HistogramOpts::new(
            "ringwatch_tick_lateness_seconds",
            "How long after its tick a reading began.",
        );
        let meters = Self {
            ticks: IntCounterVec::new(
                Opts::new(
                    "ringwatch_ticks_total",
                    "Ticks by what became of them; each tick is counted once.",
                ),
                &["target", "stream", "outcome"],
            )?,
            lateness: HistogramVec::new(lateness.buckets(buckets), &["stream"])?,
            up: IntGaugeVec::new(
                Opts::new(
                    "ringwatch_target_up",
                    "Whether the last attempt to speak to the target succeeded.",
                ),
                &["target"],
            )?,
            query_seconds: CounterVec::new(
                Opts::new(
                    "ringwatch_target_query_seconds_sum",
                    "Time that readings of the target took.",
                ),
                &["target", "stream"],
            )?,
            queries: IntCounterVec::new(
                Opts::new(
                    "ringwatch_target_query_seconds_count",
                    "Readings of the target that were begun.",
                ),
                &["target", "stream"],
            )?,
            uncertain: IntCounterVec::new(
                Opts::new(
                    "ringwatch_uncertain_rows_total",
                    "Rows of which something was counted that no reading can tell any more.",
                ),
                &["target", "stream", "reason"],
            )?,
            connections: IntGaugeVec::new(
                Opts::new(
                    "ringwatch_target_connections",
                    "Connections to the target that are open.",
                ),
                &["target"],
            )?,
            plans: PlanMeters::new(registry)?,
        };
        let all: [Box<dyn Collector>; 7] = [
            Box::new(meters.ticks.clone()),
            Box::new(meters.lateness.clone()),
            Box::new(meters.up.clone()),
            Box::new(meters.query_seconds.clone()),
            Box::new(meters.queries.clone()),
            Box::new(meters.uncertain.clone()),
            Box::new(meters.connections.clone()),
        ];
        for collector in all {
            registry.register(collector)?;
        }
        Ok(meters)
    }
}

/// The metrics of one target. When it is dropped, the target's series are taken away.
#[derive(Debug)]
pub(crate) struct TargetMeters {
    target: TargetId,
    meters: Arc<Meters>,
}

impl TargetMeters {
    /// The metrics of `target`, which is not up before it has answered.
    pub(crate) fn new(target: &TargetId, meters: &Arc<Meters>) -> Self {
        let own = Self {
            target: target.clone(),
            meters: Arc::clone(meters),
        };
        own.up(false);
        own.meters.connections.with_label_values(&[own.name()]).set(0);
        own
    }

    fn name(&self) -> &str {
        self.target.as_str()
    }

    /// Counts `count` ticks.
    pub(crate) fn ticks(&self, stream: &StreamId, outcome: Outcome, count: u64) {
        let label = stream.to_string();
        self.meters
            .ticks
            .with_label_values(&[self.name(), &label, outcome.as_str()])
            .inc_by(count);
    }

    /// A reading that was collected had begun so long after its tick. What a sick target's readings wait is not
    /// lateness of the node.
    pub(crate) fn began(&self, stream: &StreamId, lateness: Duration) {
        self.meters
            .lateness
            .with_label_values(&[stream.name()])
            .observe(lateness.as_secs_f64());
    }

    /// A reading took so long.
    pub(crate) fn took(&self, stream: &StreamId, time: Duration) {
        let label = stream.to_string();
        self.meters
            .query_seconds
            .with_label_values(&[self.name(), &label])
            .inc_by(time.as_secs_f64());
        self.meters
            .queries
            .with_label_values(&[self.name(), &label])
            .inc();
    }

    /// Counts what cannot be known.
    pub(crate) fn uncertain(&self, stream: &StreamId, uncertain: Uncertain) {
        let label = stream.to_string();
        for (reason, rows) in [("reset", uncertain.reset), ("evicted", uncertain.evicted)] {
            if rows > 0 {
                self.meters
                    .uncertain
                    .with_label_values(&[self.name(), &label, reason])
                    .inc_by(rows);
            }
        }
    }

    /// Whether the last attempt to speak to the target succeeded.
    pub(crate) fn up(&self, up: bool) {
        self.meters
            .up
            .with_label_values(&[self.name()])
            .set(i64::from(up));
    }

    /// The metrics of the target's plans.
    pub(crate) fn plans(&self) -> PlansOf<'_> {
        self.meters.plans.of(self.name())
    }

    /// Connections were opened or closed.
    pub(crate) fn connections(&self, change: i64) {
        self.meters
            .connections
            .with_label_values(&[self.name()])
            .add(change);
    }
}

impl Drop for TargetMeters {
    fn drop(&mut self) {
        let meters = &self.meters;
        forget(&meters.ticks, self.name());
        forget(&meters.up, self.name());
        forget(&meters.query_seconds, self.name());
        forget(&meters.queries, self.name());
        forget(&meters.uncertain, self.name());
        forget(&meters.connections, self.name());
        meters.plans.forget(self.name());
    }
}

/// Removes the series of `target`.
pub(crate) fn forget<B: MetricVecBuilder>(vec: &MetricVec<B>, target: &str) {
    for family in vec.collect() {
        for metric in family.get_metric() {
            let labels: HashMap<&str, &str> = metric
                .get_label()
                .iter()
                .map(|label| (label.name(), label.value()))
                .collect();
            if labels.get("target") == Some(&target) {
                // It fails only when the series is gone already.
                let _ = vec.remove(&labels);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_of_a_target_go_with_it() {
        let registry = Registry::new();
        let meters = Arc::new(Meters::new(&registry).unwrap());
        let (a, b) = (
            TargetId::new("postgresql", "a:1"),
            TargetId::new("postgresql", "b:1"),
        );
        let (of_a, of_b) = (TargetMeters::new(&a, &meters), TargetMeters::new(&b, &meters));
        let stream = StreamId::of_database("s", "app");
        for meters in [&of_a, &of_b] {
            meters.ticks(&stream, Outcome::Late, 3);
            meters.took(&stream, Duration::from_millis(5));
            meters.uncertain(&stream, Uncertain { reset: 1, evicted: 2 });
        }
        drop(of_a);
        let text = prometheus::TextEncoder::new()
            .encode_to_string(&registry.gather())
            .unwrap();
        assert!(!text.contains("a:1"), "{text}");
        assert!(
            text.contains(
                r#"ringwatch_ticks_total{outcome="late",stream="s/app",target="postgresql://b:1"} 3"#
            ),
            "{text}"
        );
        assert!(Meters::new(&registry).is_err(), "twice in one registry");
    }
}
