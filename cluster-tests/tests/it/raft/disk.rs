//! Disks that are lost or damaged: the node is never believed what it lost, comes back by itself, and the others go on.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ringwatch_cluster_tests::cluster::group::WELL;
use ringwatch_cluster_tests::cluster::writer::Writer;
use ringwatch_cluster_tests::cluster::{Damage, Shape};
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};

use super::NEW_LEADER;
use crate::cluster::Watching;
use crate::story::SOON;

/// Somebody writes all the time, so that there is something to lose and a group that must not stop.
async fn written_to(scene: &ringwatch_cluster_tests::scene::Scene) -> Result<(Watching, Writer)> {
    let allow = |shape: &mut Shape| {
        shape.adapt = Writer::allow;
        shape.hold_down = "1s";
    };
    let all = Watching::start(scene, 3, 3, allow).await?;
    all.cluster.whole(3, 0, WELL).await?;
    let writer = Writer::start(&all.cluster, &all.id(0), Duration::from_millis(20))?;
    writer.more(50, SOON).await?;
    Ok((all, writer))
}

/// The raft id of the store of a node.
fn raft_id(all: &Watching, n: usize) -> Result<String> {
    let said = all.json(n, &["state", "inspect"])?;
    let id = said["raft_id"].to_string();
    ensure!(
        !["null", "0", "\"0\""].contains(&id.as_str()),
        "no Raft id: {said}"
    );
    Ok(id)
}

#[test]
fn a_wiped_voter_comes_back_under_a_new_id() -> Result<()> {
    scenario("raft_wiped", async |scene| {
        let (mut all, writer) = written_to(scene).await?;
        let leader = all.cluster.led(SOON).await?.leader;
        // A follower first, then whoever leads.
        for n in [all.other_than(&[leader])?, leader] {
            let before = raft_id(&all, n)?;
            all.cluster.seat_mut(n).kill_at_once().await?;
            all.cluster.seat(n).disk().wipe()?;
            all.cluster.launch(n)?;
            all.cluster.whole(3, 0, WELL).await?;
            ensure_fault(raft_id(&all, n)? != before, "it has its old id")?;
            writer.more(20, SOON).await?;
        }
        never_stopped(all, writer).await
    })
}

#[test]
fn a_damaged_store_is_set_aside_and_its_node_comes_back() -> Result<()> {
    scenario("raft_damaged", async |scene| {
        let (mut all, writer) = written_to(scene).await?;
        let mut found = 0;
        for (round, damage) in Damage::ALL.into_iter().enumerate() {
            let n = round % 3;
            let (before, aside) = (raft_id(&all, n)?, all.cluster.seat(n).disk().set_aside()?);
            all.cluster.seat_mut(n).kill_at_once().await?;
            let did = all.cluster.seat(n).disk().damage(damage, fastrand::u64(..))?;
            all.cluster.launch(n)?;
            all.cluster.whole(3, 0, WELL).await.with_context(|| did.clone())?;
            let (after, set_aside) = (raft_id(&all, n)?, all.cluster.seat(n).disk().set_aside()?);
            println!("{damage:?}: {did}; set aside {set_aside:?}");
            // What was set aside is another's word, and what was not must be as good as it was.
            let noticed = set_aside != aside;
            ensure!(
                noticed == (before != after),
                "{did}: Raft id {before}, then {after}; {set_aside:?}"
            );
            found += usize::from(noticed);
            writer.more(20, SOON).await?;
            all.cluster.same_state(SOON).await.with_context(|| did.clone())?;
        }
        ensure_fault(found >= 2, "the damages hit nothing")?;
        never_stopped(all, writer).await
    })
}

/// Writes were taken all the time, but for elections, and none is lost; and everybody is well.
async fn never_stopped(mut all: Watching, writer: Writer) -> Result<()> {
    let begun = tokio::time::Instant::now();
    writer.more(5, SOON).await?;
    let written = writer.proven(&all.cluster).await?;
    let first = written.writes.first().map_or(begun, |write| write.asked);
    let longest = written.longest_wait(first).context("nothing was written")?;
    println!(
        "{} writes acknowledged, the longest wait {longest:?}",
        written.acknowledged().count()
    );
    ensure!(longest < NEW_LEADER, "nothing was written for {longest:?}");
    all.cluster.agree(SOON).await?;
    all.more_ticks(2).await?;
    all.cluster.end().await
}

/// Two processes with one folder would write over each other.
#[test]
fn a_second_process_with_the_same_folder_does_not_start() -> Result<()> {
    scenario("raft_same_folder", async |scene| {
        let mut all = Watching::start(scene, 3, 3, |_| {}).await?;
        let n = all.cluster.add_seat()?;
        let taken = all.cluster.seat(1).disk().folder().to_owned();
        all.cluster.seat_mut(n).config.cluster["data_dir"] = serde_json::json!(taken);
        all.cluster.launch(n)?;
        let mut second = all.cluster.seat_mut(n).take()?;
        let status = second.process_mut().ended(SOON).await?;
        let said = second.log_text()?;
        ensure!(status.code() == Some(1), "it ended with {status}: {said}");
        ensure!(
            said.contains("another process") && said.contains("data_dir"),
            "it does not say what is in use: {said}"
        );
        all.cluster.agree(SOON).await?;
        all.cluster.whole(3, 0, WELL).await?;
        all.verdict().await.map(drop)
    })
}
