//! Disks lost and damaged, again and again: whether the group stops, and how soon a node is back.

use std::time::Duration;

use anyhow::{Context as _, Result};
use ringwatch_cluster_tests::cluster::Damage;
use tokio::time::Instant;

use super::{trio, well, writer};
use crate::quantiles;
use crate::trio::SOON;

/// Does it `rounds` times with each kind.
pub(crate) async fn measure(rounds: usize) -> Result<()> {
    let mut trio = trio(6, |_| {}).await?;
    let writer = writer(&trio)?;
    let begun = Instant::now();
    writer.more(500, SOON).await?;
    let kinds = std::iter::once(None).chain(Damage::ALL.into_iter().map(Some));
    for kind in kinds {
        let (mut times, mut noticed) = (Vec::new(), 0);
        for round in 0..rounds {
            let n = round % 3;
            let disk = trio.cluster.seat(n).disk().clone();
            let before = disk.set_aside()?;
            trio.cluster.seat_mut(n).kill_at_once().await?;
            let did = match kind {
                None => disk.wipe().map(|()| "wiped".to_owned())?,
                Some(damage) => disk.damage(damage, fastrand::u64(..))?,
            };
            let launched = Instant::now();
            trio.cluster.launch(n)?;
            well(&trio.cluster).await.with_context(|| did.clone())?;
            times.push(launched.elapsed());
            noticed += usize::from(disk.set_aside()? != before);
            writer.more(10, SOON).await?;
            trio.cluster.same_state(SOON).await.with_context(|| did)?;
        }
        let name = kind.map_or_else(|| "wiped".to_owned(), |kind| format!("{kind:?}"));
        println!(
            "{name}: {rounds} times, store set aside {noticed} times; start to a whole group of three voters: {}",
            quantiles::millis(&times)
        );
    }
    let written = writer.proven(&trio.cluster).await?;
    let longest: Option<Duration> = written.longest_wait(begun);
    println!(
        "  meanwhile {} writes acknowledged, none lost; the longest time without one: {longest:?}",
        written.acknowledged().count()
    );
    Ok(())
}
