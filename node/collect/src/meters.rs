//! The collector's own metrics.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::{
    CounterVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
};
use ringwatch_frame::{Epoch, StreamId, TargetId, Tick};

use crate::delta::Uncertain;
pub(crate) use crate::outcome::Outcome;
use crate::plans::{PlanMeters, PlansOf};
use crate::tick_book::{EndedTicks, NoTickBook, TickBook};

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
    /// How many count for each target: its lanes, and who stands by for it.
    holders: Mutex<HashMap<TargetId, usize>>,
    book: Book,
}

/// Who keeps the books of ticks.
struct Book(Arc<dyn TickBook>);

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Book")
    }
}

/// Ticks of one stream that ended alike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended<'a> {
    /// The stream.
    pub(crate) stream: &'a StreamId,
    /// What became of them.
    pub(crate) outcome: Outcome,
    /// The last of them, and how many there are.
    pub(crate) last: (Tick, u64),
    /// The stream's interval.
    pub(crate) interval: Duration,
    /// The view under which they were read, if they were.
    pub(crate) epoch: Option<Epoch>,
}

impl Meters {
    /// Registers the metrics.
    pub(crate) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let buckets = vec![
            0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0, 2.0, 5.0, 10.0,
        ];
        let lateness = HistogramOpts::new(
            "ringwatch_tick_lateness_seconds",
            "How long after its tick a reading that succeeded began.",
        );
        let meters = Self {
            ticks: IntCounterVec::new(
                Opts::new(
                    "ringwatch_ticks_total",
                    "Ticks by what became of them; each tick is counted once.",
                ),
                &["target", "stream", "outcome"],
            )?,
            lateness: HistogramVec::new(lateness.buckets(buckets), &["stream", "outcome"])?,
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
            holders: Mutex::default(),
            book: Book(Arc::new(NoTickBook)),
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

    /// The same, which tell `book` of every tick.
    pub(crate) fn with_book(mut self, book: Arc<dyn TickBook>) -> Self {
        self.book = Book(book);
        self
    }

    fn holders(&self) -> MutexGuard<'_, HashMap<TargetId, usize>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The metrics of one target. When the last of them is dropped, the target's series are taken away.
#[derive(Debug)]
pub(crate) struct TargetMeters {
    target: TargetId,
    meters: Arc<Meters>,
    /// Whether it says if the target is up.
    tells_up: bool,
}

impl TargetMeters {
    /// The metrics of `target`, which is not up before it has answered.
    pub(crate) fn new(target: &TargetId, meters: &Arc<Meters>) -> Self {
        let own = Self::counted(target, meters, true);
        own.up(false);
        own
    }

    /// The metrics of a target that another node reads: whether it is up is not told twice.
    pub(crate) fn of_standby(target: &TargetId, meters: &Arc<Meters>) -> Self {
        Self::counted(target, meters, false)
    }

    fn counted(target: &TargetId, meters: &Arc<Meters>, tells_up: bool) -> Self {
        *meters.holders().entry(target.clone()).or_default() += 1;
        let own = Self {
            target: target.clone(),
            meters: Arc::clone(meters),
            tells_up,
        };
        own.connections(0);
        own
    }

    fn name(&self) -> &str {
        self.target.as_str()
    }

    /// A stream has begun: its series is there before its first tick.
    pub(crate) fn begun(&self, stream: &StreamId) {
        self.ticks(stream, Outcome::Collected).inc_by(0);
    }

    /// Counts ticks that have ended.
    pub(crate) fn ended(&self, ended: &Ended<'_>) {
        self.ticks(ended.stream, ended.outcome).inc_by(ended.last.1);
        self.noted(ended);
    }

    /// Writes down how ticks ended here that are another node's to count.
    pub(crate) fn noted(&self, ended: &Ended<'_>) {
        let (last, count) = ended.last;
        self.meters.book.0.ended(&EndedTicks {
            target: &self.target,
            stream: ended.stream,
            last,
            count,
            interval: ended.interval,
            outcome: ended.outcome.as_str(),
            epoch: ended.epoch,
        });
    }

    fn ticks(&self, stream: &StreamId, outcome: Outcome) -> IntCounter {
        let label = stream.to_string();
        let labels = [self.name(), &label, outcome.as_str()];
        self.meters.ticks.with_label_values(&labels)
    }

    /// A reading that was collected or covered had begun so long after its tick. What a sick target's readings wait is
    /// not lateness of the node, and a cover is late because it waits for the owner.
    pub(crate) fn began(&self, stream: &StreamId, outcome: Outcome, lateness: Duration) {
        self.meters
            .lateness
            .with_label_values(&[stream.name(), outcome.as_str()])
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
        for (reason, rows) in [
            ("reset", uncertain.reset),
            ("evicted", uncertain.evicted),
            ("baseline", uncertain.baseline),
        ] {
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
        if !self.tells_up {
            return;
        }
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
        let mut holders = meters.holders();
        if let Some(count) = holders.get_mut(&self.target) {
            *count = count.saturating_sub(1);
        }
        if self.tells_up {
            forget(&meters.up, self.name());
        }
        if holders.get(&self.target).is_some_and(|count| *count > 0) {
            return;
        }
        holders.remove(&self.target);
        forget(&meters.ticks, self.name());
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
            meters.ended(&Ended {
                stream: &stream,
                outcome: Outcome::Late,
                last: (Tick::from_unix_nanos(0), 3),
                interval: Duration::from_secs(1),
                epoch: None,
            });
            meters.took(&stream, Duration::from_millis(5));
            meters.uncertain(
                &stream,
                Uncertain {
                    reset: 1,
                    evicted: 2,
                    baseline: 3,
                },
            );
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
