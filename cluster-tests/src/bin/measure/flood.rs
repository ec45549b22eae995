//! What a flood of garbage costs a node, and whether anybody takes it for dead.

use std::time::Duration;

use anyhow::Result;
use ringwatch_cluster_tests::cluster::AGREE;
use ringwatch_cluster_tests::cluster::flood::Flood;
use ringwatch_cluster_tests::node::Every;
use tokio::time::sleep;

use crate::trio::Trio;

const EVERY: Every = Every {
    collection: "10s",
    statements: "",
    activity: "",
};
const RATE: u32 = 10_000;

/// Looks at a node for `time` without and with the flood.
pub(crate) async fn measure(time: Duration) -> Result<()> {
    let trio = Trio::start(3, EVERY, |_| {}).await?;
    let before = trio.cluster.agree(AGREE).await?;
    let node = trio.cluster.node(1)?;
    let cpu = node.process().cpu_time()?;
    sleep(time).await;
    let quiet = node.process().cpu_time()?.saturating_sub(cpu);
    let refused = async || anyhow::Ok(node.metrics().await?.count("ringwatch_gossip_refused_total", &[]));
    let refused_before = refused().await?;
    let to = trio.cluster.seat(1).gossip_address().parse()?;
    let figures = Flood { rate: RATE, time }.at(to, node.process()).await?;
    let after = trio.cluster.agree(AGREE).await?;
    println!(
        "garbage at a gossip port for {} s: {figures}, {:.1} % without; {} refused and counted; membership {}",
        time.as_secs(),
        quiet.as_secs_f64() / time.as_secs_f64() * 100.0,
        refused().await? - refused_before,
        if before == after { "unchanged" } else { "CHANGED" }
    );
    Ok(())
}
