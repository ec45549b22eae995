//! Power cuts of the store, with the content proven after each.

use std::time::Duration;

use anyhow::Result;
use ringwatch_cluster_tests::power::{Cycle, Volume};

use crate::quantiles;

/// A store is cut off so often, each time after it has come back, before a new one is made.
const LIVES: usize = 4;

/// Cuts the power `cycles` times.
pub(crate) async fn measure(cycles: usize) -> Result<()> {
    let Some(mut volume) = Volume::new()? else {
        return Ok(());
    };
    let logs = tempfile::tempdir()?;
    let (mut acknowledged, mut kept, mut times, mut bad, mut lives) = (0, 0, Vec::new(), 0, 0);
    for number in 0..cycles {
        if lives == LIVES {
            volume.renew()?;
            lives = 0;
        }
        lives += 1;
        let cycle = Cycle {
            number,
            batch: [1, 3, 16, 128][number / LIVES % 4],
            after: Duration::from_millis(fastrand::u64(300..1_800)),
        };
        match cycle.play(&mut volume, logs.path()).await {
            Ok(verdict) => {
                println!("  {cycle:?}: {verdict:?}");
                acknowledged += verdict.acknowledged;
                kept += verdict.found - verdict.acknowledged;
                times.push(verdict.opened);
            }
            Err(why) => {
                println!("  {cycle:?}, cut {lives} of this store: BAD: {why:#}");
                bad += 1;
                lives = LIVES;
            }
        }
    }
    println!(
        "{cycles} power cuts: {bad} after which the store did not come back or lacked something; in the others all of \
         {acknowledged} acknowledged entries were there, and {kept} that had not been acknowledged yet; open and prove: {}",
        quantiles::millis(&times)
    );
    Ok(())
}
