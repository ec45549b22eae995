//! What an operator does: lists, opens and resets circuits, by the command line and over HTTP.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ringwatch_cluster_tests::cluster::client;
use ringwatch_cluster_tests::scene::scenario;
use serde_json::Value;

use super::{Guarded, quick_breaker};

fn json_of(output: &Output) -> Result<Value> {
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).context(said)
}

fn list(all: &Guarded) -> Result<Value> {
    let answer = json_of(&client(
        all.node.ports().grpc,
        &["breaker", "list", "-o", "json"],
    )?)?;
    Ok(answer["breakers"][0].clone())
}

#[test]
fn a_circuit_is_opened_listed_and_reset_by_hand() -> Result<()> {
    scenario("breaker_operator", async |scene| {
        let mut all = Guarded::start(scene, 1, quick_breaker(2)).await?;
        all.state("closed").await?;
        let target = format!("postgresql://{}", all.server.endpoint());
        let grpc = all.node.ports().grpc;
        ensure!(list(&all)?["target_id"] == target.as_str() && list(&all)?["state"] == "CLOSED");
        let opened = client(grpc, &["breaker", "open", &target, "--for", "10m"])?;
        ensure!(
            opened.status.success(),
            "{}",
            String::from_utf8_lossy(&opened.stderr)
        );
        all.state("open").await?;
        ensure!(list(&all)?["state"] == "OPEN", "{}", list(&all)?);
        tokio::time::sleep(Duration::from_millis(300)).await;
        let from = all.log_length()?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        ensure!(all.asked(from)?.is_empty(), "asked while it was open");
        let reset = client(grpc, &["breaker", "reset", &target])?;
        ensure!(
            reset.status.success(),
            "{}",
            String::from_utf8_lossy(&reset.stderr)
        );
        all.state("closed").await?;
        let unknown = client(grpc, &["breaker", "reset", "postgresql://nobody:1"])?;
        ensure!(unknown.status.code() == Some(1), "{:?}", unknown.status);
        let nobody = client(ringwatch_cluster_tests::ports::free_port()?, &["breaker", "list"])?;
        ensure!(nobody.status.code() == Some(3), "{:?}", nobody.status);
        all.node.terminate().await.map(drop)
    })
}
