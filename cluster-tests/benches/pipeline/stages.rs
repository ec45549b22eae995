//! The stages of the way, in the order and with the settings of the reference configuration.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use arrow_array::RecordBatch;
use prometheus::Registry;
use ringwatch_catalogue::model::{Metric, MetricKind, MetricValue, Point};
use ringwatch_catalogue::{Projection, Projections};
use ringwatch_deliver::otlp::encode_metrics;
use ringwatch_frame::{
    Batch, Books, Clock, Epoch, Frame, FrameId, FrameMeta, Place, Resource, StreamId, TargetId, Tick, Value,
};
use ringwatch_pipeline::transform::{Lookup, Signal};
use ringwatch_pipeline::verification::{Verification, VerificationMetrics};
use ringwatch_pipeline::{
    AdaptiveSampler, AttributesProcessor, BatchProcessor, CircuitBreakerProcessor, MemoryLimiter,
    PipelineMetrics, PlanExtractor, PlanMetrics, Processor, Resolver, ResourceProcessor, SamplerMetrics,
    TransformProcessor,
};
use serde_json::json;
use tokio::time::Instant;

pub(crate) const STAGES: [&str; 10] = [
    "memory_limiter",
    "resource",
    "attributes",
    "transform",
    "adaptive_sampler",
    "circuit_breaker",
    "plan_extractor",
    "verification",
    "batch",
    "encode",
];
const SOURCE: &str = "sqlquery/performance";
const STREAM: &str = "sqlquery/performance.0";
/// The interval of the reference configuration.
const INTERVAL: i64 = 30_000_000_000;

/// What one run did.
#[derive(Default)]
pub(crate) struct Round {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) spent: [Duration; STAGES.len()],
}

/// The stages, which keep what they remember between runs.
pub(crate) struct Stages {
    processors: Vec<Box<dyn Processor>>,
    projections: Arc<Projections>,
    books: Arc<Books>,
    meta: FrameMeta,
    ticks: i64,
    bytes: Vec<u8>,
    encoded: u64,
    points: u64,
}

impl Stages {
    pub(crate) fn new() -> Result<Self> {
        let projections = Arc::new(projections());
        let books = Arc::new(Books::default());
        let processors = processors(&projections, &books)?;
        let target = TargetId::new("postgresql", "db:5432");
        let resource: Resource = [
            (Arc::from("server.address"), Value::from("db")),
            (Arc::from("server.port"), Value::Int(5432)),
        ]
        .into_iter()
        .collect();
        let id = FrameId {
            target,
            stream: StreamId::of_server(STREAM),
            tick: Tick::from_unix_nanos(0),
            epoch: Epoch(1),
        };
        Ok(Self {
            processors,
            projections,
            books,
            meta: FrameMeta {
                id,
                source: SOURCE.into(),
                resource: Arc::new(resource),
            },
            ticks: 1_700_000_000_000_000_000 / INTERVAL,
            bytes: Vec::new(),
            encoded: 0,
            points: 0,
        })
    }

    /// Sends `count` frames the whole way.
    pub(crate) fn run(&mut self, frames: &[RecordBatch], count: usize) -> Result<Round> {
        let mut round = Round::default();
        for batch in frames.iter().cycle().take(count) {
            self.ticks += 1;
            let mut meta = self.meta.clone();
            meta.id.tick = Tick::from_unix_nanos(self.ticks * INTERVAL);
            let mut way = vec![Batch::from(Frame::collected(&self.books, meta, batch.clone()))];
            for (processor, spent) in self.processors.iter_mut().zip(&mut round.spent) {
                let begin = Instant::now();
                let mut out = Vec::new();
                for batch in way {
                    processor.process(batch, &mut out);
                }
                way = out;
                *spent += begin.elapsed();
            }
            self.encode(way, &mut round);
        }
        if let Some(batch) = self.processors.last_mut() {
            let mut rest = Vec::new();
            batch.flush(&mut rest);
            self.encode(rest, &mut round);
        }
        Ok(round)
    }

    fn encode(&mut self, batches: Vec<Batch>, round: &mut Round) {
        for batch in batches {
            let begin = Instant::now();
            self.bytes.clear();
            let encoded = encode_metrics(&batch, &self.projections, "1.0.0", &mut self.bytes);
            round.spent[STAGES.len() - 1] += begin.elapsed();
            round.rows += encoded.rows;
            round.bytes += self.bytes.len() as u64;
            self.encoded += encoded.rows;
            self.points += encoded.items;
            batch.deliver();
        }
    }

    /// That the run was what it says: every row kept, three points of each, no literal left.
    pub(crate) fn check(&self, size: usize) -> Result<()> {
        let end = self.books.snapshot();
        ensure!(
            end.dropped_total() == 0 && end.in_flight_rows == 0,
            "rows were lost: {end:?}"
        );
        ensure!(
            self.encoded == end.collected_rows,
            "{} of {} rows",
            self.encoded,
            end.collected_rows
        );
        ensure!(
            self.points == 3 * self.encoded,
            "{} points of {} rows",
            self.points,
            self.encoded
        );
        let text = String::from_utf8_lossy(&self.bytes);
        ensure!(
            text.contains("db.query.normalized") && text.contains("IN (?)") || size < 1000,
            "not transformed"
        );
        Ok(())
    }
}

