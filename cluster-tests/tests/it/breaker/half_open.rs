//! Half-open: so many readings are let through as there are permits, and a failure doubles the break.

use std::time::Duration;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::scene::scenario;
use ringwatch_cluster_tests::wait;

use super::{BREAK, Guarded, Knob, SOON, quick_breaker};

/// Asked statements of the receivers, without what belongs to a connection's beginning.
fn readings(asked: &[String]) -> usize {
    asked.iter().filter(|line| line.contains("from knob")).count()
}

#[test]
fn exactly_the_permits_are_let_through() -> Result<()> {
    scenario("breaker_permits", async |scene| {
        // Six receivers want to read; the circuit lets three of their readings through, which take two seconds.
        let mut all = Guarded::start(scene, 6, quick_breaker(3)).await?;
        all.state("closed").await?;
        all.turn(Knob::Error).await?;
        all.state("open").await?;
        all.turn(Knob::Slow).await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let from = all.log_length()?;
        all.state("half_open").await?;
        // Each of the three takes two seconds, so that all six receivers have a tick meanwhile.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let asked = all.asked(from)?;
        ensure!(readings(&asked) == 3, "{} readings: {asked:#?}", readings(&asked));
        all.state("closed").await?;
        all.node.terminate().await.map(drop)
    })
}

#[test]
fn a_break_that_did_not_help_is_doubled() -> Result<()> {
    scenario("breaker_backoff", async |scene| {
        let mut all = Guarded::start(scene, 1, quick_breaker(2)).await?;
        all.state("closed").await?;
        all.turn(Knob::Error).await?;
        all.state("open").await?;
        let trips = |n: u64| {
            let node = &all.node;
            async move {
                let what = format!("{n} trips");
                node.until(&what, 3 * BREAK + SOON, |m| {
                    let now = m.count("circuit_breaker_trips_total", &[]);
                    wait::when(now >= n, || m.show("circuit_breaker_trips_total"))
                })
                .await
            }
        };
        trips(2).await?;
        let from = all.log_length()?;
        tokio::time::sleep(BREAK + BREAK / 2).await;
        let asked = all.asked(from)?;
        // The break is twice as long now; what was under way at its begin may still be in the log.
        ensure!(readings(&asked) == 0, "asked in the second break: {asked:#?}");
        all.turn(Knob::Fine).await?;
        all.state("closed").await?;
        all.node.terminate().await.map(drop)
    })
}
