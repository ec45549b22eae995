//! What the sampler costs: five rules on frames of distinct statements.
#![allow(missing_docs, reason = "the macros of criterion have none")]
#![expect(clippy::unwrap_used, reason = "a benchmark may stop")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use prometheus::Registry;
use ringwatch_config::settings::{AdaptiveSampler as Settings, SamplingRule};
use ringwatch_frame::{
    Batch, Books, Cell, ColumnType, Columns, Epoch, Frame, FrameId, FrameMeta, StreamId, TargetId, Tick,
};
use ringwatch_pipeline::adaptive_sampler::{SamplerListener, SeenEntry};
use ringwatch_pipeline::{AdaptiveSampler, Processor, SamplerMetrics};

fn frame(books: &Arc<Books>, second: i64, rows: i64) -> Frame {
    let mut columns = Columns::new([
        ("queryid", ColumnType::Int),
        ("query_text", ColumnType::Text),
        ("severity_number", ColumnType::Int),
        ("mean_exec_time", ColumnType::Double),
        ("cpu_time", ColumnType::Double),
        ("blk_read_time", ColumnType::Double),
        ("blk_write_time", ColumnType::Double),
        ("calls", ColumnType::Int),
    ]);
    for row in 0..rows {
        let id = row.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed());
        let text = format!("select * from t{row} where id = $1");
        let time = (row % 200) as f64;
        let cells = [
            Cell::Int(id),
            Cell::Text(&text),
            Cell::Int(row % 20),
            Cell::Double(time * 10.0),
            Cell::Double(time),
            Cell::Double(time / 2.0),
            Cell::Double(time / 3.0),
            Cell::Int(row),
        ];
        columns.push(&cells).unwrap();
    }
    let id = FrameId {
        target: TargetId::new("postgresql", "db:5432"),
        stream: StreamId::of_server("postgresql.statements"),
        tick: Tick::from_unix_nanos(second * 1_000_000_000),
        epoch: Epoch(1),
    };
    let meta = FrameMeta {
        id,
        source: "postgresql".into(),
        resource: Arc::default(),
    };
    Frame::collected(books, meta, columns.finish().unwrap())
}

fn settings(rates: [f64; 6]) -> Settings {
    let rule = |at: usize, name: &str, condition: &str| SamplingRule {
        name: name.into(),
        condition: Some(condition.into()),
        conditions: Vec::new(),
        sampling_rate: rates[at],
        priority: None,
        max_per_minute: 0,
    };
    Settings {
        rules: vec![
            rule(0, "errors_and_warnings", "severity_number >= 13"),
            rule(1, "slow_queries", "mean_exec_time > 1000"),
            rule(2, "moderate_queries", "mean_exec_time > 100"),
            rule(3, "cpu_intensive", "cpu_time > 500"),
            rule(4, "high_io", "(blk_read_time + blk_write_time) > 100"),
        ],
        default_sampling_rate: rates[5],
        max_decisions_per_second: 0,
        cache_size: 50_000,
        ..Settings::default()
    }
}

struct Listener;

impl SamplerListener for Listener {
    fn seen(&self, _: &str, _: &str, _: &[String], entries: &[SeenEntry]) {
        black_box(entries);
    }

    fn rates(&self, _: &str, _: &str, rates: &[(TargetId, f64)]) {
        black_box(rates);
    }

    fn caps(&self, _: &str, _: &str, _: i64, used: &[(String, u64)]) {
        black_box(used);
    }
}

fn sampler(criterion: &mut Criterion) {
    let reference = [100.0, 100.0, 50.0, 75.0, 60.0, 10.0];
    for (name, rates, is_heard) in [
        ("every row kept", [100.0; 6], false),
        ("reference rates", reference, false),
        ("reference rates, with a listener", reference, true),
    ] {
        let mut group = criterion.benchmark_group(format!("sampler, {name}"));
        for rows in [200, 5000] {
            let metrics = SamplerMetrics::new(&Registry::new()).unwrap();
            let settings = settings(rates);
            let nowhere = Arc::new(|_: &str, _: &str, _: ringwatch_frame::Place<'_>| None);
            let sampler = AdaptiveSampler::new("sampler", &settings, nowhere, &metrics, None, None).unwrap();
            if is_heard {
                sampler.control().listen(Arc::new(Listener));
            }
            let mut processor = sampler.processor("metrics");
            let books = Arc::new(Books::default());
            let frame = frame(&books, 1_763_683_200, rows);
            group.throughput(Throughput::Elements(rows.unsigned_abs()));
            group.bench_function(format!("{rows} rows"), |bencher| {
                bencher.iter_batched(
                    || Batch::from(frame.copy()),
                    |batch| {
                        let mut out = Vec::new();
                        processor.process(batch, &mut out);
                        out.into_iter().for_each(|batch| black_box(batch).deliver());
                    },
                    BatchSize::SmallInput,
                );
            });
            frame.deliver();
        }
        group.finish();
    }
}

/// What another node has seen, until it is taken up before the next frame.
fn adopt(criterion: &mut Criterion) {
    let settings = settings([50.0; 6]);
    let rules = ["slow_queries".to_owned()];
    let entries: Vec<SeenEntry> = (0..50_000_u64)
        .map(|n| SeenEntry {
            fingerprint: n.wrapping_mul(0x9e37_79b9_7f4a_7c15) & !(1 << 40),
            rules: 1,
            rules_before: 1,
            seen_unix_nano: 1_763_683_200_000_000_000,
        })
        .collect();
    let books = Arc::new(Books::default());
    let empty = frame(&books, 1_763_683_201, 0);
    criterion.bench_function("sampler, 50 000 entries from elsewhere", |bencher| {
        bencher.iter_batched(
            || {
                let metrics = SamplerMetrics::new(&Registry::new()).unwrap();
                let nowhere = Arc::new(|_: &str, _: &str, _: ringwatch_frame::Place<'_>| None);
                let sampler =
                    AdaptiveSampler::new("sampler", &settings, nowhere, &metrics, None, None).unwrap();
                let processor = sampler.processor("metrics");
                sampler.control().adopt_seen("metrics", &rules, &entries);
                (sampler, processor)
            },
            |(sampler, mut processor)| {
                let mut out = Vec::new();
                processor.process(Batch::from(empty.copy()), &mut out);
                out.into_iter().for_each(Batch::deliver);
                (sampler, processor)
            },
            BatchSize::LargeInput,
        );
    });
    empty.deliver();
}

criterion_group!(benches, sampler, adopt);
criterion_main!(benches);
