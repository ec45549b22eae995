//! From the start of the process to ready.

use std::time::Duration;

use anyhow::{Context as _, Result};
use ringwatch_cluster_tests::http;
use ringwatch_cluster_tests::node::{Every, Node, NodeConfig};
use ringwatch_cluster_tests::postgres::{Server, Wish};
use ringwatch_cluster_tests::sink::{Memory, Sink};
use rustix::process::Signal;
use tokio::time::{Instant, sleep};

const RUNS: usize = 20;

/// Starts a node twenty times.
pub(crate) async fn measure() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Server::start(&Wish::default(), &folder.path().join("postgres.log")).await?;
    let sink = Sink::start(Memory::BOUNDED).await?;
    let mut times = Vec::new();
    for run in 0..RUNS {
        let config = NodeConfig::new(&[server.endpoint()], &sink.endpoint(), Every::SECOND);
        let begun = Instant::now();
        let mut node = Node::launch("node", &config, &folder.path().join(format!("node-{run}.log")))?;
        while http::get(node.ports().health, "/health/ready")
            .await
            .map_or(0, |answer| answer.status)
            != 200
        {
            anyhow::ensure!(begun.elapsed() < Duration::from_secs(10), "not ready after 10 s");
            sleep(Duration::from_millis(1)).await;
        }
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
        node.end(Signal::TERM, Duration::from_secs(30)).await?;
    }
    times.sort_by(f64::total_cmp);
    let (median, most) = (times[times.len() / 2], times.last().context("no run")?);
    println!("start to ready, seen from outside, {RUNS} runs: p50 {median:.0} ms, max {most:.0} ms");
    Ok(())
}
