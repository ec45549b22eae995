//! Leaders killed while somebody writes: how soon there is another one, and what is lost.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ringwatch_cluster_tests::cluster::client;
use ringwatch_cluster_tests::cluster::writer::Writer;
use ringwatch_cluster_tests::postgres::{Server, Wish};
use ringwatch_cluster_tests::wait;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{id, trio, well, writer};
use crate::quantiles;
use crate::trio::{SOON, Trio};

/// Kills `rounds` leaders.
pub(crate) async fn measure(rounds: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let left_alone = Server::start(&Wish::default(), &folder.path().join("left-alone.log")).await?;
    let endpoint = left_alone.endpoint();
    let mut trio = trio(6, |shape| {
        shape.endpoints.push(endpoint.clone());
        shape.adapt = |config| {
            Writer::allow(config);
            config.processors.insert("circuit_breaker".into(), json!({}));
            config.order.insert(0, "circuit_breaker".into());
        };
    })
    .await?;
    let target = id(&endpoint);
    // It has a circuit once it was asked something.
    wait::until("an open circuit", SOON, async || {
        open(&trio, &target).map_err(|e| e.to_string())
    })
    .await?;
    // What was under way comes to its end.
    sleep(Duration::from_secs(2)).await;
    let silent_from = left_alone.log_text()?.len();
    let before = circuits(&trio)?;
    let writer = writer(&trio)?;
    let (mut elections, mut kills, mut other_circuits) = (Vec::new(), Vec::new(), 0);
    let mut group = well(&trio.cluster).await?;
    for _ in 0..rounds {
        writer.more(20, SOON).await?;
        sleep(Duration::from_millis(fastrand::u64(..1_000))).await;
        let killed = trio.cluster.seat_mut(group.leader).kill_at_once().await?;
        let new = trio.cluster.led(SOON).await?;
        elections.push(killed.elapsed());
        kills.push(killed);
        writer.more(5, SOON).await?;
        other_circuits += usize::from(circuits(&trio)? != before);
        trio.cluster.launch(group.leader)?;
        group = well(&trio.cluster).await?;
        anyhow::ensure!(group.term >= new.term, "the term went back");
    }
    let written = writer.proven(&trio.cluster).await?;
    trio.cluster.same_state(SOON).await?;
    let gaps: Vec<Duration> = kills
        .iter()
        .filter_map(|killed| written.unavailable(*killed))
        .collect();
    let asked = left_alone.log_text()?;
    let asked = asked.get(silent_from..).unwrap_or_default();
    let asked = asked
        .lines()
        .filter(|line| line.contains("app=ringwatch") && line.contains("LOG:  execute"))
        .count();
    println!("{rounds} leaders killed while somebody wrote");
    println!(
        "  kill to a new leader whom all know: {}",
        quantiles::millis(&elections)
    );
    println!(
        "  kill to the next acknowledged write: {}",
        quantiles::millis(&gaps)
    );
    println!(
        "  {} writes acknowledged, 0 of them lost (each proven at every node); not acknowledged: {:?}",
        written.acknowledged().count(),
        written.refusals
    );
    println!(
        "  circuits other than before: {other_circuits} times; the server with the open one was asked {asked} times"
    );
    Ok(())
}

fn open(trio: &Trio, target: &str) -> Result<()> {
    let grpc = trio.cluster.seat(0).ports().grpc;
    let output = client(grpc, &["breaker", "open", target, "--for", "24h"])?;
    anyhow::ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// The circuits by target, in the eyes of a node.
fn circuits(trio: &Trio) -> Result<BTreeMap<String, String>> {
    let n = *trio.cluster.awake().first().context("nobody is awake")?;
    let output = client(
        trio.cluster.seat(n).ports().grpc,
        &["breaker", "list", "-o", "json"],
    )?;
    let said: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let of = |breaker: &Value| (breaker["target_id"].to_string(), breaker["state"].to_string());
    Ok(said["breakers"]
        .as_array()
        .into_iter()
        .flatten()
        .map(of)
        .collect())
}
