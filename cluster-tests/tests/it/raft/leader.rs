//! The leader is killed while somebody writes: another one leads soon, and nothing that was acknowledged is lost.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ringwatch_cluster_tests::cluster::group::WELL;
use ringwatch_cluster_tests::cluster::writer::Writer;
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};

use super::NEW_LEADER;
use crate::cluster::Watching;
use crate::story::SOON;

#[test]
fn a_killed_leader_takes_no_acknowledged_write_with_it() -> Result<()> {
    scenario("raft_leader", async |scene| {
        let mut all = Watching::start(scene, 3, 3, |shape| shape.adapt = Writer::allow).await?;
        let mut group = all.cluster.whole(3, 0, WELL).await?;
        let writer = Writer::start(&all.cluster, &all.id(0), Duration::from_millis(5))?;
        let mut kills = Vec::new();
        for _ in 0..2 {
            writer.more(20, SOON).await?;
            let killed = all.cluster.seat_mut(group.leader).kill_at_once().await?;
            let new = all.cluster.led(NEW_LEADER).await?;
            println!("a new leader after {:?}", killed.elapsed());
            ensure_fault(
                new.leader != group.leader && new.term > group.term,
                "the killed node was not the leader",
            )?;
            kills.push(killed);
            writer.more(20, SOON).await?;
            all.cluster.launch(group.leader)?;
            group = all.cluster.whole(3, 0, WELL).await?;
        }
        let written = writer.proven(&all.cluster).await?;
        for killed in kills {
            let gap = written
                .unavailable(killed)
                .context("nothing was written afterwards")?;
            println!("a write was acknowledged {gap:?} after the kill");
            ensure!(gap < NEW_LEADER, "no write for {gap:?}");
        }
        println!(
            "{} writes acknowledged, {} not: {:?}",
            written.acknowledged().count(),
            written.writes.len() - written.acknowledged().count(),
            written.refusals
        );
        all.cluster.same_state(SOON).await?;
        all.more_ticks(2).await?;
        all.repeats()?;
        all.cluster.end().await
    })
}

/// Told to stop, the leader hands over first: writes wait shorter than for an election after a death.
#[test]
fn a_leader_that_is_told_to_stop_hands_over() -> Result<()> {
    scenario("raft_hand_over", async |scene| {
        let mut all = Watching::start(scene, 3, 3, |shape| shape.adapt = Writer::allow).await?;
        let group = all.cluster.whole(3, 0, WELL).await?;
        let writer = Writer::start(&all.cluster, &all.id(0), Duration::from_millis(5))?;
        writer.more(20, SOON).await?;
        let told = tokio::time::Instant::now();
        all.cluster.terminate(group.leader).await?;
        let new = all.cluster.led(NEW_LEADER).await?;
        ensure_fault(new.leader != group.leader, "the leader is the same")?;
        writer.more(20, SOON).await?;
        let written = writer.proven(&all.cluster).await?;
        let gap = written.longest_wait(told).context("nothing was written")?;
        println!("the longest wait of a writer: {gap:?}");
        ensure!(gap < NEW_LEADER, "a writer waited {gap:?}");
        all.more_ticks(2).await?;
        all.nothing_missing().await?;
        all.nothing_twice()?;
        all.verdict().await.map(drop)
    })
}