/// The nine processors of `metrics/queries`, in their order.
fn processors(projections: &Arc<Projections>, books: &Arc<Books>) -> Result<Vec<Box<dyn Processor>>> {
    let (resolver, lookup) = columns(projections);
    let registry = Registry::new();
    let metrics = PipelineMetrics::new(&registry)?;
    let clock = Clock::system();
    let sampler = AdaptiveSampler::new(
        "adaptive_sampler",
        &serde_json::from_value(sampler())?,
        Arc::clone(&resolver),
        &SamplerMetrics::new(&registry)?,
        None,
        None,
    )?;
    let plans = PlanExtractor::new(
        "plan_extractor",
        &serde_json::from_value(json!({}))?,
        &PlanMetrics::new(&registry)?,
    );
    let verification = Verification::new(
        "verification",
        &serde_json::from_value(verification())?,
        Arc::clone(&resolver),
        &VerificationMetrics::new(&registry)?,
        &clock,
        (None, None),
    )?;
    Ok(vec![
        Box::new(MemoryLimiter::new(
            "memory_limiter",
            &serde_json::from_value(json!({ "check_interval": "1s", "limit_mib": 4096 }))?,
            books,
            &metrics,
        )?),
        Box::new(ResourceProcessor::new(
            "resource",
            &serde_json::from_value(resource())?,
        )?),
        Box::new(AttributesProcessor::new(
            "attributes",
            &serde_json::from_value(attributes())?,
            resolver,
        )?),
        Box::new(TransformProcessor::new(
            "transform",
            &serde_json::from_value(transform())?,
            Signal::Metrics,
            lookup,
            clock,
            &metrics,
        )?),
        Box::new(sampler.processor("metrics/queries")),
        Box::new(CircuitBreakerProcessor::new("circuit_breaker")),
        Box::new(plans.processor()),
        Box::new(verification.processor("metrics/queries")),
        Box::new(BatchProcessor::new(
            "batch",
            &serde_json::from_value(
                json!({ "timeout": "10s", "send_batch_size": 1000, "send_batch_max_size": 2000 }),
            )?,
            &metrics,
        )?),
    ])
}

fn resource() -> serde_json::Value {
    let insert = |key: &str, value: &str| json!({ "key": key, "value": value, "action": "insert" });
    json!({ "attributes": [
        insert("service.name", "database-monitoring"),
        insert("deployment.environment", "production"),
        insert("db.system", "postgresql"),
        insert("collector.version", "1.0.0"),
    ] })
}

fn attributes() -> serde_json::Value {
    json!({ "actions": [
        { "key": "db.query.normalized", "from_attribute": "query_text", "action": "insert" },
        { "key": "query_text", "action": "delete" },
    ] })
}

fn transform() -> serde_json::Value {
    json!({ "error_mode": "ignore", "metric_statements": [{ "context": "datapoint", "statements": [
        r#"replace_pattern(attributes["db.query.normalized"], "('[^']*')", "'?'")"#,
        r#"replace_pattern(attributes["db.query.normalized"], "(\\d{3,})", "?")"#,
        r#"replace_pattern(attributes["db.query.normalized"], "(?i)IN\\s*\\([^)]+\\)", "IN (?)")"#,
    ] }] })
}

/// As the reference configuration has it.
fn verification() -> serde_json::Value {
    json!({
        "quality_validation": { "enabled": true, "required_attributes": ["query_id", "mean_exec_time"] },
        "pii_detection": { "enabled": true, "scan_query_text": true, "scan_attributes": true },
        "health_monitoring": { "enabled": true, "alert_threshold_ms": 500 },
        "auto_tuning": { "enabled": true, "learning_window": "1h" },
        "self_healing": { "enabled": true, "max_auto_fixes": 3 },
    })
}

/// The rules of the reference configuration, each at 100 percent, and no limits.
fn sampler() -> serde_json::Value {
    let rule = |name: &str, condition: &str, priority: u32| json!({ "name": name, "condition": condition, "sampling_rate": 100.0, "priority": priority });
    json!({
        "cache_size": 50_000,
        "rules": [
            rule("errors_and_warnings", "severity_number >= 13", 1),
            rule("slow_queries", "mean_exec_time > 1000", 2),
            rule("moderate_queries", "mean_exec_time > 100", 3),
            rule("cpu_intensive", "cpu_time > 500", 4),
            rule("high_io", "(blk_read_time + blk_write_time) > 100", 5),
        ],
        "default_sampling_rate": 100.0,
        "max_decisions_per_second": 0,
        "adaptive": { "enabled": false },
    })
}

/// Three points a row.
fn projections() -> Projections {
    let metric = |name: &str, column: &str, value| Metric {
        name: name.into(),
        description: String::new(),
        unit: String::new(),
        kind: MetricKind::Gauge,
        monotonic: false,
        value,
        enabled: true,
        start: None,
        timestamp: None,
        aggregation: Default::default(),
        points: vec![Point {
            column: column.into(),
            scale: None,
            attributes: Default::default(),
            only: None,
        }],
        attributes: [("query_id".to_owned(), "query_id".to_owned())].into(),
    };
    let mut projections = Projections::default();
    let projection = Projection {
        scope: "ringwatch.sqlquery".into(),
        metrics: vec![
            metric("db.query.calls", "calls", MetricValue::Int),
            metric("db.query.mean_time", "mean_exec_time", MetricValue::Double),
            metric("db.query.total_time", "total_exec_time", MetricValue::Double),
        ],
        events: Vec::new(),
    };
    projections.insert(SOURCE, STREAM, projection);
    projections
}

fn columns(projections: &Arc<Projections>) -> (Resolver, Lookup) {
    let all = Arc::clone(projections);
    let column: Resolver = Arc::new(move |source: &str, stream: &str, place: Place<'_>| {
        all.get(source, stream)?.column_of(place).map(Arc::from)
    });
    let attributes = Arc::new(|_: &str, _: &str| vec![(Arc::from("query_id"), Arc::from("query_id"))]);
    let lookup = Lookup {
        column: Arc::clone(&column),
        attributes,
    };
    (column, lookup)
}
