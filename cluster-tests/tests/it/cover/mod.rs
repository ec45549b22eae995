//! Standbys that cover: not one tick is missing while owners die, stand still, or cannot reach what they own, and none is
//! read twice while only the link between nodes is cut.

mod clocks;
mod fence;
mod frozen;
mod killed;
mod link;
mod modes;
mod mysql;
mod unreachable;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::chaos::oracle::audit;
use ringwatch_cluster_tests::chaos::rig::{SESSIONS, SESSIONS_AT_REST};
use ringwatch_cluster_tests::chaos::run::balanced_books;
use ringwatch_cluster_tests::chaos::{Rig, Wanted};
use ringwatch_cluster_tests::scene::Scene;

use crate::story::SOON;

/// Targets.
const NAMES: usize = 12;

/// Three nodes and twelve targets that are read and told of, and a load that is counted.
async fn start(scene: &Scene, wanted: Wanted) -> Result<Rig> {
    let mut rig = Rig::start(&wanted, scene.logs()).await?;
    rig.keep_to_the_ring().await?;
    rig.load(20).await?;
    rig.settled().await?;
    Ok(rig)
}

/// Ticks that standbys have read in place of owners, by the nodes that are awake.
async fn covered(rig: &Rig) -> Result<u64> {
    let all = rig.cluster.metrics().await?;
    let of = [("outcome", "covered")];
    Ok(all
        .iter()
        .map(|metrics| metrics.count("ringwatch_ticks_total", &of))
        .sum())
}

/// The end of each scenario: every tick once, of at most `requests` requests something twice, byte for byte; every call told
/// once; never too many sessions, never two holders of a lock; all books balance.
async fn verdict(rig: &mut Rig, requests: u64) -> Result<()> {
    rig.settled().await?;
    rig.database.ensure_within(SESSIONS)?;
    rig.database.forget_most();
    rig.more_ticks(3).await?;
    rig.database.ensure_within(SESSIONS_AT_REST)?;
    let calls = rig.calls_lost_and_doubled().await?;
    let ticks = rig.ticks_after(SOON * 2).await;
    println!(
        "  {} activity ticks, {} missing, {} of metrics missing; two readings: {}; again byte for byte: {} of {} requests",
        ticks.activity,
        ticks.missing_count(),
        ticks.missing_metrics_count(),
        ticks.conflicts,
        ticks.repeats,
        ticks.repeated_requests
    );
    rig.tell_of_missing(&ticks);
    ensure!(ticks.complete(), "ticks are missing: {ticks:?}");
    ticks.ensure_single(requests)?;
    ensure!(calls == Some((0, 0)), "calls not told, and told twice: {calls:?}");
    let account = audit::balanced(rig.cluster.seat(0).ports().grpc, rig.minutes(), &ticks)?;
    println!("  audit: {account}");
    balanced_books(rig).await?;
    rig.end().await
}
