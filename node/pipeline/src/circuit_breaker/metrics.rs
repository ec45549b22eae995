//! What breakers say about themselves.

use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};

use super::phase::State;

const RECOVERY_SECONDS: [f64; 11] = [
    1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 14_400.0,
];
const LABEL: [&str; 1] = ["database"];

/// The metrics of all breakers of a node. Made once.
#[derive(Clone, Debug)]
pub struct BreakerMetrics {
    state: IntGaugeVec,
    trips: IntCounterVec,
    recovery: HistogramVec,
    slowdown: IntGaugeVec,
    rejected: IntCounterVec,
    timeout: GaugeVec,
}

impl BreakerMetrics {
    /// Registers them.
    ///
    /// # Errors
    /// When they are in `registry` already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let counter = |name: &str, help: &str| {
            let counter = IntCounterVec::new(Opts::new(name, help), &LABEL)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let recovery = HistogramOpts::new(
            "circuit_breaker_recovery_time_seconds",
            "From the opening of a circuit until it closed",
        );
        let recovery = HistogramVec::new(recovery.buckets(RECOVERY_SECONDS.to_vec()), &LABEL)?;
        registry.register(Box::new(recovery.clone()))?;
        let timeout = Opts::new(
            "circuit_breaker_timeout_seconds",
            "The longest timeout that was learnt for a stream of the target",
        );
        let timeout = GaugeVec::new(timeout, &LABEL)?;
        registry.register(Box::new(timeout.clone()))?;
        Ok(Self {
            state: gauge(
                "circuit_breaker_state",
                "0: closed, 1: open, 2: half-open; the label `state` says the same in words",
                &["database", "state"],
            )?,
            trips: counter(
                "circuit_breaker_trips_total",
                "How often a circuit opened by itself",
            )?,
            recovery,
            slowdown: gauge(
                "circuit_breaker_slowdown",
                "Only one of so many ticks is read",
                &LABEL,
            )?,
            rejected: counter(
                "circuit_breaker_rejected_readings_total",
                "Readings that were not made because of the breaker",
            )?,
            timeout,
        })
    }
}

/// The series of one target.
#[derive(Debug)]
pub(crate) struct Meters {
    name: String,
    metrics: BreakerMetrics,
    state: Option<State>,
    slowdown: u32,
}

impl Meters {
    /// The series of the target that is called `name`.
    pub(crate) fn new(name: &str, metrics: &BreakerMetrics) -> Self {
        let (name, metrics) = (name.to_owned(), metrics.clone());
        // So that rates have a beginning.
        metrics.trips.with_label_values(&[&name]);
        metrics.rejected.with_label_values(&[&name]);
        Self {
            name,
            metrics,
            state: None,
            slowdown: 0,
        }
    }

    /// Shows what the circuit is: one series, whose label goes with its value.
    pub(crate) fn state(&mut self, state: State) {
        if self.state != Some(state) {
            self.forget_state();
            self.metrics
                .state
                .with_label_values(&[self.name.as_str(), state.as_str()])
                .set(state.code());
            self.state = Some(state);
        }
    }

    /// Shows the slowdown. Says what it was, when it is another.
    pub(crate) fn slowdown(&mut self, factor: u32) -> Option<u32> {
        if self.slowdown == factor {
            return None;
        }
        self.metrics
            .slowdown
            .with_label_values(&[&self.name])
            .set(i64::from(factor));
        Some(std::mem::replace(&mut self.slowdown, factor))
    }

    /// Shows the longest timeout, if there is one.
    pub(crate) fn timeout(&self, timeout: Option<std::time::Duration>) {
        match timeout {
            Some(timeout) => {
                self.metrics
                    .timeout
                    .with_label_values(&[&self.name])
                    .set(timeout.as_secs_f64());
            }
            None => gone(self.metrics.timeout.remove_label_values(&[&self.name])),
        }
    }

    /// The circuit opened by itself.
    pub(crate) fn tripped(&self) {
        self.metrics.trips.with_label_values(&[&self.name]).inc();
    }

    /// It closed again.
    pub(crate) fn recovered(&self, after: std::time::Duration) {
        self.metrics
            .recovery
            .with_label_values(&[&self.name])
            .observe(after.as_secs_f64());
    }

    /// A reading was refused.
    pub(crate) fn rejected(&self) {
        self.metrics.rejected.with_label_values(&[&self.name]).inc();
    }

    /// The target is gone for now: nothing is shown of its present.
    pub(crate) fn hide(&mut self) {
        self.forget_state();
        self.timeout(None);
        gone(self.metrics.slowdown.remove_label_values(&[&self.name]));
        self.slowdown = 0;
    }

    /// The target is gone for good: nothing is shown at all.
    pub(crate) fn remove(&mut self) {
        self.hide();
        gone(self.metrics.trips.remove_label_values(&[&self.name]));
        gone(self.metrics.rejected.remove_label_values(&[&self.name]));
        gone(self.metrics.recovery.remove_label_values(&[&self.name]));
    }

    fn forget_state(&mut self) {
        if let Some(state) = self.state.take() {
            let labels = [self.name.as_str(), state.as_str()];
            gone(self.metrics.state.remove_label_values(&labels));
        }
    }
}

/// A series that is not there need not be removed.
fn gone(_: Result<(), prometheus::Error>) {}
