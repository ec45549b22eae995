//! Owners are killed: their standbys read what is due, at once.

use anyhow::Result;
use ringwatch_cluster_tests::chaos::Wanted;
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use tokio::time::{Duration, sleep};

use super::{NAMES, covered, start, verdict};

/// Requests that may be on their way at a kill: one of metrics and one of logs.
const ON_THE_WAY: u64 = 2;

#[test]
fn killed_owners_leave_no_tick_missing_and_none_with_two_readings() -> Result<()> {
    scenario("cover_killed", async |scene| {
        let mut rig = start(scene, Wanted::new(3, NAMES)).await?;
        let mut by_standbys = 0;
        let victims = [0, 1, 2, 0, 1];
        for (round, n) in victims.into_iter().enumerate() {
            let before = rig.settled().await?;
            let lost = before.owned_by(rig.cluster.seat(n).id());
            ensure_fault(!lost.is_empty(), "the victim owned nothing")?;
            // Another moment of the second each time.
            sleep(Duration::from_millis(200 * round as u64)).await;
            rig.cluster.seat_mut(n).kill_at_once().await?;
            rig.settled().await?;
            by_standbys += covered(&rig).await?;
            rig.cluster.launch(n)?;
        }
        ensure_fault(
            by_standbys > 0,
            "no tick fell into the time in which nobody owned",
        )?;
        println!("  {by_standbys} ticks seen covered after {} kills", victims.len());
        verdict(&mut rig, ON_THE_WAY * victims.len() as u64).await
    })
}
