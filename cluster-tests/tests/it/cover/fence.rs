//! The database's own lock says who owns a target: one holder each, the owner, also after a kill.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::chaos::oracle::database::{Seen, node_of};
use ringwatch_cluster_tests::chaos::{Rig, Wanted};
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::wait;

use super::{NAMES, start, verdict};
use crate::story::SOON;

/// Locks by the node of their holder.
fn holders(seen: &Seen) -> BTreeMap<String, usize> {
    let mut by_node = BTreeMap::new();
    for name in seen.holders.values() {
        *by_node
            .entry(node_of(name).unwrap_or_default().to_owned())
            .or_default() += 1;
    }
    by_node
}

/// Waits until the owner of each target, as the nodes say it, holds its lock.
async fn held_by_owners(rig: &Rig) -> Result<()> {
    wait::until("locks with the owners", SOON, async || {
        let agreed = rig.cluster.agree(SOON).await.map_err(|e| format!("{e:#}"))?;
        let mut owners: BTreeMap<String, usize> = BTreeMap::new();
        for owner in agreed.owners.into_values() {
            *owners.entry(owner).or_default() += 1;
        }
        let seen = rig.database.seen();
        let held = holders(&seen);
        wait::when(seen.holders.len() == NAMES && held == owners, || {
            format!("locks by node {held:?}, targets by owner {owners:?}")
        })
    })
    .await
}

#[test]
fn each_owner_holds_the_lock_of_its_targets() -> Result<()> {
    scenario("cover_fence", async |scene| {
        let mut rig = start(scene, Wanted::new(3, NAMES)).await?;
        held_by_owners(&rig).await?;
        let before = rig.settled().await?;
        let victim = before.busiest();
        let n = rig.cluster.number_of(&victim)?;
        let changes = rig.database.seen().changes.len();
        rig.cluster.seat_mut(n).kill_at_once().await?;
        rig.settled().await?;
        held_by_owners(&rig).await?;
        let seen = rig.database.seen();
        ensure_fault(seen.changes.len() > changes, "no lock changed its holder")?;
        ensure!(
            seen.shared.is_empty(),
            "locks with two holders: {:?}",
            seen.shared
        );
        rig.cluster.launch(n)?;
        rig.settled().await?;
        held_by_owners(&rig).await?;
        verdict(&mut rig, 2).await
    })
}
