//! Owners are killed: their standbys read what is due, at once.

use anyhow::{Context, Result};
use ringwatch_cluster_tests::chaos::Wanted;
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use tokio::time::{Duration, sleep};

use super::{NAMES, covered, start, verdict};

/// Requests that may be on their way at a kill: one of metrics and one of logs.
const ON_THE_WAY: u64 = 2;
const KILLS: usize = 5;

#[test]
fn killed_owners_leave_no_tick_missing_and_none_with_two_readings() -> Result<()> {
    scenario("cover_killed", async |scene| {
        let mut rig = start(scene, Wanted::new(3, NAMES)).await?;
        let mut by_standbys = 0;
        for round in 0..KILLS {
            let before = rig.settled().await?;
            // The next one in turn; where few targets fall unevenly, one may own none.
            let mut in_turn = (round..round + 3).map(|n| n % 3);
            let owner = in_turn.find(|n| !before.owned_by(rig.cluster.seat(*n).id()).is_empty());
            let n = owner.context("nobody owns anything")?;
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
        println!("  {by_standbys} ticks seen covered after {KILLS} kills");
        verdict(&mut rig, ON_THE_WAY * KILLS as u64).await
    })
}
