//! How many writes a second the group takes, and how long one takes, beside one fsync on the same disk.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use ringwatch_cluster_tests::cluster::writer::Writer;
use ringwatch_cluster_tests::node::Metrics;
use tokio::time::{Instant, sleep};

use super::{id, trio, well};
use crate::quantiles;
use crate::trio::Trio;

const COMMIT: &str = "ringwatch_raft_commit_seconds_bucket";
const SYNCS: usize = 500;
/// Writers at once, each with a target of its own.
const WRITERS: [usize; 3] = [1, 8, 32];

/// Writes for `time` with each number of writers.
pub(crate) async fn measure(time: Duration) -> Result<()> {
    let trio = trio(32, |_| {}).await?;
    let folder = trio.cluster.seat(0).disk().folder().to_owned();
    println!(
        "fdatasync of 256 bytes appended, idle nodes beside: {}",
        quantiles::tenths(&syncs(&folder)?)
    );
    for count in WRITERS {
        phase(&trio, count, time).await?;
    }
    println!("fdatasync again: {}", quantiles::tenths(&syncs(&folder)?));
    Ok(())
}

async fn phase(trio: &Trio, count: usize, time: Duration) -> Result<()> {
    let leader = well(&trio.cluster).await?.leader;
    let before = trio.cluster.node(leader)?.metrics().await?;
    let begun = Instant::now();
    let mut writers = Vec::new();
    for target in trio.targets.iter().take(count) {
        writers.push(Writer::start(&trio.cluster, &id(target), Duration::ZERO)?);
    }
    sleep(time).await;
    let (mut latencies, mut refused) = (Vec::new(), 0);
    let after = trio.cluster.node(leader)?.metrics().await?;
    let took = begun.elapsed();
    for writer in writers {
        let written = writer.proven(&trio.cluster).await?;
        latencies.extend(written.latencies());
        refused += written.writes.len() - written.acknowledged().count();
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of some seconds")]
    let rate = latencies.len() as f64 / took.as_secs_f64();
    println!(
        "{count} writers: {rate:.0} writes/s, each over gRPC: {}; {refused} refused",
        quantiles::tenths(&latencies)
    );
    println!(
        "  proposal to commit at the leader, by its own histogram: p50 {:.1} ms, p99 {:.1} ms",
        share(&before, &after, 0.5),
        share(&before, &after, 0.99)
    );
    Ok(())
}

/// The cost of making a few bytes durable in this folder.
fn syncs(folder: &Path) -> Result<Vec<Duration>> {
    let path = folder.join("fsync-probe");
    let mut file = std::fs::File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..SYNCS {
        let begun = Instant::now();
        file.write_all(&[7; 256])?;
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    std::fs::remove_file(path)?;
    Ok(times)
}

/// The upper bound, in milliseconds, of the bucket in which this share of what came between two looks is reached.
fn share(before: &Metrics, after: &Metrics, share: f64) -> f64 {
    let (before, after) = (before.by_label(COMMIT, "le"), after.by_label(COMMIT, "le"));
    let mut buckets: Vec<(f64, f64)> = after
        .iter()
        .filter_map(|(le, n)| {
            Some((
                le.replace("+Inf", "inf").parse().ok()?,
                n - before.get(le).unwrap_or(&0.0),
            ))
        })
        .collect();
    buckets.sort_by(|a: &(f64, f64), b| a.0.total_cmp(&b.0));
    let total = buckets.last().map_or(0.0, |(_, n)| *n);
    let bucket = buckets.iter().find(|(_, n)| *n >= total * share && total > 0.0);
    bucket.map_or(f64::NAN, |(le, _)| le * 1_000.0)
}
