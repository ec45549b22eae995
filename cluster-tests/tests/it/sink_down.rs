//! A receiver that is gone for a while: nothing is lost, nothing comes twice, all comes late.

use std::time::Duration;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::node::Every;
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::wait;

use crate::story::{SOON, Watched};

#[test]
fn an_outage_of_the_receiver_loses_nothing() -> Result<()> {
    outage("sink_down", 15)
}

#[test]
fn an_outage_of_a_minute_loses_nothing_long() -> Result<()> {
    outage("sink_down_a_minute", 60)
}

/// The receiver is gone for so many ticks of a second.
fn outage(name: &str, ticks: u32) -> Result<()> {
    scenario(name, async |scene| {
        let mut all = Watched::start(scene, Every::SECOND).await?;
        all.sink.down();
        let last = all.newest();
        // The outage is over when the node has read so many ticks without a receiver.
        let begun = collected(&all).await?;
        let wanted = begun + f64::from(ticks);
        let limit = Duration::from_secs(2 * u64::from(ticks));
        all.node
            .until("ticks read during the outage", limit, |m| {
                let now = m.sum("ringwatch_ticks_total", &DATABASES);
                wait::when(now >= wanted, || format!("{now} of {wanted}"))
            })
            .await?;
        let waiting = all.node.metrics().await?;
        ensure_fault(all.newest() == last, "points came during the outage")?;
        ensure!(
            waiting.sum("ringwatch_queue_frames", &[]) > 0.0,
            "nothing is in the queue"
        );
        ensure!(
            waiting.sum("ringwatch_queue_oldest_seconds", &[]) > 5.0,
            "the oldest batch is not old"
        );
        all.sink.up().await?;
        all.node
            .until("an empty queue", SOON, |m| {
                let frames = m.sum("ringwatch_queue_frames", &[]);
                let oldest = m.sum("ringwatch_queue_oldest_seconds", &[]);
                wait::when(oldest < 3.0, || format!("{frames} frames, the oldest {oldest} s"))
            })
            .await?;
        all.ticks_of("postgresql.commits", 1).await?;
        let books = all.verdict().await?;
        ensure!(books.dropped.is_empty(), "rows were lost: {:?}", books.dropped);
        all.no_gaps().await
    })
}

const DATABASES: [(&str, &str); 2] = [("stream", "postgresql.databases"), ("outcome", "collected")];

async fn collected(all: &Watched) -> Result<f64> {
    Ok(all.node.metrics().await?.sum("ringwatch_ticks_total", &DATABASES))
}
