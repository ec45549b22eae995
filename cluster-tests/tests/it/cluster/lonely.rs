//! A node that sees no majority goes on with what it owns, reads for the dead what it stands by for, and claims nothing.

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::cluster::ticks::{self, ACTIVITY};
use ringwatch_cluster_tests::cluster::{Agreement, ask};
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::wait;
use ringwatch_proto::v1::State;

use super::Watching;
use crate::story::SOON;

#[test]
fn without_a_majority_a_node_keeps_its_targets_and_claims_none() -> Result<()> {
    scenario("cluster_no_quorum", async |scene| {
        let mut all = Watching::start(scene, 3, 12, |_| {}).await?;
        let last = all.cluster.number_of(&all.cluster.agree(SOON).await?.busiest())?;
        let (one, other) = ((last + 1) % 3, (last + 2) % 3);
        all.cluster.seat_mut(one).kill_at_once().await?;
        let before = all.cluster.agree(SOON).await?;
        let kept = before.owned_by(all.cluster.seat(last).id());
        let lost = before.owned_by(all.cluster.seat(other).id());
        ensure_fault(!lost.is_empty(), "the other owned nothing")?;
        stands_ready(&all, last, &before, kept.len()).await?;
        let ids = [one, other].map(|n| all.cluster.seat(n).id().to_owned());
        all.cluster.seat_mut(other).kill_at_once().await?;
        let newest = |target: &str| {
            all.sink
                .look(|l| ticks::of_event(l, target, ACTIVITY).last().copied())
        };
        let grpc = all.cluster.node(last)?.ports().grpc;
        wait::until("both dead and no majority", SOON, async || {
            let seen = ask::members(grpc).await.map_err(|e| format!("{e:#}"))?;
            let node = all.cluster.node(last).map_err(|e| e.to_string())?;
            let metrics = node.metrics().await.map_err(|e| format!("{e:#}"))?;
            let quorum: Vec<f64> = metrics.values("ringwatch_cluster_quorum", &[]).collect();
            let dead = ids.iter().all(|id| ask::is(&seen, id, State::Dead));
            wait::when(dead && quorum == [0.0], || format!("quorum {quorum:?}, {seen:?}"))
        })
        .await?;
        let stands_by: Vec<String> = lost
            .iter()
            .filter(|target| {
                before
                    .standbys
                    .get(*target)
                    .is_some_and(|by| by == all.cluster.seat(last).id())
            })
            .cloned()
            .collect();
        ensure_fault(!stands_by.is_empty(), "it stood by for nothing")?;
        let rest = |target: &&String| !stands_by.contains(target);
        let ended: Vec<_> = lost.iter().filter(rest).map(|t| newest(t)).collect();
        all.more_ticks_of(&kept, 4).await?;
        all.more_ticks_of(&stands_by, 4).await?;
        let still: Vec<_> = lost.iter().filter(rest).map(|t| newest(t)).collect();
        ensure!(
            ended == still,
            "it read what it does not stand by for: {ended:?}, then {still:?}"
        );
        let mine = all
            .cluster
            .node(last)?
            .metrics()
            .await?
            .count("ringwatch_owned_targets", &[]);
        ensure!(
            mine == kept.len() as u64,
            "it owns {mine} targets, before {}",
            kept.len()
        );

        all.cluster.launch(one)?;
        all.cluster.agree(SOON * 2).await?;
        all.more_ticks(2).await?;
        all.repeats()?;
        all.cluster.end().await
    })
}

/// Waits until the node in this seat owns what is its own, and knows all of what it stands by for. Before it owns that, it
/// may still stand by for some of it: as many, but others.
async fn stands_ready(all: &Watching, seat: usize, agreed: &Agreement, own: usize) -> Result<()> {
    let id = all.cluster.seat(seat).id();
    let wanted = agreed.standbys.values().filter(|by| *by == id).count() as u64;
    wait::until("it knows what it stands by for", SOON, async || {
        let node = all.cluster.node(seat).map_err(|e| e.to_string())?;
        let metrics = node.metrics().await.map_err(|e| format!("{e:#}"))?;
        let ready = metrics.count("ringwatch_standby_ready_targets", &[]);
        let owned = metrics.count("ringwatch_owned_targets", &[]);
        wait::when(owned == own as u64 && ready == wanted, || {
            format!("{ready} of {wanted}, owner of {owned}, to be {own}")
        })
    })
    .await
}
