//! The database answers errors, hangs, or refuses connections: the circuit opens, and then the server sees nothing.

use std::time::Duration;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::node::{Every, NodeConfig};
use ringwatch_cluster_tests::postgres::Wish;
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::sink::Answer;
use ringwatch_cluster_tests::wait;

use super::{BREAK, Guarded, Knob, SOON, STATE, quick_breaker};

/// While the circuit is open nothing reaches the server. Leaves time for what was under way.
async fn silent(all: &Guarded) -> Result<()> {
    all.state("open").await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let from = all.log_length()?;
    tokio::time::sleep(BREAK / 2).await;
    let asked = all.asked(from)?;
    ensure!(asked.is_empty(), "asked while the circuit was open: {asked:#?}");
    Ok(())
}

async fn closes(all: &Guarded) -> Result<()> {
    let limit = 4 * BREAK + SOON;
    let what = "a circuit that closes after the recovery";
    all.node
        .until(what, limit, |m| {
            let closed = m.values(STATE, &[("state", "closed")]).count() == 1;
            wait::when(closed, || m.show(STATE))
        })
        .await
        .map(drop)
}

#[test]
fn errors_open_the_circuit_and_then_nothing_is_asked() -> Result<()> {
    scenario("breaker_errors", async |scene| {
        let mut all = Guarded::start(scene, 1, quick_breaker(2)).await?;
        all.state("closed").await?;
        all.turn(Knob::Error).await?;
        silent(&all).await?;
        ensure_fault(all.server.log_text()?.contains("division by zero"), "no error")?;
        all.turn(Knob::Fine).await?;
        closes(&all).await?;
        let metrics = all.node.metrics().await?;
        ensure!(
            metrics.count("circuit_breaker_trips_total", &[]) >= 1,
            "no trip was counted"
        );
        ensure!(
            metrics.count("circuit_breaker_recovery_time_seconds_count", &[]) == 1,
            "{}",
            metrics.show("circuit_breaker_recovery_time_seconds_count")
        );
        let missed = metrics.count("ringwatch_ticks_total", &[("outcome", "breaker_open")]);
        ensure!(missed >= 2, "{missed} ticks were counted as missed");
        all.node.terminate().await.map(drop)
    })
}

#[test]
fn a_hanging_database_opens_the_circuit() -> Result<()> {
    scenario("breaker_hangs", async |scene| {
        let mut all = Guarded::start(scene, 1, quick_breaker(2)).await?;
        all.state("closed").await?;
        all.server.pause()?;
        let opened = all.state("open").await;
        let accepted = all.asked(0)?.len();
        all.server.unpause()?;
        opened?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        // What was sent while it was frozen appears now; after that there is nothing.
        let from = all.log_length()?;
        tokio::time::sleep(BREAK / 2).await;
        let asked = all.asked(from)?;
        ensure!(
            asked.is_empty(),
            "asked while the circuit was open: {asked:#?} ({accepted})"
        );
        closes(&all).await?;
        all.node.terminate().await.map(drop)
    })
}

#[test]
fn a_database_that_refuses_connections_opens_the_circuit() -> Result<()> {
    scenario("breaker_refuses", async |scene| {
        let mut all = Guarded::start(scene, 1, quick_breaker(2)).await?;
        all.state("closed").await?;
        all.server.stop().await?;
        all.state("open").await?;
        all.server.resume_service().await?;
        let from = all.log_length()?;
        tokio::time::sleep(BREAK / 4).await;
        let asked = all.asked(from)?;
        ensure!(asked.is_empty(), "asked while the circuit was open: {asked:#?}");
        closes(&all).await?;
        all.node.terminate().await.map(drop)
    })
}

#[test]
fn one_targets_breaker_leaves_the_others_alone() -> Result<()> {
    scenario("breaker_alone", async |scene| {
        let (bad, good) = (
            scene.server("bad", &Wish::default()).await?,
            scene.server("good", &Wish::default()).await?,
        );
        let sink = scene.sink().await?;
        let mut config = NodeConfig::new(
            &[bad.endpoint(), good.endpoint()],
            &sink.endpoint(),
            Every::SECOND_METRICS,
        );
        config
            .processors
            .insert("circuit_breaker".into(), quick_breaker(2));
        config.order.insert(0, "circuit_breaker".into());
        let mut node = scene.node(&config).await?;
        bad.pause()?;
        let id = format!("postgresql://{}", bad.endpoint());
        let opened = node
            .until("the circuit of the frozen server", SOON, |m| {
                let here = m.values(STATE, &[("database", &id), ("state", "open")]).count();
                wait::when(here == 1, || m.show(STATE))
            })
            .await;
        bad.unpause()?;
        let metrics = opened?;
        let other = format!("postgresql://{}", good.endpoint());
        let state: Vec<f64> = metrics.values(STATE, &[("database", &other)]).collect();
        ensure!(state == [0.0], "{}", metrics.show(STATE));
        let gaps = sink.look(|l| {
            l.gaps()
                .into_iter()
                .filter(|g| g.series.target == good.endpoint())
                .count()
        });
        ensure!(gaps == 0, "the good server lacks {gaps} ticks");
        node.terminate().await.map(drop)
    })
}

#[test]
fn a_dead_backend_opens_no_databases_breaker() -> Result<()> {
    scenario("breaker_backend", async |scene| {
        let mut all = Guarded::start(scene, 2, quick_breaker(2)).await?;
        all.state("closed").await?;
        all.sink.script(Answer::Unavailable);
        tokio::time::sleep(Duration::from_secs(3)).await;
        all.sink.down();
        tokio::time::sleep(Duration::from_secs(3)).await;
        let metrics = all.node.metrics().await?;
        ensure_fault(all.sink.given().unavailable > 0, "the backend was never asked")?;
        let states: Vec<f64> = metrics.values(STATE, &[]).collect();
        ensure!(states == [0.0], "{}", metrics.show(STATE));
        let trips = metrics.count("circuit_breaker_trips_total", &[]);
        ensure!(trips == 0, "{trips} trips");
        let before = metrics.count("ringwatch_ticks_total", &[("outcome", "collected")]);
        all.node
            .until("further readings", SOON, |m| {
                let now = m.count("ringwatch_ticks_total", &[("outcome", "collected")]);
                wait::when(now > before + 2, || m.show("ringwatch_ticks_total"))
            })
            .await?;
        all.sink.script(Answer::Accept);
        all.sink.up().await?;
        all.node.terminate().await.map(drop)
    })
}
