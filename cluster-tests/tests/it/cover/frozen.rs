//! An owner stands still for five seconds: nothing is missing, and what it asks when it wakes is none of what it lost.

use std::time::Duration;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::chaos::Wanted;
use ringwatch_cluster_tests::chaos::oracle::database::{is_owners_reading, node_of};
use ringwatch_cluster_tests::cluster::ask;
use ringwatch_cluster_tests::postgres::questions;
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::wait;
use ringwatch_proto::v1::State;
use tokio::time::{Instant, sleep_until};

use super::{NAMES, covered, start, verdict};
use crate::story::SOON;

/// How long the process stands still.
const FREEZE: Duration = Duration::from_secs(5);

#[test]
fn a_frozen_owner_leaves_no_tick_missing_and_reads_nothing_when_it_wakes() -> Result<()> {
    scenario("cover_frozen", async |scene| {
        let wanted = Wanted {
            log: true,
            shape: |shape| shape.hold_down = "8s",
            ..Wanted::new(3, NAMES)
        };
        let mut rig = start(scene, wanted).await?;
        let before = rig.settled().await?;
        let frozen = before.busiest();
        let n = rig.cluster.number_of(&frozen)?;
        ensure_fault(!before.owned_by(&frozen).is_empty(), "the node owned nothing")?;
        let covered_before = covered(&rig).await?;

        let since = Instant::now();
        rig.cluster.seat_mut(n).freeze()?;
        sleep_until(since + FREEZE).await;
        let by_standbys = covered(&rig).await?;
        let woken = questions::now();
        rig.cluster.seat_mut(n).thaw()?;
        let witness = rig.cluster.seat((n + 1) % 3).ports().grpc;
        wait::until("the woken node held down", SOON, async || {
            let seen = ask::members(witness).await.map_err(|e| format!("{e:#}"))?;
            wait::when(ask::is(&seen, &frozen, State::Joining), || format!("{seen:?}"))
        })
        .await?;
        rig.more_ticks(3).await?;
        let seen = ask::members(witness).await?;
        ensure_fault(
            ask::is(&seen, &frozen, State::Joining),
            "it was given targets again too soon",
        )?;
        let asked = questions::read(&rig.server.log_text()?);
        let own: Vec<_> = asked
            .iter()
            .filter(|q| node_of(&q.application) == Some(&frozen) && is_owners_reading(q))
            .collect();
        ensure_fault(own.iter().any(|q| q.at < woken), "it never read anything")?;
        let by_woken: Vec<_> = own.iter().filter(|q| q.at >= woken).collect();
        ensure!(by_woken.is_empty(), "the woken node read {by_woken:?}");
        println!(
            "  {} ticks covered while it stood still",
            by_standbys.saturating_sub(covered_before)
        );

        rig.settled().await?;
        verdict(&mut rig, 2).await
    })
}
