//! The power goes while the store of the group appends: what was acknowledged is there afterwards.

use std::time::Duration;

use anyhow::Result;
use ringwatch_cluster_tests::power::{Cycle, Volume};
use ringwatch_cluster_tests::scene::scenario;

#[test]
fn what_was_acknowledged_outlives_a_power_cut() -> Result<()> {
    scenario("raft_power", async |scene| {
        let Some(mut volume) = Volume::new()? else {
            return Ok(());
        };
        for (number, batch) in [1, 16, 128].into_iter().enumerate() {
            let after = Duration::from_millis(fastrand::u64(300..1_500));
            let cycle = Cycle { number, batch, after };
            let verdict = cycle.play(&mut volume, scene.logs()).await?;
            println!("batches of {batch}: {verdict:?}");
        }
        Ok(())
    })
}
