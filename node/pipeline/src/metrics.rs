//! What the pipelines of a node say about themselves.

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};

const BATCH_ROWS: [f64; 14] = [
    10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 8_192.0, 16_384.0, 32_768.0, 65_536.0,
    131_072.0,
];
const BATCH_SECONDS: [f64; 12] = [
    0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
const SECONDS: [f64; 10] = [
    0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 1.0,
];

/// The metrics of all pipelines of a node. Made once; processors of the same name in several pipelines share
/// their series.
#[derive(Clone, Debug)]
pub struct PipelineMetrics {
    pub(crate) incoming: IntCounterVec,
    pub(crate) outgoing: IntCounterVec,
    pub(crate) seconds: HistogramVec,
    pub(crate) batch_timeouts: IntCounterVec,
    pub(crate) batch_fills: IntCounterVec,
    pub(crate) batch_rows: HistogramVec,
    pub(crate) batch_seconds: HistogramVec,
    pub(crate) refused: IntCounterVec,
    pub(crate) limit: IntGaugeVec,
    pub(crate) transform_faults: IntCounterVec,
}

impl PipelineMetrics {
    /// How many rows have come to a processor of a pipeline so far, and how many it passed on.
    pub fn rows(&self, processor: &str, pipeline: &str) -> (u64, u64) {
        let labels = [processor, pipeline];
        (
            self.incoming.with_label_values(&labels).get(),
            self.outgoing.with_label_values(&labels).get(),
        )
    }

    /// Registers them.
    ///
    /// # Errors
    /// When they are in `registry` already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let histogram = |name: &str, help: &str, label: &str, buckets: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            let histogram = HistogramVec::new(options, &[label])?;
            registry.register(Box::new(histogram.clone()))?;
            Ok::<_, prometheus::Error>(histogram)
        };
        let stage = ["processor", "pipeline"];
        Ok(Self {
            incoming: counter(
                "otelcol_processor_incoming_items",
                "Rows that came to a processor",
                &stage,
            )?,
            outgoing: counter(
                "otelcol_processor_outgoing_items",
                "Rows that a processor passed on",
                &stage,
            )?,
            seconds: histogram(
                "ringwatch_pipeline_seconds",
                "Time of a frame in the processors, without its waiting in a batch",
                "pipeline",
                &SECONDS,
            )?,
            batch_timeouts: counter(
                "otelcol_processor_batch_timeout_trigger_send",
                "Batches that went on because of the timeout",
                &["processor"],
            )?,
            batch_fills: counter(
                "otelcol_processor_batch_batch_size_trigger_send",
                "Batches that went on because they were full",
                &["processor"],
            )?,
            batch_rows: histogram(
                "otelcol_processor_batch_batch_send_size",
                "Rows of a batch",
                "processor",
                &BATCH_ROWS,
            )?,
            batch_seconds: histogram(
                "otelcol_processor_batch_latency_seconds",
                "How long the oldest frame of a batch waited in it",
                "processor",
                &BATCH_SECONDS,
            )?,
            refused: counter(
                "ringwatch_memory_limiter_refused_rows_total",
                "Rows that were refused",
                &["processor"],
            )?,
            limit: limit(registry)?,
            transform_faults: counter(
                "ringwatch_transform_faults_total",
                "Statements and conditions that could not be carried out on what came",
                &["processor"],
            )?,
        })
    }
}

fn limit(registry: &Registry) -> Result<IntGaugeVec, prometheus::Error> {
    let name = "ringwatch_memory_limiter_limit_bytes";
    let limit = IntGaugeVec::new(Opts::new(name, "From here on frames are refused"), &["processor"])?;
    registry.register(Box::new(limit.clone()))?;
    Ok(limit)
}
