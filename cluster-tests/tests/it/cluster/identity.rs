//! Two nodes with one id: the second does not start, the first goes on.

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use serde_json::json;

use super::Watching;
use crate::story::SOON;

#[test]
fn a_second_node_with_the_same_id_does_not_start() -> Result<()> {
    scenario("cluster_same_id", async |scene| {
        let mut all = Watching::start(scene, 3, 3, |_| {}).await?;
        let before = all.cluster.agree(SOON).await?;
        let taken = all.cluster.seat(1).id().to_owned();
        let address = format!("127.0.0.1:{}", all.cluster.seat(1).ports().grpc);

        let n = all.cluster.add_seat()?;
        all.cluster.seat_mut(n).config.cluster["node_id"] = json!(taken);
        all.cluster.launch(n)?;
        let mut second = all.cluster.seat_mut(n).take()?;
        let status = second.process_mut().ended(SOON).await?;
        let said = second.log_text()?;
        ensure_fault(said.contains("in use"), "it ended for another reason")?;
        ensure!(status.code() == Some(1), "it ended with {status}");
        ensure!(
            said.contains(&taken) && said.contains(&address) && said.contains("node_id"),
            "it does not say which id is in use, by whom, and what to do: {said}"
        );

        let after = all.cluster.agree(SOON).await?;
        // The others may have taken the first for gone while the second asked: views pass, and everything is where it was.
        ensure!(
            (&after.owners, &after.standbys) == (&before.owners, &before.standbys),
            "before {before:?}, after {after:?}"
        );
        all.more_ticks(2).await?;
        all.nothing_missing().await?;
        all.nothing_twice()?;
        all.verdict().await.map(drop)
    })
}
