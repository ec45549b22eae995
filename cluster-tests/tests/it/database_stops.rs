//! A database that stops and comes back: an ordered stop, a crash, and a freeze.

use std::time::Duration;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::node::Every;
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::wait;

use crate::story::{SOON, Watched};

/// Waits until the node says whether its target is up.
async fn target_up(all: &Watched, up: bool) -> Result<()> {
    let target = if up { 1.0 } else { 0.0 };
    let fits = |m: &ringwatch_cluster_tests::node::Metrics| {
        let seen: Vec<f64> = m.values("ringwatch_target_up", &[]).collect();
        wait::when(seen == [target], || m.show("ringwatch_target_up"))
    };
    all.node
        .until(&format!("ringwatch_target_up {target}"), SOON, fits)
        .await
        .map(drop)
}

/// What every outage shows: ticks are missed and counted, the node stays live, and goes on when the database does.
async fn comes_back(all: &Watched, missed_before: f64) -> Result<()> {
    target_up(all, true).await?;
    all.points_after(all.newest()).await?;
    all.ticks_of("postgresql.commits", 2).await?;
    let metrics = all.node.metrics().await?;
    let missed = missed(&metrics);
    ensure_fault(missed > missed_before, "no tick was missed")?;
    let log = all.node.log_text()?;
    ensure!(
        log.lines().count() < 200,
        "an outage wrote {} lines",
        log.lines().count()
    );
    all.verdict().await.map(drop)
}

fn missed(metrics: &ringwatch_cluster_tests::node::Metrics) -> f64 {
    let all = metrics.sum("ringwatch_ticks_total", &[]);
    all - metrics.sum("ringwatch_ticks_total", &[("outcome", "collected")])
}

#[test]
fn a_stopped_database_is_told_and_watched_again() -> Result<()> {
    scenario("database_stop", async |scene| {
        let mut all = Watched::start(scene, Every::SECOND).await?;
        let before = missed(&all.node.metrics().await?);
        all.server.stop().await?;
        target_up(&all, false).await?;
        let told = all
            .node
            .log_line(&["127.0.0.1", &all.server.port().to_string()], SOON)
            .await?;
        ensure!(!told.contains("watches-quietly"), "the password is in the log");
        all.server.resume_service().await?;
        comes_back(&all, before).await
    })
}

#[test]
fn a_crashed_database_is_watched_again() -> Result<()> {
    scenario("database_crash", async |scene| {
        let mut all = Watched::start(scene, Every::SECOND).await?;
        let before = missed(&all.node.metrics().await?);
        all.server.crash().await?;
        target_up(&all, false).await?;
        all.server.resume_service().await?;
        comes_back(&all, before).await
    })
}

#[test]
fn a_frozen_database_is_given_up_in_time_and_watched_again() -> Result<()> {
    scenario("database_freeze", async |scene| {
        let all = Watched::start(scene, Every::SECOND).await?;
        let before = missed(&all.node.metrics().await?);
        all.server.pause()?;
        target_up(&all, false).await?;
        all.node
            .until("ticks missed for a timeout", SOON, |m| {
                let missed = m.sum("ringwatch_ticks_total", &[("outcome", "timeout")]);
                wait::when(missed > 0.0, || m.show("ringwatch_ticks_total"))
            })
            .await?;
        all.server.unpause()?;
        tokio::time::timeout(Duration::from_secs(60), comes_back(&all, before)).await?
    })
}
