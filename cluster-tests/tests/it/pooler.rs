//! A pooler between a node and its server: by session it is as if there were none, by transaction it is told, with what to
//! do, and harms nobody.

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::node::{Every, Node, NodeConfig};
use ringwatch_cluster_tests::postgres::pooler::Pooler;
use ringwatch_cluster_tests::postgres::{Server, Wish};
use ringwatch_cluster_tests::scene::{Scene, scenario};
use ringwatch_cluster_tests::sink::Sink;
use ringwatch_cluster_tests::wait;

use crate::story::SOON;

/// What an operator is to do.
const ADVICE: [&str; 2] = ["connect to the server itself", "by session"];

/// A node that reads a server through a pooler of this mode; and what must live as long.
async fn behind(scene: &Scene, mode: &str) -> Result<(Node, (Server, Pooler, Sink))> {
    let server = scene.server("postgres", &Wish::default()).await?;
    let pooler = Pooler::start(&server, mode, &scene.log("pooler")).await?;
    let sink = scene.sink().await?;
    let config = NodeConfig::new(&[pooler.endpoint()], &sink.endpoint(), Every::SECOND);
    let node = scene.node(&config).await?;
    Ok((node, (server, pooler, sink)))
}

#[test]
fn a_pooler_by_session_is_as_none() -> Result<()> {
    if let Some(why) = Pooler::missing() {
        println!("skipped: {why}");
        return Ok(());
    }
    scenario("pooler_session", async |scene| {
        let (mut node, _parts) = behind(scene, "session").await?;
        node.until("five ticks, under the lock", SOON, |m| {
            let read = m.sum(
                "ringwatch_ticks_total",
                &[("stream", "postgresql.activity"), ("outcome", "collected")],
            );
            let locked = m.sum("ringwatch_fence", &[("state", "lock")]);
            wait::when(read >= 5.0 && (locked - 1.0).abs() < 0.1, || {
                format!(
                    "{} {}",
                    m.show("ringwatch_ticks_total"),
                    m.show("ringwatch_fence")
                )
            })
        })
        .await?;
        node.terminate().await.map(drop)
    })
}

#[test]
fn a_pooler_by_transaction_is_told_with_what_to_do() -> Result<()> {
    if let Some(why) = Pooler::missing() {
        println!("skipped: {why}");
        return Ok(());
    }
    scenario("pooler_transaction", async |scene| {
        let (mut node, _parts) = behind(scene, "transaction").await?;
        node.log_line(&ADVICE, SOON).await?;
        node.until("ticks that are accounted for", SOON, |m| {
            let ended = m.sum("ringwatch_ticks_total", &[("stream", "postgresql.activity")]);
            wait::when(ended >= 5.0, || m.show("ringwatch_ticks_total"))
        })
        .await?;
        let said = node.log_text()?.matches(ADVICE[0]).count();
        ensure!(said < 60, "it is said {said} times within seconds");
        node.terminate().await.map(drop)
    })
}
