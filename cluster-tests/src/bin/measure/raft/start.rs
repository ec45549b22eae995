//! From the start of a node's process until it has all that the group has committed.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::{trio, well, writer};
use crate::quantiles;
use crate::trio::SOON;

/// Restarts nodes that were away for three seconds of writing, `rounds` times.
pub(crate) async fn measure(rounds: usize) -> Result<()> {
    let mut trio = trio(6, |_| {}).await?;
    let writer = writer(&trio)?;
    let mut times = Vec::new();
    for round in 0..rounds {
        let n = round % 3;
        trio.cluster.seat_mut(n).kill_at_once().await?;
        sleep(Duration::from_secs(3)).await;
        writer.more(5, SOON).await?;
        let begun = Instant::now();
        trio.cluster.launch(n)?;
        well(&trio.cluster).await?;
        times.push(begun.elapsed());
    }
    writer.proven(&trio.cluster).await?;
    println!(
        "start to caught up, killed nodes that had missed 3 s of writes: {}",
        quantiles::millis(&times)
    );
    Ok(())
}
