//! Targets change hands in order: a node leaves, nodes join, one is drained and comes back. No tick is missed, none is
//! read twice.

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::cluster::ask;
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_proto::v1::State;

use super::{Caller, Watching};
use crate::story::SOON;

#[test]
fn a_node_that_is_told_to_stop_hands_its_targets_over() -> Result<()> {
    scenario("cluster_leave", async |scene| {
        let mut all = Watching::start(scene, 3, 6, |_| {}).await?;
        all.baselines().await?;
        let caller = Caller::start(&all.server).await?;
        all.more_ticks(1).await?;
        let before = all.cluster.agree(SOON).await?;
        let leaving = before.busiest();
        let given = before.owned_by(&leaving);
        ensure_fault(!given.is_empty(), "the node owned nothing")?;

        all.cluster.terminate(all.cluster.number_of(&leaving)?).await?;
        let after = all.cluster.agree(SOON).await?;
        ensure_fault(
            after.moved_since(&before).keys().eq(given.iter()),
            "other targets moved",
        )?;
        let seen = ask::members(all.cluster.node(all.cluster.awake()[0])?.ports().grpc).await?;
        ensure!(
            ask::member(&seen, &leaving).is_none(),
            "it is still a member: {seen:?}"
        );
        all.more_ticks(4).await?;
        let truth = caller.stop().await?;
        all.told(Caller::TEXT, truth).await?;
        all.nothing_missing().await?;
        all.nothing_twice()?;
        all.verdict().await.map(drop)
    })
}

#[test]
fn newcomers_are_given_targets_without_a_gap() -> Result<()> {
    scenario("cluster_join", async |scene| {
        let mut all = Watching::start(scene, 3, 16, |_| {}).await?;
        all.keep_to_the_ring().await?;
        let mut moves = 0;
        for _ in 0..2 {
            let before = all.cluster.agree(SOON).await?;
            let n = all.cluster.join().await?;
            let after = all.cluster.agree(SOON).await?;
            let newcomer = all.cluster.seat(n).id();
            let moved = after.moved_since(&before);
            ensure!(
                moved.values().all(|owner| owner == newcomer),
                "{newcomer} joined and others were given targets too: {moved:?}"
            );
            println!("{newcomer}: {} of {} targets", moved.len(), all.targets.len());
            moves += moved.len();
            all.more_ticks(3).await?;
        }
        ensure_fault(moves > 0, "no target moved")?;
        all.nothing_missing().await?;
        all.nothing_twice()?;
        all.verdict().await.map(drop)
    })
}

#[test]
fn a_drained_node_gives_its_targets_and_has_them_back() -> Result<()> {
    scenario("cluster_drain", async |scene| {
        let mut all = Watching::start(scene, 3, 6, |_| {}).await?;
        all.keep_to_the_ring().await?;
        all.baselines().await?;
        let caller = Caller::start(&all.server).await?;
        let before = all.cluster.agree(SOON).await?;
        let drained = before.busiest();
        let n = all.cluster.number_of(&drained)?;
        let others: Vec<String> = all
            .cluster
            .seats()
            .iter()
            .map(|s| s.id().to_owned())
            .filter(|id| *id != drained)
            .collect();
        let asked = all.cluster.seat((n + 1) % 3).ports().grpc;

        let answer = ask::drain(asked, &drained, false).await?;
        ensure!(answer.state() == State::Draining, "{answer:?}");
        let without = all.cluster.agree_on(&others, SOON).await?;
        ensure_fault(
            without.moved_since(&before).len() == before.owned_by(&drained).len(),
            "it gave nothing",
        )?;
        let seen = ask::members(asked).await?;
        ensure!(ask::is(&seen, &drained, State::Draining), "{seen:?}");
        all.more_ticks(3).await?;

        ask::drain(asked, &drained, true).await?;
        let again = all.cluster.agree(SOON).await?;
        ensure!(
            again.owners == before.owners,
            "before {before:?}, again {again:?}"
        );
        all.more_ticks(3).await?;
        let truth = caller.stop().await?;
        all.told(Caller::TEXT, truth).await?;
        all.nothing_missing().await?;
        all.nothing_twice()?;
        all.verdict().await.map(drop)
    })
}
