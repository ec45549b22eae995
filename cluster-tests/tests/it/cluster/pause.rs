//! The owner's process is frozen for five seconds and goes on: by then its targets are others'. Each node has a role of
//! its own at the servers, so that nobody can end its session or look into it: the epochs alone fence, and nothing is
//! covered before the take-over.

use std::time::Duration;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::cluster::{Shape, ask};
use ringwatch_cluster_tests::postgres::questions;
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::wait;
use ringwatch_proto::v1::State;
use tokio::time::{Instant, sleep_until};

use super::{Caller, Watching};
use crate::story::SOON;

/// How long the process stands still.
const FREEZE: Duration = Duration::from_secs(5);

#[test]
fn a_woken_owner_asks_nothing_of_what_it_lost() -> Result<()> {
    scenario("cluster_freeze", async |scene| {
        let roles = |shape: &mut Shape| {
            shape.roles = true;
            shape.hold_down = "8s";
        };
        let mut all = Watching::start(scene, 3, 6, roles).await?;
        all.keep_to_the_ring().await?;
        all.baselines().await?;
        let caller = Caller::start(&all.server).await?;
        let before = all.cluster.agree(SOON).await?;
        let frozen = before.busiest();
        let n = all.cluster.number_of(&frozen)?;
        let lost = before.owned_by(&frozen);
        ensure_fault(!lost.is_empty(), "the node owned nothing")?;

        let since = Instant::now();
        all.cluster.seat_mut(n).freeze()?;
        let after = all.cluster.agree(SOON).await?;
        ensure_fault(
            after.moved_since(&before).keys().eq(lost.iter()),
            "its targets were not taken over",
        )?;
        sleep_until(since + FREEZE).await;
        let woken = questions::now();
        all.cluster.seat_mut(n).thaw()?;
        let witness = all.cluster.node((n + 1) % 3)?.ports().grpc;
        wait::until("the woken node held down", SOON, async || {
            let seen = ask::members(witness).await.map_err(|e| format!("{e:#}"))?;
            wait::when(ask::is(&seen, &frozen, State::Joining), || format!("{seen:?}"))
        })
        .await?;
        all.more_ticks(3).await?;
        let seen = ask::members(witness).await?;
        ensure_fault(
            ask::is(&seen, &frozen, State::Joining),
            "it was given targets again too soon",
        )?;
        let asked = questions::read(&all.server.log_text()?);
        let of_frozen: Vec<_> = asked.iter().filter(|q| q.role == Shape::role(n)).collect();
        ensure_fault(!of_frozen.is_empty(), "it never asked anything")?;
        let by_woken: Vec<_> = of_frozen.iter().filter(|q| q.at >= woken).collect();
        ensure!(by_woken.is_empty(), "the woken node asked {by_woken:?}");

        let again = all.cluster.agree(SOON * 2).await?;
        ensure!(
            again.owners == before.owners,
            "before {before:?}, again {again:?}"
        );
        all.more_ticks(2).await?;
        let truth = caller.stop().await?;
        all.told(Caller::TEXT, truth).await?;
        // Nobody could see what it was at, so nothing was covered until it was found out.
        let missing = all.at_most_missing(&lost, 4).await?;
        println!(
            "{} targets lost and had back, {} activity ticks missing, {} byte-identical repeats",
            lost.len(),
            missing.activity_count(),
            all.repeats()?
        );
        all.verdict().await.map(drop)
    })
}
