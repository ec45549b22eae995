//! The owner is killed: its standby goes on where it stopped.

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::cluster::ask;
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_proto::v1::State;

use super::{Caller, Watching};
use crate::story::SOON;

#[test]
fn a_killed_owners_targets_go_on_at_their_standbys() -> Result<()> {
    scenario("cluster_kill", async |scene| {
        let mut all = Watching::start(scene, 3, 6, |_| {}).await?;
        all.baselines().await?;
        let caller = Caller::start(&all.server).await?;
        all.more_ticks(2).await?;
        let before = all.cluster.agree(SOON).await?;
        let victim = before.busiest();
        let n = all.cluster.number_of(&victim)?;
        let lost = before.owned_by(&victim);
        ensure_fault(!lost.is_empty(), "the victim owned nothing")?;

        all.cluster.seat_mut(n).kill().await?;
        let after = all.cluster.agree(SOON).await?;
        let seen = ask::members(all.cluster.node(all.cluster.awake()[0])?.ports().grpc).await?;
        ensure_fault(ask::is(&seen, &victim, State::Dead), "nobody saw the owner dead")?;
        let moved = after.moved_since(&before);
        ensure!(
            moved.keys().eq(lost.iter()),
            "lost were {lost:?}, moved have {moved:?}"
        );
        for (target, owner) in &moved {
            ensure!(
                before.standbys.get(target) == Some(owner),
                "{target} went to {owner}, which did not stand by"
            );
        }

        let called = caller.count();
        all.more_ticks(4).await?;
        let truth = caller.stop().await?;
        ensure_fault(truth > called, "nothing was called after the kill")?;
        all.told(Caller::TEXT, truth).await?;
        all.no_gaps().await?;
        all.none_missing().await?;
        let repeats = all.repeats()?;
        let books = all.verdict().await?;
        println!(
            "{} targets taken over, {repeats} byte-identical repeats",
            lost.len()
        );
        ensure!(books.missed() == 0, "ticks were missed: {:?}", books.outcomes);
        Ok(())
    })
}

#[test]
fn a_node_restarted_at_once_is_another_life_and_nothing_is_read_twice() -> Result<()> {
    scenario("cluster_restart", async |scene| {
        let mut all = Watching::start(scene, 3, 6, |_| {}).await?;
        all.keep_to_the_ring().await?;
        all.baselines().await?;
        let caller = Caller::start(&all.server).await?;
        all.more_ticks(1).await?;
        let before = all.cluster.agree(SOON).await?;
        let victim = before.busiest();
        let n = all.cluster.number_of(&victim)?;
        let lost = before.owned_by(&victim);
        let other = all
            .cluster
            .awake()
            .into_iter()
            .find(|other| *other != n)
            .unwrap_or(0);
        let grpc = all.cluster.node(other)?.ports().grpc;
        let generation =
            async || anyhow::Ok(ask::member(&ask::members(grpc).await?, &victim).map(|m| m.generation));
        let first_life = generation().await?;

        let killed = all.cluster.seat_mut(n).kill_at_once().await?;
        all.cluster.launch(n)?;
        ensure_fault(
            killed.elapsed().as_millis() < 300,
            "the restart took more than 300 ms",
        )?;
        all.more_ticks(4).await?;
        let after = all.cluster.agree(SOON * 2).await?;
        ensure_fault(generation().await? > first_life, "it is the same life")?;
        ensure!(
            after.owners == before.owners,
            "the owners are others: {after:?}, before {before:?}"
        );
        all.more_ticks(2).await?;
        let truth = caller.stop().await?;
        all.told(Caller::TEXT, truth).await?;
        all.no_gaps().await?;
        all.none_missing().await?;
        println!(
            "{} targets, {} byte-identical repeats",
            lost.len(),
            all.repeats()?
        );
        all.cluster.end().await
    })
}

/// Every node is killed in turn and started again: each time the others have what they need, also those that were
/// started again before.
#[test]
fn owners_killed_in_turn_lose_no_call() -> Result<()> {
    scenario("cluster_kill_in_turn", async |scene| {
        let mut all = Watching::start(scene, 3, 6, |shape| shape.hold_down = "1s").await?;
        all.keep_to_the_ring().await?;
        all.baselines().await?;
        let caller = Caller::start(&all.server).await?;
        let mut taken_over = 0;
        for n in [0, 1, 2, 0, 1] {
            all.more_ticks(3).await?;
            let before = all.cluster.agree(SOON).await?;
            let lost = before.owned_by(all.cluster.seat(n).id());
            all.cluster.seat_mut(n).kill_at_once().await?;
            all.cluster.agree(SOON).await?;
            taken_over += lost.len();
            all.more_ticks(2).await?;
            all.cluster.launch(n)?;
            all.cluster.agree(SOON).await?;
        }
        ensure_fault(taken_over > 0, "no target was taken over")?;
        all.more_ticks(3).await?;
        let truth = caller.stop().await?;
        all.told(Caller::TEXT, truth).await?;
        all.no_gaps().await?;
        all.none_missing().await?;
        println!(
            "{taken_over} targets taken over, {} byte-identical repeats",
            all.repeats()?
        );
        all.cluster.end().await
    })
}
