//! What is changed while the nodes run: targets, flags, limits, and back again.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ringwatch_cluster_tests::chaos::oracle::audit;
use ringwatch_cluster_tests::cluster::group::WELL;
use ringwatch_cluster_tests::cluster::ticks::{self, ACTIVITY};
use ringwatch_cluster_tests::postgres::{Wish, sql};
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::wait;
use serde_json::Value;
use tokio::time::sleep;

use crate::cluster::Watching;
use crate::story::SOON;

/// Waits until no member has another data set than the node in seat `n`, and theirs has this version.
async fn same_version(all: &Watching, n: usize, version: u64) -> Result<()> {
    wait::until(&format!("version {version} everywhere"), SOON, async || {
        let said = all
            .json(n, &["cluster", "members"])
            .map_err(|e| format!("{e:#}"))?;
        let members: Vec<&Value> = said["members"].as_array().into_iter().flatten().collect();
        let here = members
            .iter()
            .all(|m| m["dataset_version"] == version && m["dataset_drift"] != true);
        wait::when(here && members.len() == 3, || said.to_string())
    })
    .await
}

/// Adds a target that was removed, and removes it. It is still known where it was left, and what fell between is told.
async fn again(all: &Watching, endpoint: &str) -> Result<()> {
    let count = || all.sink.look(|l| ticks::of_event(l, endpoint, ACTIVITY).len());
    let before = count();
    sleep(Duration::from_secs(3)).await;
    ensure_fault(count() == before, "it was read on")?;
    all.asked(0, &["targets", "add", "postgresql", endpoint], 0)?;
    wait::until("ticks of the target that is back", SOON, async || {
        wait::when(count() >= before + 3, || format!("{}", count()))
    })
    .await?;
    let target = format!("postgresql://{endpoint}");
    let account = audit::of_target(all.cluster.seat(0).ports().grpc, 5, &target)?;
    println!("  audit of the target: {account}");
    let missed = account["missed"].as_object().context("no reasons")?;
    let late = missed.keys().all(|reason| reason == "late");
    ensure!(account["balanced"] == true && late, "{account}");
    all.asked(0, &["targets", "remove", &target], 0)?;
    Ok(())
}

#[test]
fn a_target_is_added_read_and_rolled_back() -> Result<()> {
    scenario("raft_targets", async |scene| {
        let mut all = Watching::start(scene, 3, 3, |_| {}).await?;
        all.cluster.whole(3, 0, WELL).await?;
        let server = scene.server("added", &Wish::default()).await?;
        let mut open = server.connect("postgres").await?;
        sql::execute(&mut open, "begin; select 1").await?;
        let (endpoint, id) = (server.endpoint(), format!("postgresql://{}", server.endpoint()));
        let count = || all.sink.look(|l| ticks::of_event(l, &endpoint, ACTIVITY).len());

        let none = all.asked(1, &["targets", "add", "postgresql/none", &endpoint], 1)?;
        ensure!(
            none.contains("postgresql"),
            "it does not say which receivers there are: {none}"
        );
        all.asked(0, &["flags", "set", "plans", "off"], 0)?;
        all.asked(1, &["targets", "add", "postgresql", &endpoint], 0)?;
        same_version(&all, 0, 2).await?;
        wait::until("ticks of the added target", SOON, async || {
            wait::when(count() >= 3, || format!("{}", count()))
        })
        .await?;
        for n in 0..3 {
            let list = all.asked(n, &["targets", "list"], 0)?;
            ensure!(
                list.contains(&endpoint) && list.contains(&all.targets[0]),
                "{list}"
            );
        }
        let configured = all.asked(2, &["targets", "remove", &all.id(0)], 1)?;
        ensure!(configured.contains("configuration"), "{configured}");

        // It is known to one that was not there, too.
        all.cluster.seat_mut(2).kill_at_once().await?;
        all.asked(0, &["flags", "set", "adaptive_rates", "off"], 0)?;
        all.cluster.launch(2)?;
        same_version(&all, 1, 3).await?;
        ensure_fault(count() > 0, "it was never read")?;

        all.asked(0, &["targets", "rollback", "1"], 0)?;
        same_version(&all, 2, 4).await?;
        let list = all.asked(2, &["targets", "list"], 0)?;
        ensure!(!list.contains(&endpoint), "{list}");
        wait::until("nobody who owns it", SOON, async || {
            let said = all
                .json(0, &["cluster", "targets"])
                .map_err(|e| format!("{e:#}"))?;
            wait::when(!said.to_string().contains(&id), || said.to_string())
        })
        .await?;
        let flags = all.json(1, &["flags", "list"])?;
        let flags = flags["flags"].as_array().into_iter().flatten();
        let set: Vec<_> = flags
            .filter(|f| f["set"] == true)
            .map(|f| f["name"].to_string())
            .collect();
        ensure!(set == ["\"plans\""], "set after the rollback: {set:?}");
        let history = all.asked(1, &["targets", "history"], 0)?;
        ensure!(history.contains(&endpoint), "{history}");
        again(&all, &endpoint).await?;
        all.cluster.agree(SOON).await?;
        all.cluster.same_state(SOON).await?;
        all.more_ticks(2).await?;
        all.cluster.end().await
    })
}
