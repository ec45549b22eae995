//! An owner and its standby do not hear each other, and both reach the database: the standby sees there that the owner
//! lives. A third node passes the gossip on, so nobody is thought dead.

use std::time::Duration;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::chaos::Wanted;
use ringwatch_cluster_tests::scene::ensure_fault;
use tokio::time::sleep;

use super::{NAMES, covered, start, verdict};
use crate::chaos::apart;

/// How long the link is cut: many ticks.
const CUT: Duration = Duration::from_secs(10);

#[test]
fn while_only_the_link_is_cut_nothing_is_covered_and_nothing_read_twice() -> Result<()> {
    let test = "cover::link::while_only_the_link_is_cut_nothing_is_covered_and_nothing_read_twice";
    apart("cover_link", test, async |scene| {
        let wanted = Wanted {
            apart: true,
            ..Wanted::new(3, NAMES)
        };
        let mut rig = start(scene, wanted).await?;
        let before = rig.settled().await?;
        let [a, b] = [0, 1].map(|n| rig.cluster.seat(n).id().to_owned());
        let between = before
            .owners
            .iter()
            .filter(|(target, owner)| {
                let standby = before.standbys.get(*target);
                (**owner == a && standby == Some(&b)) || (**owner == b && standby == Some(&a))
            })
            .count();
        ensure_fault(
            between > 0,
            "no target has its owner and its standby at the ends of the link",
        )?;
        let before_it = covered(&rig).await?;
        let cuts = rig.network()?.divide(&[0], &[1])?;
        sleep(CUT).await;
        let after = rig.cluster.words().await?;
        drop(cuts);
        rig.settled().await?;
        let by_standbys = covered(&rig).await? - before_it;
        println!("  {between} targets between the two, {by_standbys} ticks covered");
        ensure!(by_standbys == 0, "{by_standbys} ticks were read twice");
        for word in after {
            for target in &word.targets {
                let endpoint = ringwatch_cluster_tests::cluster::agreement::endpoint(target);
                ensure!(
                    before.owners.get(endpoint) == Some(&target.owner),
                    "{endpoint} went to {} while the link was cut",
                    target.owner
                );
            }
        }
        verdict(&mut rig, 0).await
    })
}
