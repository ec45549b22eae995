//! Two of three voters away for a time: what goes on, what is refused, and how soon all is well.

use std::time::Duration;

use anyhow::Result;
use ringwatch_cluster_tests::cluster::AGREE;
use ringwatch_cluster_tests::cluster::group::Said;
use ringwatch_cluster_tests::cluster::ticks::{self, ACTIVITY, SECOND};
use ringwatch_cluster_tests::wait;
use tokio::time::{Instant, sleep};

use super::{trio, well, writer};
use crate::trio::SOON;

/// Takes two voters away for `time`.
pub(crate) async fn measure(time: Duration) -> Result<()> {
    let mut trio = trio(9, |_| {}).await?;
    let agreed = trio.cluster.agree(AGREE).await?;
    let last = trio.cluster.number_of(&agreed.busiest())?;
    let kept = agreed.owned_by(trio.cluster.seat(last).id());
    trio.more_ticks(3).await?;
    let writer = writer(&trio)?;
    writer.more(20, SOON).await?;
    let begun = Instant::now();
    let away = [(last + 1) % 3, (last + 2) % 3];
    for n in away {
        trio.cluster.seat_mut(n).kill_at_once().await?;
    }
    let node = trio.cluster.node(last)?;
    node.until("a node without a quorum", SOON, |metrics| {
        let said = Said::of(metrics);
        wait::when(!said.quorum, || format!("{said:?}"))
    })
    .await?;
    println!(
        "two of three voters killed; no quorum after {:?}",
        begun.elapsed()
    );
    sleep(time.saturating_sub(begun.elapsed())).await;
    let back = Instant::now();
    for n in away {
        trio.cluster.launch(n)?;
    }
    well(&trio.cluster).await?;
    println!(
        "  the group is whole {:?} after both were started again",
        back.elapsed()
    );
    trio.cluster.agree(AGREE).await?;
    println!("  all agree who owns what {:?} after", back.elapsed());
    trio.more_ticks(3).await?;
    let missing: usize = trio.sink.look(|l| {
        let holes = |t: &String| ticks::holes(&ticks::of_event(l, t, ACTIVITY), SECOND).len();
        kept.iter().map(holes).sum()
    });
    println!(
        "  the node that stayed went on with {} targets: {missing} activity ticks missing",
        kept.len()
    );
    let written = writer.proven(&trio.cluster).await?;
    println!(
        "  {} writes acknowledged, none lost; the next one after the return: {:?}; refused meanwhile:",
        written.acknowledged().count(),
        written.unavailable(back)
    );
    for (what, count) in written.refusals {
        println!("    {count} x {what}");
    }
    Ok(())
}
