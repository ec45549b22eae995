//! An idle node of three, and from start to ready once its seeds answer.

use std::time::Duration;

use anyhow::Result;
use ringwatch_cluster_tests::cluster::AGREE;
use ringwatch_cluster_tests::http;
use ringwatch_cluster_tests::node::Every;
use tokio::time::{Instant, sleep};

use crate::quantiles;
use crate::trio::Trio;

const EVERY: Every = Every {
    collection: "10s",
    statements: "",
    activity: "",
};
/// The figures of the first half minute are those of a start.
const WARM_UP: Duration = Duration::from_secs(30);

/// Looks at all three for `time`, then stops and starts the last one again and again.
pub(crate) async fn measure(time: Duration, rounds: usize) -> Result<()> {
    let mut trio = Trio::start(3, EVERY, |_| {}).await?;
    sleep(WARM_UP).await;
    let (begun, mut before) = (Instant::now(), Vec::new());
    for n in trio.cluster.awake() {
        before.push(trio.cluster.node(n)?.process().cpu_time()?);
    }
    sleep(time).await;
    println!("three nodes, three targets, default metrics each 10 s:");
    let agreed = trio.cluster.agree(AGREE).await?;
    for (n, before) in trio.cluster.awake().into_iter().zip(before) {
        let process = trio.cluster.node(n)?.process();
        let cpu = process.cpu_time()?.saturating_sub(before);
        let id = trio.cluster.seat(n).id();
        #[expect(clippy::cast_precision_loss, reason = "memory in bytes is far below 2^53")]
        let mib = process.rss_bytes()? as f64 / (1024.0 * 1024.0);
        println!(
            "  {id}, {} targets: RSS {mib:.1} MiB, CPU {:.2} % of one core",
            agreed.owned_by(id).len(),
            cpu.as_secs_f64() / begun.elapsed().as_secs_f64() * 100.0
        );
    }
    let mut times = Vec::new();
    for _ in 0..rounds {
        trio.cluster.terminate(2).await?;
        trio.cluster.agree(AGREE).await?;
        let since = Instant::now();
        trio.cluster.launch(2)?;
        let health = trio.cluster.seat(2).ports().health;
        while http::get(health, "/health/ready")
            .await
            .map_or(0, |answer| answer.status)
            != 200
        {
            anyhow::ensure!(since.elapsed() < AGREE, "not ready after {AGREE:?}");
            sleep(Duration::from_millis(1)).await;
        }
        times.push(since.elapsed());
        trio.cluster.agree(AGREE).await?;
    }
    println!(
        "  start to ready beside two that answer: {}",
        quantiles::millis(&times)
    );
    Ok(())
}
