//! What verification costs: the reference's settings on readings of statements that recur.
#![allow(missing_docs, reason = "the macros of criterion have none")]
#![expect(clippy::unwrap_used, reason = "a benchmark may stop")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use prometheus::Registry;
use ringwatch_config::settings::Verification as Settings;
use ringwatch_frame::{
    Batch, Books, Cell, Clock, ColumnType, Columns, Epoch, Frame, FrameId, FrameMeta, StreamId, TargetId,
    Tick,
};
use ringwatch_pipeline::{Processor, Verification, VerificationMetrics, VerificationProcessor};

const START: i64 = 1_763_683_200;

fn rows(count: i64, texts: i64) -> arrow_array::RecordBatch {
    let numbers = [
        "calls",
        "rows",
        "shared_blks_hit",
        "shared_blks_read",
        "wal_bytes",
    ];
    let times = [
        "total_exec_time",
        "min_exec_time",
        "mean_exec_time",
        "max_exec_time",
        "stddev_exec_time",
    ];
    let mut columns = vec![
        ("queryid", ColumnType::Int),
        ("datname", ColumnType::Text),
        ("rolname", ColumnType::Text),
        ("query_text", ColumnType::Text),
    ];
    columns.extend(numbers.map(|name| (name, ColumnType::Int)));
    columns.extend(times.map(|name| (name, ColumnType::Double)));
    let mut built = Columns::new(columns);
    for row in 0..count {
        let id = row.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed());
        let text = format!(
            "select o.id, o.total, c.name from orders_{} o join customers c on c.id = o.customer_id where o.state = $1 \
             and o.created_at > $2 order by o.created_at desc limit $3",
            row % texts
        );
        let mean = (row % 200) as f64 + 1.0;
        let mut cells = vec![
            Cell::Int(id),
            Cell::Text("billing"),
            Cell::Text("app"),
            Cell::Text(&text),
        ];
        cells.extend([Cell::Int(100); 5]);
        cells.extend([mean * 100.0, mean / 2.0, mean, mean * 2.0, 0.5].map(Cell::Double));
        built.push(&cells).unwrap();
    }
    built.finish().unwrap()
}

fn frame(books: &Arc<Books>, reading: i64, rows: &arrow_array::RecordBatch) -> Frame {
    let id = FrameId {
        target: TargetId::new("postgresql", "db:5432"),
        stream: StreamId::of_server("postgresql.statements"),
        tick: Tick::from_unix_nanos((START + reading * 30) * 1_000_000_000),
        epoch: Epoch(1),
    };
    let meta = FrameMeta {
        id,
        source: "postgresql".into(),
        resource: Arc::default(),
    };
    Frame::collected(books, meta, rows.clone())
}

fn processor(change: impl FnOnce(&mut Settings)) -> VerificationProcessor {
    let mut settings = Settings::default();
    settings.quality_validation.enabled = true;
    settings.quality_validation.required_attributes = vec!["query_id".into(), "mean_exec_time".into()];
    settings.pii_detection.enabled = true;
    settings.pii_detection.scan_query_text = true;
    settings.pii_detection.scan_attributes = true;
    settings.auto_tuning.enabled = true;
    settings.self_healing.enabled = true;
    change(&mut settings);
    let metrics = VerificationMetrics::new(&Registry::new()).unwrap();
    let clock = Clock::simulated(Tick::from_unix_nanos(START * 1_000_000_000));
    let nowhere = Arc::new(|_: &str, _: &str, _: ringwatch_frame::Place<'_>| None);
    let new = Verification::new("verification", &settings, nowhere, &metrics, &clock, (None, None));
    new.unwrap().processor("metrics")
}

fn verification(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("verification of 5 000 rows");
    group.throughput(Throughput::Elements(5000));
    let off = |_: &mut Settings| ();
    let only = |quality: bool, pii: bool, anomaly: bool| {
        move |settings: &mut Settings| {
            settings.quality_validation.enabled = quality;
            settings.pii_detection.enabled = pii;
            settings.anomaly_detection.enabled = anomaly;
        }
    };
    for (name, texts, mut processor) in [
        ("all, 500 distinct texts", 500, processor(off)),
        ("all, every text distinct", 5000, processor(off)),
        ("quality alone", 5000, processor(only(true, false, false))),
        ("personal data alone", 5000, processor(only(false, true, false))),
        ("anomalies alone", 5000, processor(only(false, false, true))),
    ] {
        let books = Arc::new(Books::default());
        let rows = rows(5000, texts);
        let mut reading = 0;
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || {
                    reading += 1;
                    Batch::from(frame(&books, reading, &rows))
                },
                |batch| {
                    let mut out = Vec::new();
                    processor.process(batch, &mut out);
                    out.into_iter().for_each(|batch| black_box(batch).deliver());
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, verification);
criterion_main!(benches);
