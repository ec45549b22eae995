//! Clocks that jump on one node, and a node that starts with a wrong one: nobody else's ticks or targets move.

use std::time::Duration;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::chaos::clock::Clocks;
use ringwatch_cluster_tests::chaos::{Rig, Wanted};
use ringwatch_cluster_tests::scene::scenario;
use ringwatch_cluster_tests::wait;
use tokio::time::sleep;

use super::{NAMES, start, verdict};
use crate::story::SOON;

/// Seconds that clocks jump ahead: within what is followed gently, beyond it, and back.
const JUMPS: [i64; 4] = [480, 3_600, -86_400, -7];

#[test]
fn a_clock_that_jumps_moves_no_tick_and_no_target() -> Result<()> {
    if let Some(why) = Clocks::missing() {
        println!("skipped: {why}");
        return Ok(());
    }
    scenario("cover_clocks", async |scene| {
        let wanted = Wanted {
            clocks: true,
            ..Wanted::new(3, NAMES)
        };
        let mut rig = start(scene, wanted).await?;
        let before = rig.settled().await?;
        for (n, ahead) in JUMPS.into_iter().enumerate() {
            let n = n % 3;
            rig.clocks()?.set(n, ahead)?;
            corrected(&rig, n, ahead).await?;
            sleep(Duration::from_secs(4)).await;
            rig.clocks()?.set(n, 0)?;
            corrected(&rig, n, 0).await?;
        }
        let after = rig.settled().await?;
        ensure!(
            after.owners == before.owners,
            "targets have moved: {before:?} {after:?}"
        );
        for metrics in rig.cluster.metrics().await? {
            ensure!(
                metrics.count("ringwatch_clock_steps_total", &[]) == 0,
                "a step was followed"
            );
        }
        // It starts with a clock that is an hour ahead, and takes the time of the others.
        rig.cluster.terminate(0).await?;
        rig.clocks()?.set(0, 3_600)?;
        rig.cluster.launch(0)?;
        corrected(&rig, 0, 3_600).await?;
        rig.settled().await?;
        verdict(&mut rig, 0).await
    })
}

/// Waits until a node takes its system's clock for so many seconds ahead.
async fn corrected(rig: &Rig, n: usize, ahead: i64) -> Result<()> {
    let name = "ringwatch_clock_correction_seconds";
    wait::until("the time of most clocks", SOON, async || {
        let metrics = rig.cluster.node(n).map_err(|e| e.to_string())?.metrics().await;
        let metrics = metrics.map_err(|e| format!("{e:#}"))?;
        let correction = metrics.values(name, &[]).next().unwrap_or(f64::NAN);
        #[expect(clippy::cast_precision_loss, reason = "a day")]
        let off = (correction + ahead as f64).abs();
        wait::when(off < 0.5, || {
            format!("{name} is {correction}, the clock is {ahead} s ahead")
        })
    })
    .await
}
