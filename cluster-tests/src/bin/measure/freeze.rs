//! Owners frozen for five seconds: what they ask their former targets when they wake.

use std::time::Duration;

use anyhow::Result;
use ringwatch_cluster_tests::cluster::{AGREE, Shape, ask};
use ringwatch_cluster_tests::node::Every;
use ringwatch_cluster_tests::postgres::questions;
use ringwatch_cluster_tests::wait;
use ringwatch_proto::v1::State;
use tokio::time::{Instant, sleep_until};

use crate::trio::{SOON, Trio};

const EVERY: Every = Every {
    collection: "1s",
    statements: "1s",
    activity: "1s",
};
const FREEZE: Duration = Duration::from_secs(5);

/// Freezes `rounds` owners, one after the other.
pub(crate) async fn measure(rounds: usize) -> Result<()> {
    let roles = |shape: &mut Shape| {
        shape.roles = true;
        shape.hold_down = "5s";
    };
    let mut trio = Trio::start(6, EVERY, roles).await?;
    trio.load(50).await?;
    let (mut asked, mut lost) = (0, 0);
    for round in 0..rounds {
        let n = round % 3;
        trio.more_ticks(2).await?;
        let before = trio.cluster.agree(AGREE).await?;
        let id = trio.cluster.seat(n).id().to_owned();
        lost += before.owned_by(&id).len();
        // Anywhere within a second, so that readings are hit too.
        sleep_until(Instant::now() + Duration::from_millis(fastrand::u64(..1_000))).await;
        let since = Instant::now();
        trio.cluster.seat_mut(n).freeze()?;
        trio.cluster.agree(AGREE).await?;
        sleep_until(since + FREEZE).await;
        let woken = questions::now();
        trio.cluster.seat_mut(n).thaw()?;
        let witness = trio.cluster.seat((n + 1) % 3).ports().grpc;
        wait::until("the woken node held down", SOON, async || {
            let seen = ask::members(witness).await.map_err(|e| format!("{e:#}"))?;
            wait::when(ask::is(&seen, &id, State::Joining), || format!("{seen:?}"))
        })
        .await?;
        trio.more_ticks(3).await?;
        let log = trio.server.log_text()?;
        let by_woken: Vec<_> = questions::read(&log)
            .into_iter()
            .filter(|q| q.role == Shape::role(n) && q.at >= woken)
            .collect();
        for question in by_woken.iter().take(5) {
            println!(
                "  {id} asked {} ms after it woke: {}",
                question.at - woken,
                question.text
            );
        }
        asked += by_woken.len();
        trio.cluster.agree(AGREE * 2).await?;
    }
    let (repeats, conflicts) = trio.doubles();
    println!(
        "{rounds} owners of {lost} targets frozen for {} s: {asked} queries by the woken nodes for what they had lost; came \
         again byte for byte {repeats}, otherwise {conflicts}",
        FREEZE.as_secs()
    );
    trio.compare().await
}
