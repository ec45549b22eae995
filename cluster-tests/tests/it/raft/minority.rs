//! Two of three voters are away: what was collected goes on being collected and sent, and what needs the group is
//! refused with the names of those who are missing.

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::cluster::group::{Said, WELL};
use ringwatch_cluster_tests::cluster::writer::Writer;
use ringwatch_cluster_tests::http;
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::wait;
use tokio::time::Instant;

use crate::cluster::Watching;
use crate::story::SOON;

#[test]
fn without_a_majority_nothing_is_written_and_the_rest_goes_on() -> Result<()> {
    scenario("raft_minority", async |scene| {
        let mut all = Watching::start(scene, 3, 9, |shape| shape.adapt = Writer::allow).await?;
        all.cluster.whole(3, 0, WELL).await?;
        let agreed = all.cluster.agree(SOON).await?;
        let last = all.cluster.number_of(&agreed.busiest())?;
        let kept = agreed.owned_by(all.cluster.seat(last).id());
        let away = [(last + 1) % 3, (last + 2) % 3];
        for n in away {
            all.cluster.seat_mut(n).kill_at_once().await?;
        }
        all.cluster
            .node(last)?
            .until("a node without a quorum", SOON, |metrics| {
                let said = Said::of(metrics);
                wait::when(!said.quorum && !said.leads, || format!("{said:?}"))
            })
            .await?;

        let names = away.map(|n| all.cluster.seat(n).id().to_owned());
        // That they are dead is seen a little later than that nobody leads.
        wait::until("a refusal that names the missing", SOON, async || {
            let refused = all
                .asked(last, &["flags", "set", "plans", "off"], 1)
                .map_err(|e| format!("{e:#}"))?;
            wait::when(names.iter().all(|id| refused.contains(id.as_str())), || {
                refused.clone()
            })
        })
        .await?;
        let health = http::get(all.cluster.seat(last).ports().health, "/health/ready").await?;
        ensure!(
            health.body.contains("degraded"),
            "its health says nothing: {health:?}"
        );
        let targets = all.json(last, &["cluster", "targets"])?;
        ensure!(
            targets["targets"].as_array().map(Vec::len) == Some(9),
            "{targets}"
        );
        ensure_fault(!kept.is_empty(), "it owned nothing")?;
        all.more_ticks_of(&kept, 4).await?;

        let begun = Instant::now();
        for n in away {
            all.cluster.launch(n)?;
        }
        let group = all.cluster.whole(3, 0, WELL).await?;
        println!("well {:?} after their return", begun.elapsed());
        all.asked(group.leader, &["flags", "set", "plans", "off"], 0)?;
        all.cluster.agree(SOON * 2).await?;
        all.cluster.same_state(SOON).await?;
        all.more_ticks(2).await?;
        all.repeats()?;
        all.cluster.end().await
    })
}
