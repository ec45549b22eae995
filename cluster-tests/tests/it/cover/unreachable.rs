//! An owner cannot reach the database, and its standby can: the standby covers, then owns.

use std::time::Duration;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::chaos::{Side, Wanted};
use ringwatch_cluster_tests::cluster::Agreement;
use ringwatch_cluster_tests::scene::ensure_fault;
use ringwatch_cluster_tests::wait;

use super::{NAMES, start, verdict};
use crate::chaos::apart;

/// By then who can reach a target owns it: three seconds without a connection, and the order.
const MOVED: Duration = Duration::from_secs(25);

#[test]
fn targets_go_to_who_can_reach_them() -> Result<()> {
    let test = "cover::unreachable::targets_go_to_who_can_reach_them";
    apart("cover_unreachable", test, async |scene| {
        let wanted = Wanted {
            apart: true,
            ..Wanted::new(3, NAMES)
        };
        let mut rig = start(scene, wanted).await?;
        let before = rig.settled().await?;
        let owner = before.busiest();
        let n = rig.cluster.number_of(&owner)?;
        let lost = before.owned_by(&owner);
        ensure_fault(!lost.is_empty(), "the node owned nothing")?;
        let cuts = rig.network()?.part(Side::Node(n), Side::Database)?;
        let after: Agreement = wait::until("targets with who reaches them", MOVED, async || {
            let now = rig
                .cluster
                .agree(Duration::ZERO)
                .await
                .map_err(|e| format!("{e:#}"))?;
            let kept = now.owned_by(&owner);
            wait::when(kept.is_empty(), || format!("{owner} still has {kept:?}"))?;
            Ok(now)
        })
        .await?;
        rig.more_ticks(3).await?;
        drop(cuts);
        let moved = after.moved_since(&before);
        ensure!(
            moved.keys().eq(lost.iter()),
            "others moved too: {moved:?}, lost were {lost:?}"
        );
        verdict(&mut rig, 0).await
    })
}
