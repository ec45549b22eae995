//! Three nodes find each other, in whatever order they start.

use std::time::Duration;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::cluster::Seeds;
use ringwatch_cluster_tests::http;
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::wait;
use serde_json::json;

use super::Watching;
use crate::story::SOON;

/// Waits until the node is live, not ready, and says in its log and its health that it waits for its seeds.
async fn waits_for_seeds(all: &Watching, n: usize) -> Result<()> {
    const WORDS: &str = "waiting for seeds";
    all.cluster.node(n)?.log_line(&[WORDS], SOON).await?;
    let port = all.cluster.node(n)?.ports().health;
    wait::until("a node that is live and not ready", SOON, async || {
        let live = http::get(port, "/health/live")
            .await
            .map_err(|e| format!("{e:#}"))?;
        let ready = http::get(port, "/health/ready")
            .await
            .map_err(|e| format!("{e:#}"))?;
        let fits = (live.status, ready.status) == (200, 503) && ready.body.contains(WORDS);
        wait::when(fits, || format!("live {}, ready {ready:?}", live.status))
    })
    .await
}

/// The others are there before the seed.
#[test]
fn nodes_wait_for_a_seed_that_is_not_there_yet() -> Result<()> {
    scenario("cluster_start_seed_last", async |scene| {
        let mut all = Watching::prepare(scene, 3, 3, |shape| shape.seeds = Seeds::First).await?;
        for n in [2, 1] {
            all.cluster.launch(n)?;
            waits_for_seeds(&all, n).await?;
        }
        ensure_fault(
            all.sink.look(|l| l.points) == 0,
            "a node without its seed read a target",
        )?;
        all.cluster.launch(0)?;
        all.cluster.agree(SOON).await?;
        all.more_ticks(3).await?;
        all.nothing_missing().await?;
        all.nothing_twice()?;
        all.verdict().await.map(drop)
    })
}

/// All have the same list of seeds and start at once.
#[test]
fn nodes_that_start_at_once_agree_and_read_nothing_twice() -> Result<()> {
    scenario("cluster_start_at_once", async |scene| {
        let mut all = Watching::prepare(scene, 3, 6, |_| {}).await?;
        for n in [1, 2, 0] {
            all.cluster.launch(n)?;
        }
        let agreed = all.cluster.agree(SOON).await?;
        ensure!(
            agreed.standbys.len() == all.targets.len(),
            "targets without a standby: {agreed:?}"
        );
        all.more_ticks(4).await?;
        all.nothing_missing().await?;
        all.nothing_twice()?;
        all.verdict().await.map(drop)
    })
}

/// A node whose seeds are all dead says so, and joins when one appears.
#[test]
fn a_node_whose_seeds_are_dead_says_so_and_joins_when_one_appears() -> Result<()> {
    scenario("cluster_dead_seeds", async |scene| {
        let mut all = Watching::prepare(scene, 3, 3, |_| {}).await?;
        let seed = json!([all.cluster.seat(1).gossip_address()]);
        for n in 0..3 {
            all.cluster.seat_mut(n).config.cluster["gossip"]["seeds"] = seed.clone();
        }
        all.cluster.launch(0)?;
        waits_for_seeds(&all, 0).await?;
        ensure_fault(all.sink.look(|l| l.points) == 0, "it read a target")?;

        all.cluster.launch(1)?;
        all.cluster.launch(2)?;
        all.cluster
            .seat_mut(0)
            .node_mut()?
            .ready(Duration::from_secs(10))
            .await?;
        all.cluster.agree(SOON).await?;
        all.more_ticks(2).await?;
        all.nothing_twice()?;
        all.verdict().await.map(drop)
    })
}
