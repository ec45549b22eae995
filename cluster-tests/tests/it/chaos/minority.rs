//! A node that is cut off from the others and alone reaches the databases goes on with what it owns, and covers what it
//! stands by for; when all is healed each target has one owner again.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::chaos::rig::SESSIONS;
use ringwatch_cluster_tests::chaos::{Rig, Side, Wanted};
use ringwatch_cluster_tests::cluster::ticks::SECOND;
use ringwatch_cluster_tests::postgres::questions;
use ringwatch_cluster_tests::scene::ensure_fault;
use tokio::time::sleep;

use super::apart;

/// Long enough for the others to take it for dead and to take its targets over.
const CUT: Duration = Duration::from_secs(9);

#[test]
fn a_minority_that_alone_reaches_its_targets_goes_on_with_them() -> Result<()> {
    let test = "chaos::minority::a_minority_that_alone_reaches_its_targets_goes_on_with_them";
    apart("chaos_minority", test, async |scene| {
        let wanted = Wanted {
            apart: true,
            ..Wanted::new(3, 9)
        };
        let mut rig = Rig::start(&wanted, scene.logs()).await?;
        rig.keep_to_the_ring().await?;
        let before = rig.settled().await?;
        let alone = rig.cluster.seat(0).id().to_owned();
        let own: BTreeSet<String> = before.owned_by(&alone).into_iter().collect();
        let stands_by = before.standbys.iter().filter(|(_, node)| **node == alone);
        let stands_by: BTreeSet<String> = stands_by.map(|(target, _)| target.clone()).collect();
        ensure_fault(
            !own.is_empty() && !stands_by.is_empty(),
            "the node owns nothing, or stands by for nothing",
        )?;
        let network = rig.network()?;
        let mut cuts = network.divide(&[0], &[1, 2])?;
        for n in [1, 2] {
            cuts.extend(network.part(Side::Node(n), Side::Database)?);
        }
        sleep(CUT).await;
        let healed = u64::try_from(questions::now()).unwrap_or(0) * (SECOND / 1_000);
        drop(cuts);
        rig.settled().await?;
        rig.more_ticks(2).await?;
        let ticks = rig.ticks_after(Duration::from_secs(5)).await;
        // What it only stood by for changes hands when the others reach it again, and a tick may fall between.
        for target in own.union(&stands_by) {
            let missing = ticks.missing.get(target).into_iter().flatten();
            let missing: Vec<_> = missing
                .filter(|tick| own.contains(target) || **tick < healed)
                .collect();
            ensure!(missing.is_empty(), "ticks of {target} are missing: {missing:?}");
        }
        // Two standbys of a target that its owner does not reach, on either side of the cut, may both read a tick of it.
        let of_own = |words: &&String| own.iter().any(|target| words.contains(&format!("\"{target}\"")));
        let twice: Vec<_> = ticks.contradictions.iter().filter(of_own).collect();
        ensure!(twice.is_empty(), "two readings: {twice:?}");
        let seen = rig.database.ensure_within(SESSIONS)?;
        let others = ticks.missing.len();
        println!(
            "  {} own targets and {} that it stood by for without a gap, {others} of nobody there; at most {} sessions",
            own.len(),
            stands_by.len(),
            seen.most_sessions()
        );
        rig.end().await
    })
}
