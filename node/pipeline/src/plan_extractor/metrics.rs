//! What plan extractors say about themselves.

use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};

const SECONDS: [f64; 12] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.025, 0.1, 0.5, 5.0,
];

/// The metrics of all plan extractors of a node.
#[derive(Clone, Debug)]
pub struct PlanMetrics {
    pub(super) hit_rate: GaugeVec,
    pub(super) p99: GaugeVec,
    pub(super) seconds: HistogramVec,
    pub(super) plans: IntCounterVec,
    pub(super) rejected: IntCounterVec,
    pub(super) insights: IntCounterVec,
    pub(super) cached: IntGaugeVec,
    pub(super) cached_bytes: IntGaugeVec,
}

impl PlanMetrics {
    /// Registers them.
    ///
    /// # Errors
    /// When they are in `registry` already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str, label: &str| {
            let counter = IntCounterVec::new(Opts::new(name, help), &["processor", label])?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = GaugeVec::new(Opts::new(name, help), &["processor"])?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let int_gauge = |name: &str, help: &str| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), &["processor"])?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let options = HistogramOpts::new("plan_parser_seconds", "Time to read one plan that was not known");
        let seconds = HistogramVec::new(options.buckets(SECONDS.to_vec()), &["processor"])?;
        registry.register(Box::new(seconds.clone()))?;
        Ok(Self {
            hit_rate: gauge(
                "plan_parser_cache_hit_rate",
                "The share of plans that were known already, of all distinct ones of all frames",
            )?,
            p99: gauge(
                "plan_parser_p99_latency_ms",
                "Milliseconds within which 99 of 100 of the last 1024 plans were read",
            )?,
            seconds,
            plans: counter(
                "plan_parser_plans_total",
                "Distinct plans of each frame, by whether they were known, read or refused",
                "outcome",
            )?,
            rejected: counter(
                "plan_rejected_total",
                "Plans that could not be read, and were taken out",
                "reason",
            )?,
            insights: counter(
                "plan_parser_insights_total",
                "What was remarked on in plans that were read",
                "kind",
            )?,
            cached: int_gauge("plan_parser_cache_plans", "Plans that are remembered")?,
            cached_bytes: int_gauge("plan_parser_cache_bytes", "Bytes that remembered plans take")?,
        })
    }
}
