//! Targets that change hands in order: a fourth node joins, is drained, and has its targets back.

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::cluster::life::LifeBooks;
use ringwatch_cluster_tests::cluster::ticks::{Missing, SECOND};
use ringwatch_cluster_tests::cluster::{AGREE, Agreement, ask};
use ringwatch_cluster_tests::node::Every;
use tokio::time::Instant;

use crate::trio::Trio;

const NAMES: usize = 40;
const EVERY: Every = Every {
    collection: "2s",
    statements: "5s",
    activity: "1s",
};

/// Joins, drains and undoes.
pub(crate) async fn measure() -> Result<()> {
    let mut trio = Trio::start(NAMES, EVERY, |_| {}).await?;
    trio.load(50).await?;
    trio.more_ticks(3).await?;
    println!("{NAMES} targets, activity each second, metrics each 2 s, statements each 5 s");
    let three = trio.cluster.agree(AGREE).await?;

    let since = Instant::now();
    let n = trio.cluster.join().await?;
    let four = trio.cluster.agree(AGREE).await?;
    let newcomer = trio.cluster.seat(n).id().to_owned();
    tell(&trio, "a fourth joins", &three, &four, since, Some(&newcomer)).await?;

    let others: Vec<String> = (0..n).map(|n| trio.cluster.seat(n).id().to_owned()).collect();
    let since = Instant::now();
    ask::drain(trio.cluster.seat(0).ports().grpc, &newcomer, false).await?;
    let drained = trio.cluster.agree_on(&others, AGREE).await?;
    tell(&trio, "it is drained", &four, &drained, since, None).await?;

    let since = Instant::now();
    ask::drain(trio.cluster.seat(0).ports().grpc, &newcomer, true).await?;
    let again = trio.cluster.agree(AGREE).await?;
    tell(&trio, "it comes back", &drained, &again, since, Some(&newcomer)).await?;

    let before = again;
    let since = Instant::now();
    trio.cluster.terminate(n).await?;
    let gone = trio.cluster.agree(AGREE).await?;
    ensure!(trio.cluster.awake().len() == 3, "the node still runs");
    tell(&trio, "it is told to stop", &before, &gone, since, None).await?;
    trio.compare().await
}

async fn tell(
    trio: &Trio,
    what: &str,
    before: &Agreement,
    after: &Agreement,
    since: Instant,
    to: Option<&str>,
) -> Result<()> {
    let elapsed = since.elapsed();
    let moved = after.moved_since(before);
    let elsewhere = moved
        .values()
        .filter(|owner| to.is_some_and(|to| to != **owner))
        .count();
    trio.more_ticks(4).await?;
    let missing = trio.sink.look(|l| Missing::of(l, &trio.targets, 2 * SECOND));
    let (repeats, conflicts) = trio.doubles();
    let books = LifeBooks::of(&trio.cluster).await?;
    println!(
        "  {what}: {} targets moved ({elsewhere} to others than it), done after {} ms; so far {} ticks missing, {} counted \
         as missed, {} came twice",
        moved.len(),
        elapsed.as_millis(),
        missing.activity_count() + missing.metrics_count(),
        books.missed(),
        repeats + conflicts
    );
    Ok(())
}
