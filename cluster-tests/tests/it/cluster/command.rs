//! `ringwatch cluster ...` against a real cluster.

use std::process::Output;

use anyhow::{Context as _, Result, ensure};
use ringwatch_cluster_tests::cluster::command;
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use serde_json::Value;

use super::Watching;
use crate::story::SOON;

/// What it printed, where it ended with this code.
fn printed(output: &Output, code: i32) -> Result<String> {
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(code),
        "it ended with {}: {out}{err}",
        output.status
    );
    Ok(out + &err)
}

#[test]
fn the_command_line_shows_and_drains() -> Result<()> {
    scenario("cluster_command", async |scene| {
        let mut all = Watching::start(scene, 3, 6, |_| {}).await?;
        all.keep_to_the_ring().await?;
        let before = all.cluster.agree(SOON).await?;
        let ids: Vec<String> = all.cluster.seats().iter().map(|s| s.id().to_owned()).collect();
        let grpc = all.cluster.seat(1).ports().grpc;
        for what in ["members", "ring"] {
            let table = printed(&command(grpc, &[what])?, 0)?;
            ensure!(ids.iter().all(|id| table.contains(id)), "{what}: {table}");
            let json: Value = serde_json::from_str(&printed(&command(grpc, &[what, "-o", "json"])?, 0)?)?;
            ensure!(
                json["members"].as_array().map(Vec::len) == Some(3),
                "{what}: {json}"
            );
        }
        let table = printed(&command(grpc, &["targets"])?, 0)?;
        ensure!(all.targets.iter().all(|t| table.contains(t.as_str())), "{table}");
        let (target, owner) = before.owners.first_key_value().context("no target")?;
        let located = printed(&command(grpc, &["locate", &format!("postgresql://{target}")])?, 0)?;
        ensure!(
            located.contains(owner.as_str()),
            "{target} is {owner}'s: {located}"
        );
        let unknown = printed(&command(grpc, &["locate", "postgresql://nowhere:1"])?, 1)?;
        ensure!(unknown.contains("no receiver names"), "{unknown}");

        let drained = before.busiest();
        let others: Vec<String> = ids.iter().filter(|id| **id != drained).cloned().collect();
        printed(&command(grpc, &["drain", &drained])?, 0)?;
        let without = all.cluster.agree_on(&others, SOON).await?;
        ensure_fault(!without.moved_since(&before).is_empty(), "nothing moved")?;
        printed(&command(grpc, &["drain", &drained, "--undo"])?, 0)?;
        let again = all.cluster.agree(SOON).await?;
        ensure!(
            again.owners == before.owners,
            "before {before:?}, again {again:?}"
        );
        let nobody = printed(&command(grpc, &["drain", "nobody"])?, 1)?;
        ensure!(nobody.contains("no member"), "{nobody}");
        let silent = ringwatch_cluster_tests::ports::free_port()?;
        printed(&command(silent, &["members"])?, 3)?;
        all.nothing_twice()?;
        all.verdict().await.map(drop)
    })
}
