//! The `transform` of the reference configuration on rows of statements: rows per second on one core.
//!
//! `same_texts` is what a watched server gives at each tick: the same statements, read anew. `new_texts` has
//! not one text in common with the frame before. `shared` is a frame that shares its dictionary with the one
//! before.

#![allow(missing_docs, clippy::expect_used)]

use std::sync::Arc;

use arrow_array::RecordBatch;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use prometheus::Registry;
use ringwatch_config::settings::{
    ErrorMode, StatementContext, StatementGroup, TransformProcessor as Settings,
};
use ringwatch_frame::{
    Batch, Books, Cell, Clock, ColumnType, Columns, Epoch, Frame, FrameId, FrameMeta, StreamId, TargetId,
    Tick,
};
use ringwatch_pipeline::transform::{Lookup, Signal};
use ringwatch_pipeline::{PipelineMetrics, Processor, TransformProcessor};

const REWRITES: [&str; 3] = [
    r#"replace_pattern(attributes["db.query.normalized"], "('[^']*')", "'?'")"#,
    r#"replace_pattern(attributes["db.query.normalized"], "(\\d{3,})", "?")"#,
    r#"replace_pattern(attributes["db.query.normalized"], "IN\\s*\\([^)]+\\)", "IN (?)")"#,
];
const SEVERITIES: [&str; 3] = [
    r#"set(severity_number, 1) where state == "idle""#,
    r#"set(severity_number, 9) where state == "active""#,
    r#"set(severity_number, 17) where state == "idle in transaction""#,
];

/// Rows of `pg_stat_statements`, each with a text of its own, of some 300 characters.
fn rows(count: usize, salt: usize) -> RecordBatch {
    let mut columns = Columns::new([
        ("query", ColumnType::Text),
        ("state", ColumnType::Text),
        ("calls", ColumnType::Int),
        ("mean_exec_time", ColumnType::Double),
    ]);
    for n in 0..count {
        let text = format!(
            "SELECT o.id, o.customer_id, o.total, c.name, c.email FROM orders_{n}_{salt} AS o JOIN \
            customers AS c ON c.id = o.customer_id WHERE o.status = 'open' AND o.region IN (1, 2, 33, \
            444) AND o.created_at > '2026-01-01' AND o.total > {} ORDER BY o.created_at DESC LIMIT 100 \
            OFFSET $1 /* page {n} of the list */",
            n * 17
        );
        let state = ["active", "idle", "idle in transaction"][n % 3];
        let number = Cell::Int(n as i64);
        let row = [
            Cell::Text(&text),
            Cell::Text(state),
            number,
            Cell::Double(n as f64 / 7.0),
        ];
        columns.push(&row).expect("the row fits");
    }
    columns.finish().expect("columns")
}

fn frame(books: &Arc<Books>, rows: RecordBatch) -> Frame {
    let id = FrameId {
        target: TargetId::new("postgresql", "db:5432"),
        stream: StreamId::of_server("sqlquery/performance.0"),
        tick: Tick::from_unix_nanos(0),
        epoch: Epoch(0),
    };
    let meta = FrameMeta {
        id,
        source: "sqlquery/performance".into(),
        resource: Arc::default(),
    };
    Frame::collected(books, meta, rows)
}

fn processor(statements: &[&str]) -> TransformProcessor {
    let group = StatementGroup {
        context: Some(StatementContext::Datapoint),
        conditions: Vec::new(),
        statements: statements.iter().map(|text| (*text).to_owned()).collect(),
    };
    let settings = Settings {
        error_mode: ErrorMode::Ignore,
        metric_statements: vec![group],
        log_statements: Vec::new(),
    };
    let lookup = Lookup {
        column: Arc::new(|_, _, place| match place {
            ringwatch_frame::Place::Attribute("db.query.normalized") => Some("query".into()),
            _ => None,
        }),
        attributes: Arc::new(|_, _| Vec::new()),
    };
    let clock = Clock::simulated(Tick::from_unix_nanos(0));
    let metrics = PipelineMetrics::new(&Registry::new()).expect("metrics");
    TransformProcessor::new("transform", &settings, Signal::Metrics, lookup, clock, &metrics)
        .expect("statements")
}

fn run(processor: &mut TransformProcessor, frame: Frame) -> u64 {
    let mut out = Vec::with_capacity(1);
    processor.process(Batch::from(frame), &mut out);
    let rows = out.iter().map(Batch::rows).sum();
    out.into_iter().for_each(Batch::deliver);
    rows
}

fn transform(c: &mut Criterion) {
    let books = Arc::new(Books::default());
    let mut group = c.benchmark_group("transform");
    for count in [200, 5_000] {
        group.throughput(Throughput::Elements(count as u64));
        let (mut salt, shared) = (0, rows(count, 0));
        let mut rewriting = processor(&REWRITES);
        group.bench_with_input(BenchmarkId::new("same_texts", count), &count, |b, count| {
            let fresh = || frame(&books, rows(*count, 0));
            b.iter_batched(fresh, |frame| run(&mut rewriting, frame), BatchSize::PerIteration);
        });
        group.bench_with_input(BenchmarkId::new("shared", count), &count, |b, _| {
            let fresh = || frame(&books, shared.clone());
            b.iter_batched(fresh, |frame| run(&mut rewriting, frame), BatchSize::PerIteration);
        });
        group.bench_with_input(BenchmarkId::new("new_texts", count), &count, |b, count| {
            let fresh = || {
                salt += 1;
                frame(&books, rows(*count, salt))
            };
            b.iter_batched(fresh, |frame| run(&mut rewriting, frame), BatchSize::PerIteration);
        });
        let mut severity = processor(&SEVERITIES);
        group.bench_with_input(BenchmarkId::new("severity", count), &count, |b, _| {
            let fresh = || frame(&books, shared.clone());
            b.iter_batched(fresh, |frame| run(&mut severity, frame), BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, transform);
criterion_main!(benches);
