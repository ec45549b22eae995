//! Rows to a frame's columns, and a frame to OTLP bytes: rows a second, and allocations a row.
#![expect(clippy::print_stdout, reason = "a benchmark reports")]

mod statements;
mod wide;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringwatch_deliver::otlp::{encode_logs, encode_metrics};

const ROWS: [usize; 2] = [200, 5000];

fn rows_to_frame(c: &mut Criterion) {
    let (names, texts) = (wide::names(), wide::texts());
    let mut group = c.benchmark_group("rows_to_frame");
    for rows in ROWS {
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function(rows.to_string(), |b| {
            b.iter(|| wide::columns(rows, &names, &texts));
        });
        report("rows_to_frame", rows, || {
            black_box(wide::columns(rows, &names, &texts));
        });
    }
}

fn frame_to_otlp(c: &mut Criterion) {
    let projections = wide::projections();
    for (name, encode) in [
        ("frame_to_metrics", encode_metrics as fn(&_, &_, &_, &mut _) -> _),
        ("frame_to_logs", encode_logs),
    ] {
        let mut group = c.benchmark_group(name);
        for rows in ROWS {
            let batch = wide::batch(rows);
            group.throughput(Throughput::Elements(rows as u64));
            group.bench_function(rows.to_string(), |b| {
                b.iter(|| {
                    let mut bytes = Vec::new();
                    black_box(encode(&batch, &projections, "1.0.0", &mut bytes));
                    bytes
                });
            });
            report(name, rows, || {
                black_box(encode(&batch, &projections, "1.0.0", &mut Vec::new()));
            });
            batch.deliver();
        }
    }
}

/// Two text attributes, one of them long and its own in every row, and three points a row.
fn statements_to_otlp(c: &mut Criterion) {
    let projections = statements::projections();
    let mut group = c.benchmark_group("statements_to_metrics");
    for rows in ROWS {
        let batch = statements::batch(rows);
        let mut bytes = Vec::new();
        encode_metrics(&batch, &projections, "1.0.0", &mut bytes);
        println!("statements_to_metrics/{rows}: {} bytes a row", bytes.len() / rows);
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function(rows.to_string(), |b| {
            b.iter(|| {
                let mut bytes = Vec::new();
                black_box(encode_metrics(&batch, &projections, "1.0.0", &mut bytes));
                bytes
            });
        });
        group.bench_function(format!("{rows}, buffer kept"), |b| {
            b.iter(|| {
                bytes.clear();
                encode_metrics(&batch, &projections, "1.0.0", &mut bytes)
            });
        });
        report("statements_to_metrics", rows, || {
            black_box(encode_metrics(&batch, &projections, "1.0.0", &mut Vec::new()));
        });
        batch.deliver();
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn report(name: &str, rows: usize, run: impl FnOnce()) {
    let seen = allocation_counter::measure(run);
    println!(
        "{name}/{rows}: {:.4} allocations a row ({} in all)",
        seen.count_total as f64 / rows as f64,
        seen.count_total
    );
}

criterion_group!(benches, rows_to_frame, frame_to_otlp, statements_to_otlp);
criterion_main!(benches);
