//! The way of `pg_stat_statements` from rows to OTLP bytes on one core: the nine processors of the reference
//! configuration's `metrics/queries`, and encoding, with its settings but for rates, so that every row is kept. The
//! rows, and their plans, are those of a real server.
//!
//!     cargo bench -p ringwatch-cluster-tests --bench pipeline [-- SECONDS]
#![expect(clippy::print_stdout, reason = "a benchmark reports")]

mod rows;
mod stages;

use std::time::Duration;

use anyhow::{Context, Result};
use ringwatch_cluster_tests::postgres::{Server, Wish};
use tokio::time::Instant;

use self::stages::{STAGES, Stages};

/// Rows of a frame.
const SIZES: [usize; 2] = [200, 5000];
/// Rounds of each size; the median counts.
const ROUNDS: usize = 5;

fn main() -> Result<()> {
    // Cargo itself adds an argument.
    let seconds = std::env::args()
        .skip(1)
        .find_map(|word| word.parse().ok())
        .unwrap_or(3.0);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let rows = runtime.block_on(async {
        let folder = tempfile::tempdir()?;
        let wish = Wish::default()
            .with("pg_stat_statements.max=20000")
            .with("log_statement=none");
        let server = Server::start(&wish, &folder.path().join("postgres.log")).await?;
        println!(
            "making {} statements on PostgreSQL {}",
            rows::STATEMENTS,
            server.major()
        );
        rows::of_server(&server).await
    })?;
    println!(
        "{} rows of 13 columns; texts of {} bytes on average, plans of {}, each its own",
        rows.len(),
        rows.iter().map(|row| row.text.len()).sum::<usize>() / rows.len().max(1),
        rows.iter().map(|row| row.plan.len()).sum::<usize>() / rows.len().max(1)
    );
    for has_plans in [false, true] {
        println!(
            "\n{}",
            if has_plans {
                "A plan in each row"
            } else {
                "Without plans"
            }
        );
        for size in SIZES {
            measure(&rows, size, has_plans, Duration::from_secs_f64(seconds))?;
        }
    }
    Ok(())
}

fn measure(rows: &[rows::Row], size: usize, has_plans: bool, time: Duration) -> Result<()> {
    // Frames of successive ticks: the same statements, every buffer its own.
    let frames: Vec<_> = (0..8)
        .map(|tick| rows::columns(rows, size, tick, has_plans))
        .collect::<Result<_>>()?;
    let mut stages = Stages::new()?;
    stages.run(&frames, 16)?;
    let mut rates = Vec::new();
    let mut bytes = 0;
    let mut shares = [Duration::ZERO; STAGES.len()];
    for _ in 0..ROUNDS {
        let before = Instant::now();
        let (mut done, mut written) = (0_u64, 0_u64);
        while before.elapsed() < time / u32::try_from(ROUNDS)? {
            let round = stages.run(&frames, 8)?;
            done += round.rows;
            written += round.bytes;
            for (share, spent) in shares.iter_mut().zip(round.spent) {
                *share += spent;
            }
        }
        rates.push(per_second(done, before.elapsed()));
        bytes = written / done.max(1);
    }
    rates.sort_by(f64::total_cmp);
    let rate = *rates.get(ROUNDS / 2).context("no round")?;
    let seen = allocation_counter::measure(|| {
        // The result was checked above; here only allocations count.
        let _ = stages.run(&frames, 8);
    });
    println!(
        "\nframes of {size} rows: {rate:.2} million rows/s ({:.2} to {:.2}), {:.0} MB/s of OTLP, {bytes} bytes a row, \
         {:.3} allocations a row",
        rates.first().copied().unwrap_or(0.0),
        rates.last().copied().unwrap_or(0.0),
        rate * f64::from(u32::try_from(bytes)?),
        per_row(seen.count_total, size * 8),
    );
    let all: Duration = shares.iter().sum();
    for (name, spent) in STAGES.iter().zip(shares) {
        println!(
            "  {:<16} {:>5.1} %",
            name,
            100.0 * spent.as_secs_f64() / all.as_secs_f64()
        );
    }
    stages.check(size)
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn per_second(rows: u64, time: Duration) -> f64 {
    rows as f64 / time.as_secs_f64() / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn per_row(count: u64, rows: usize) -> f64 {
    count as f64 / rows as f64
}
