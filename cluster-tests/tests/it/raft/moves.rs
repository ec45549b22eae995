//! Targets where the operator wants them: `cluster move`, `cluster rebalance`.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ringwatch_cluster_tests::cluster::agreement::Agreement;
use ringwatch_cluster_tests::cluster::group::WELL;
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::wait;
use serde_json::Value;

use crate::cluster::Watching;
use crate::story::SOON;

/// How long it may take until everybody has told what its targets cost.
const WEIGHED: Duration = Duration::from_secs(90);

/// Waits until all agree that the node in seat `n` owns target `target`.
async fn owned(all: &Watching, target: usize, n: usize) -> Result<Agreement> {
    let (name, id) = (&all.targets[target], all.cluster.seat(n).id());
    wait::until(&format!("{name} at {id}"), SOON, async || {
        let agreed = all.cluster.agree(SOON).await.map_err(|e| format!("{e:#}"))?;
        let owner = agreed.owners.get(name);
        wait::when(owner.is_some_and(|owner| owner == id), || {
            format!("{owner:?} owns it")
        })?;
        Ok(agreed)
    })
    .await
}

#[test]
fn a_target_is_moved_stays_and_is_let_go() -> Result<()> {
    scenario("raft_move", async |scene| {
        let mut all = Watching::start(scene, 3, 6, |shape| shape.hold_down = "1s").await?;
        all.cluster.whole(3, 0, WELL).await?;
        let before = all.cluster.agree(SOON).await?;
        let owner = before.owners.get(&all.targets[0]).context("nobody owns it")?;
        let from = all.cluster.number_of(owner)?;
        let to = all.other_than(&[from])?;
        let node = all.cluster.seat(to).id().to_owned();
        // Asked of one that need not lead.
        all.asked(
            all.other_than(&[from, to])?,
            &["cluster", "move", &all.id(0), &node],
            0,
        )?;
        let moved = owned(&all, 0, to).await?;
        ensure!(
            moved.view > before.view,
            "view {} after {}",
            moved.view,
            before.view
        );
        let others = moved.moved_since(&before);
        ensure!(
            others.keys().eq([&all.targets[0]]),
            "others moved too: {others:?}"
        );
        all.more_ticks(3).await?;

        // It stays where it is over another one's death, and goes when its node does.
        let third = all.other_than(&[from, to])?;
        all.cluster.seat_mut(third).kill_at_once().await?;
        owned(&all, 0, to).await?;
        all.cluster.launch(third)?;
        all.cluster.whole(3, 0, WELL).await?;
        owned(&all, 0, to).await?;
        all.asked(from, &["cluster", "move", &all.id(0), "nobody"], 1)?;
        all.asked(from, &["cluster", "move", "postgresql://nowhere:1", &node], 1)?;

        all.asked(from, &["cluster", "move", &all.id(0), "auto"], 0)?;
        owned(&all, 0, from).await?;
        all.more_ticks(2).await?;
        all.no_gaps().await?;
        all.repeats()?;
        all.cluster.end().await
    })
}

#[test]
fn a_rebalance_says_first_what_it_would_move() -> Result<()> {
    scenario("raft_rebalance", async |scene| {
        let mut all = Watching::start(scene, 3, 9, |_| {}).await?;
        all.cluster.whole(3, 0, WELL).await?;
        // Everything on one node, by hand.
        let to = all.cluster.seat(0).id().to_owned();
        for target in 0..9 {
            all.ordered(0, &["cluster", "move", &all.id(target), &to]).await?;
        }
        let all_moved = owned(&all, 8, 0).await?;
        ensure_fault(all_moved.owned_by(&to).len() == 9, "not all of them were moved")?;
        for target in 0..9 {
            all.ordered(1, &["cluster", "move", &all.id(target), "auto"])
                .await?;
        }
        all.cluster.agree(SOON).await?;
        // What targets cost is told every half minute.
        let before = wait::until("loads that are known", WEIGHED, async || {
            let said = all
                .json(1, &["cluster", "rebalance", "--dry-run"])
                .map_err(|e| format!("{e:#}"))?;
            let known = loads(&said, "before").iter().filter(|load| **load > 0.0).count();
            wait::when(known > 1, || said.to_string())?;
            Ok(said)
        })
        .await?;
        let owners = all.cluster.agree(SOON).await?.owners;
        ensure!(
            loads(&before, "before").len() == 3 && loads(&before, "after").len() == 3,
            "{before}"
        );
        let table = all.ordered(1, &["cluster", "rebalance"]).await?;
        println!("{table}");
        println!("before it {before}, owners {owners:?}");
        let after = wait::until("nothing left to move", SOON, async || {
            let said = all
                .json(1, &["cluster", "rebalance", "--dry-run"])
                .map_err(|e| format!("{e:#}"))?;
            wait::when(said["moves"].as_array().is_some_and(Vec::is_empty), || {
                said.to_string()
            })?;
            Ok(said)
        })
        .await?;
        let (was, is) = (highest(&before, "before"), highest(&after, "before"));
        ensure!(
            is <= 1.15 || is <= was * 1.1,
            "the highest load was {was} x the mean and is {is} x: {after}"
        );
        all.more_ticks(3).await?;
        all.nothing_missing().await?;
        all.nothing_twice()?;
        all.verdict().await.map(drop)
    })
}

/// The loads of the members, before or after the moves.
fn loads(said: &Value, when: &str) -> Vec<f64> {
    let rows = said[when].as_array().into_iter().flatten();
    rows.filter_map(|row| row["load"].as_f64()).collect()
}

/// The highest of them, in times of their mean.
fn highest(said: &Value, when: &str) -> f64 {
    let loads = loads(said, when);
    let mean = loads.iter().sum::<f64>() / loads.len().max(1) as f64;
    loads.iter().copied().fold(0.0, f64::max) / mean.max(f64::MIN_POSITIVE)
}
