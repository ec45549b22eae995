//! A database that stops and comes back: an ordered stop, a crash, and a freeze.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::node::{Every, Metrics};
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::wait;

use crate::story::{SOON, Watched};

/// Waits until the node says whether its target is up.
async fn target_up(all: &Watched, up: bool) -> Result<()> {
    let target = if up { 1.0 } else { 0.0 };
    let fits = |m: &Metrics| {
        let seen: Vec<f64> = m.values("ringwatch_target_up", &[]).collect();
        wait::when(seen == [target], || m.show("ringwatch_target_up"))
    };
    all.node
        .until(&format!("ringwatch_target_up {target}"), SOON, fits)
        .await
        .map(drop)
}

/// Waits until every stream has been read once, and gives how many ticks were missed up to then.
async fn every_stream_read(all: &Watched) -> Result<f64> {
    let fits = |m: &Metrics| {
        let streams = m.by_label("ringwatch_ticks_total", "stream").len();
        let collected = collected(m);
        let all_read = collected.len() == streams && collected.values().all(|ticks| *ticks > 0.0);
        wait::when(streams >= 8 && all_read, || m.show("ringwatch_ticks_total"))
    };
    let metrics = all.node.until("a tick of every stream", SOON, fits).await?;
    Ok(missed(&metrics))
}

/// What every outage shows: ticks are missed and counted, the node stays live, and every stream goes on when the
/// database does. `while_gone` is what each stream had read while nothing could be read.
async fn comes_back(all: &mut Watched, missed_before: f64, while_gone: &BTreeMap<String, f64>) -> Result<()> {
    target_up(all, true).await?;
    let grown = |m: &Metrics| {
        let now = collected(m);
        // A reading that was on its way into a frozen server may still end: that is one.
        let standing: Vec<_> = while_gone
            .iter()
            .filter(|(stream, ticks)| now.get(*stream).copied().unwrap_or(0.0) < *ticks + 2.0)
            .collect();
        wait::when(standing.is_empty(), || format!("not read again: {standing:?}"))
    };
    all.node
        .until("two more ticks of every stream", SOON, grown)
        .await?;
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

fn collected(metrics: &Metrics) -> BTreeMap<String, f64> {
    metrics.by_label_of("ringwatch_ticks_total", &[("outcome", "collected")], "stream")
}

fn missed(metrics: &Metrics) -> f64 {
    let all = metrics.sum("ringwatch_ticks_total", &[]);
    all - metrics.sum("ringwatch_ticks_total", &[("outcome", "collected")])
}

#[test]
fn a_stopped_database_is_told_and_watched_again() -> Result<()> {
    scenario("database_stop", async |scene| {
        let mut all = Watched::start(scene, Every::SECOND).await?;
        let before = every_stream_read(&all).await?;
        all.server.stop().await?;
        target_up(&all, false).await?;
        let told = all
            .node
            .log_line(&["127.0.0.1", &all.server.port().to_string()], SOON)
            .await?;
        ensure!(!told.contains("watches-quietly"), "the password is in the log");
        let gone = collected(&all.node.metrics().await?);
        all.server.resume_service().await?;
        comes_back(&mut all, before, &gone).await
    })
}

#[test]
fn a_crashed_database_is_watched_again() -> Result<()> {
    scenario("database_crash", async |scene| {
        let mut all = Watched::start(scene, Every::SECOND).await?;
        let before = every_stream_read(&all).await?;
        all.server.crash().await?;
        target_up(&all, false).await?;
        let gone = collected(&all.node.metrics().await?);
        all.server.resume_service().await?;
        comes_back(&mut all, before, &gone).await
    })
}

#[test]
fn a_frozen_database_is_given_up_in_time_and_watched_again() -> Result<()> {
    scenario("database_freeze", async |scene| {
        let mut all = Watched::start(scene, Every::SECOND).await?;
        let before = every_stream_read(&all).await?;
        all.server.pause()?;
        target_up(&all, false).await?;
        all.node
            .until("ticks missed for a timeout", SOON, |m| {
                let missed = m.sum("ringwatch_ticks_total", &[("outcome", "timeout")]);
                wait::when(missed > 0.0, || m.show("ringwatch_ticks_total"))
            })
            .await?;
        let gone = collected(&all.node.metrics().await?);
        all.server.unpause()?;
        tokio::time::timeout(Duration::from_secs(60), comes_back(&mut all, before, &gone)).await?
    })
}
