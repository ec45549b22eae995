//! Who votes: three of them, and a dead one is replaced by a node that had only a copy.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ringwatch_cluster_tests::cluster::ask;
use ringwatch_cluster_tests::cluster::group::WELL;
use ringwatch_cluster_tests::cluster::writer::Writer;
use ringwatch_cluster_tests::node::NodeConfig;
use ringwatch_cluster_tests::scene::scenario;
use ringwatch_cluster_tests::wait;
use ringwatch_proto::v1::RaftRole;
use serde_json::json;

use crate::cluster::Watching;
use crate::story::SOON;

/// The nodes with a role, in the eyes of a node.
async fn with_role(all: &Watching, n: usize, role: RaftRole) -> Result<Vec<String>> {
    let seen = ask::members(all.cluster.node(n)?.ports().grpc).await?;
    let members = seen.members.iter().filter(|m| m.raft_role() == role);
    Ok(members.map(|m| m.node_id.clone()).collect())
}

#[test]
fn a_voter_that_stays_away_is_replaced() -> Result<()> {
    scenario("raft_replaced", async |scene| {
        let quick = |config: &mut NodeConfig| {
            Writer::allow(config);
            config
                .cluster
                .insert("raft".into(), json!({ "replace_after": "3s" }));
        };
        let mut all = Watching::start(scene, 4, 3, |shape| shape.adapt = quick).await?;
        let group = all.cluster.whole(3, 1, WELL).await?;
        let learner = with_role(&all, group.leader, RaftRole::Learner).await?;
        let [learner] = &learner[..] else {
            anyhow::bail!("learners {learner:?}");
        };
        let learner = all.cluster.number_of(learner)?;
        let voter = all.other_than(&[learner, group.leader])?;
        all.cluster.seat_mut(voter).kill_at_once().await?;
        wait::until("a promoted learner", WELL, async || {
            let roles = with_role(&all, group.leader, RaftRole::Learner)
                .await
                .map_err(|e| format!("{e:#}"))?;
            let here = !roles.iter().any(|id| id == all.cluster.seat(learner).id());
            wait::when(here, || format!("learners {roles:?}"))
        })
        .await?;
        // With the old ones alone there would be no majority now.
        let third = all.other_than(&[learner, group.leader])?;
        all.cluster.seat_mut(third).kill_at_once().await?;
        let led = all
            .cluster
            .led(WELL)
            .await
            .context("the promoted one does not vote")?;
        ensure!([learner, group.leader].contains(&led.leader), "{led:?}");
        let writer = Writer::start(&all.cluster, &all.id(0), Duration::from_millis(5))?;
        writer.more(10, SOON).await?;
        writer.proven(&all.cluster).await?;
        all.cluster.launch(voter)?;
        all.cluster.launch(third)?;
        all.cluster.whole(3, 1, WELL).await?;
        all.cluster.same_state(SOON).await?;
        all.cluster.end().await
    })
}
