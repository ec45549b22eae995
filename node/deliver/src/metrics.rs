//! What an exporter says of itself.

use std::sync::{Mutex, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use crate::queue::Queue;
use crate::status::CircuitState;
use crate::{DeliverError, Signal};

/// Bounds of the latency histogram in seconds.
const SECONDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Counters of one signal.
#[derive(Clone, Debug)]
struct Items {
    sent: IntCounter,
    failed: IntCounter,
}

/// The metrics of an exporter that sends.
#[derive(Clone, Debug)]
pub(crate) struct SendMetrics {
    points: Items,
    records: Items,
    /// Attempts by the code of their answer.
    pub(crate) attempts: IntCounterVec,
    /// How long an attempt took.
    pub(crate) seconds: Histogram,
}

impl SendMetrics {
    /// Makes and registers those of the exporter `name`.
    pub(crate) fn register(name: &str, registry: &Registry) -> Result<Self, DeliverError> {
        let wrong = |source| DeliverError::Metrics {
            exporter: name.to_owned(),
            source,
        };
        Self::try_register(name, registry).map_err(wrong)
    }

    fn try_register(name: &str, registry: &Registry) -> prometheus::Result<Self> {
        let counter = |metric: &str, help: &str| {
            let counter = IntCounter::with_opts(opts(name, metric, help))?;
            registry.register(Box::new(counter.clone()))?;
            prometheus::Result::Ok(counter)
        };
        let failed = "that were dropped after an attempt, or that the backend rejected";
        let metrics = Self {
            points: Items {
                sent: counter(
                    "otelcol_exporter_sent_metric_points",
                    "Metric points that the backend took",
                )?,
                failed: counter(
                    "otelcol_exporter_send_failed_metric_points",
                    &format!("Metric points {failed}"),
                )?,
            },
            records: Items {
                sent: counter(
                    "otelcol_exporter_sent_log_records",
                    "Log records that the backend took",
                )?,
                failed: counter(
                    "otelcol_exporter_send_failed_log_records",
                    &format!("Log records {failed}"),
                )?,
            },
            attempts: IntCounterVec::new(
                opts(
                    name,
                    "ringwatch_export_attempts_total",
                    "Attempts to send, by the gRPC code of the answer",
                ),
                &["code"],
            )?,
            seconds: Histogram::with_opts(HistogramOpts {
                common_opts: opts(
                    name,
                    "ringwatch_export_seconds",
                    "How long an attempt to send took",
                ),
                buckets: SECONDS.to_vec(),
            })?,
        };
        registry.register(Box::new(metrics.attempts.clone()))?;
        registry.register(Box::new(metrics.seconds.clone()))?;
        Ok(metrics)
    }

    /// `items` points or records arrived.
    pub(crate) fn sent(&self, signal: Signal, items: u64) {
        self.of(signal).sent.inc_by(items);
    }

    /// `items` points or records will never arrive.
    pub(crate) fn failed(&self, signal: Signal, items: u64) {
        self.of(signal).failed.inc_by(items);
    }

    fn of(&self, signal: Signal) -> &Items {
        match signal {
            Signal::Metrics => &self.points,
            Signal::Logs => &self.records,
        }
    }
}

/// The metrics of an exporter's circuit.
#[derive(Clone, Debug)]
pub(crate) struct CircuitMetrics {
    state: IntGauge,
    rate_limited: IntCounter,
}

impl CircuitMetrics {
    /// Makes and registers those of the exporter `name`.
    pub(crate) fn register(name: &str, registry: &Registry) -> Result<Self, DeliverError> {
        let register = || {
            let state = IntGauge::with_opts(opts(
                name,
                "ringwatch_exporter_circuit_state",
                "Whether the exporter sends to its backend: 0 it does, 1 it holds back, 2 one request decides for all",
            ))?;
            let rate_limited = IntCounter::with_opts(opts(
                name,
                "ringwatch_exporter_rate_limited_total",
                "Attempts after which the backend asked for rest",
            ))?;
            registry.register(Box::new(state.clone()))?;
            registry.register(Box::new(rate_limited.clone()))?;
            prometheus::Result::Ok(Self { state, rate_limited })
        };
        register().map_err(|source| DeliverError::Metrics {
            exporter: name.to_owned(),
            source,
        })
    }

    pub(crate) fn set_state(&self, state: CircuitState) {
        self.state.set(state.code());
    }

    pub(crate) fn rate_limited(&self) {
        self.rate_limited.inc();
    }
}

fn opts(exporter: &str, metric: &str, help: &str) -> Opts {
    Opts::new(metric, help).const_label("exporter", exporter)
}

/// The metrics of a queue, read when they are asked for.
struct QueueMetrics<Q> {
    queue: Q,
    size: Gauge,
    capacity: Gauge,
    frames: Gauge,
    bytes: Gauge,
    oldest: Gauge,
    refused: IntCounter,
    /// Two that ask at the same time must not count the same rows twice.
    asking: Mutex<()>,
}

/// Registers the metrics of the queue of the exporter `name`.
pub(crate) fn register_queue<Q: Queue>(
    name: &str,
    queue: Q,
    registry: &Registry,
) -> Result<(), DeliverError> {
    let gauge = |metric, help| Gauge::with_opts(opts(name, metric, help));
    let metrics = || {
        prometheus::Result::Ok(QueueMetrics {
            queue,
            size: gauge("otelcol_exporter_queue_size", "Batches that wait")?,
            capacity: gauge(
                "otelcol_exporter_queue_capacity",
                "The most batches that may wait",
            )?,
            frames: gauge(
                "ringwatch_queue_frames",
                "Frames that wait or are on their way to the backend",
            )?,
            bytes: gauge(
                "ringwatch_queue_bytes",
                "Memory of the frames that wait or are on their way",
            )?,
            oldest: gauge(
                "ringwatch_queue_oldest_seconds",
                "How long the oldest of these frames has been here",
            )?,
            refused: IntCounter::with_opts(opts(
                name,
                "ringwatch_queue_refused_rows_total",
                "Rows that the queue, full or closed, did not take",
            ))?,
            asking: Mutex::default(),
        })
    };
    metrics()
        .and_then(|metrics| registry.register(Box::new(metrics)))
        .map_err(|source| DeliverError::Metrics {
            exporter: name.to_owned(),
            source,
        })
}

impl<Q> QueueMetrics<Q> {
    fn gauges(&self) -> [&Gauge; 5] {
        [
            &self.size,
            &self.capacity,
            &self.frames,
            &self.bytes,
            &self.oldest,
        ]
    }
}

impl<Q: Queue> Collector for QueueMetrics<Q> {
    fn desc(&self) -> Vec<&Desc> {
        let gauges = self.gauges().into_iter().flat_map(|gauge| gauge.desc());
        gauges.chain(self.refused.desc()).collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges are doubles")]
    fn collect(&self) -> Vec<MetricFamily> {
        let _asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.queue.state();
        self.size.set(state.waiting as f64);
        self.capacity.set(state.capacity as f64);
        self.frames.set(state.frames as f64);
        self.bytes.set(state.bytes as f64);
        self.oldest.set(state.oldest.as_secs_f64());
        self.refused
            .inc_by(state.refused_rows.saturating_sub(self.refused.get()));
        let gauges = self.gauges().into_iter().flat_map(Collector::collect);
        gauges.chain(self.refused.collect()).collect()
    }
}
