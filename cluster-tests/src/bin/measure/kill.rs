//! Owners killed at random moments: how long until their targets are read again, and what is missing.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use ringwatch_cluster_tests::cluster::AGREE;
use ringwatch_cluster_tests::cluster::life::LifeBooks;
use ringwatch_cluster_tests::cluster::takeover::{Collected, next_ticks};
use ringwatch_cluster_tests::cluster::ticks::{Missing, SECOND};
use ringwatch_cluster_tests::node::Every;
use ringwatch_cluster_tests::postgres::questions;
use tokio::time::sleep;

use crate::quantiles;
use crate::trio::Trio;

const NAMES: usize = 12;
const EVERY: Every = Every {
    collection: "10s",
    statements: "10s",
    activity: "1s",
};
const METRICS: u64 = 10 * SECOND;
/// What is missing after a kill began to be missing within this time.
const AFTERMATH: u64 = 6 * SECOND;

/// One kill.
struct Kill {
    /// In nanoseconds since 1970.
    at: u64,
    targets: Vec<String>,
    times: Vec<Duration>,
    /// Ticks that the others counted as missed.
    counted: u64,
}

/// Kills `rounds` owners, each time another one at a random moment.
pub(crate) async fn measure(rounds: usize) -> Result<()> {
    let mut trio = Trio::start(NAMES, EVERY, |shape| shape.hold_down = "2s").await?;
    trio.load(100).await?;
    trio.more_ticks(2).await?;
    let mut kills = Vec::new();
    while kills.len() < rounds {
        sleep(Duration::from_millis(fastrand::u64(..3_000))).await;
        kills.extend(one(&mut trio, kills.len() % 3).await?);
    }
    // As long as it takes until no tick before now can still be on its way.
    sleep(Duration::from_secs(12)).await;
    print(&trio, &kills);
    trio.compare().await
}

/// Kills the node in seat `n` and starts it again. Nothing where it owns no target.
async fn one(trio: &mut Trio, n: usize) -> Result<Option<Kill>> {
    let before = trio.cluster.agree(AGREE).await?;
    let targets = before.owned_by(trio.cluster.seat(n).id());
    if targets.is_empty() {
        println!("{} owns nothing: left out", trio.cluster.seat(n).id());
        return Ok(None);
    }
    let collected = Collected::of(&trio.cluster, Some(n)).await?;
    let before_it: u64 = missed_by_others(trio, n).await?;
    let at = u64::try_from(questions::now()).unwrap_or(0) * (SECOND / 1_000);
    let since = trio.cluster.seat_mut(n).kill_at_once().await?;
    let times = next_ticks(
        &trio.cluster,
        &targets,
        &collected,
        since,
        Duration::from_secs(10),
    )
    .await?;
    trio.cluster.agree(AGREE).await?;
    trio.more_ticks(2).await?;
    let counted = LifeBooks::of(&trio.cluster).await?.missed() - before_it;
    trio.cluster.launch(n)?;
    trio.cluster.agree(AGREE).await?;
    Ok(Some(Kill {
        at,
        targets,
        times: times.into_values().collect(),
        counted,
    }))
}

async fn missed_by_others(trio: &Trio, n: usize) -> Result<u64> {
    let all = LifeBooks::of(&trio.cluster).await?;
    let own = trio.cluster.node(n)?.metrics().await?;
    let own = own.by_label("ringwatch_ticks_total", "outcome");
    let own: f64 = own
        .iter()
        .filter(|(outcome, _)| !ringwatch_cluster_tests::cluster::life::ended_well(outcome))
        .map(|(_, ticks)| *ticks)
        .sum();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a counter"
    )]
    Ok(all.missed().saturating_sub(own as u64))
}

fn print(trio: &Trio, kills: &[Kill]) {
    let times: Vec<Duration> = kills.iter().flat_map(|k| k.times.clone()).collect();
    let lost: usize = kills.iter().map(|k| k.targets.len()).sum();
    println!(
        "{} kills, {lost} targets taken over, activity each second, metrics and statements each 10 s",
        kills.len()
    );
    println!(
        "  kill to the next tick collected, by target: {}; {} targets were not read within 10 s",
        quantiles::millis(&times),
        lost - times.len()
    );
    let missing = trio.sink.look(|l| Missing::of(l, &trio.targets, METRICS));
    let mut by_kill: BTreeMap<(usize, &str), usize> = BTreeMap::new();
    let mut elsewhere = 0;
    for (target, ticks) in &missing.activity {
        for tick in ticks {
            let of = kills
                .iter()
                .position(|k| k.targets.contains(target) && k.at < tick + SECOND && *tick < k.at + AFTERMATH);
            match of {
                Some(kill) => *by_kill.entry((kill, target)).or_default() += 1,
                None => elsewhere += 1,
            }
        }
    }
    let counted: u64 = kills.iter().map(|k| k.counted).sum();
    println!(
        "  activity ticks missing: {} of {lost} take-overs, at most {} at one; not after a kill: {elsewhere}",
        by_kill.values().sum::<usize>(),
        by_kill.values().max().unwrap_or(&0)
    );
    println!(
        "  ticks of streams each 10 s missing: {}",
        missing.metrics_count()
    );
    let all = missing.activity_count() + missing.metrics_count();
    println!(
        "  counted as missed by the others: {counted}; missing and not counted, so read and lost with the node: {}",
        all as u64 - counted.min(all as u64)
    );
    let (repeats, conflicts) = trio.doubles();
    println!("  came again byte for byte: {repeats} points or records; otherwise: {conflicts}");
}
