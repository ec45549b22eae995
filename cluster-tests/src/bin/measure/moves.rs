//! Targets that change hands in order: a fourth node joins, is drained, and has its targets back.

use anyhow::Result;
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
    let faults = Faults::of(&trio).await?;
    let three = trio.cluster.agree(AGREE).await?;

    let since = Instant::now();
    let n = trio.cluster.join().await?;
    let four = trio.cluster.agree(AGREE).await?;
    let newcomer = trio.cluster.seat(n).id().to_owned();
    let (witness, only) = (trio.cluster.seat(0).ports().grpc, Some(newcomer.as_str()));
    let faults = tell(
        &trio,
        &moved("a fourth joins", &three, &four, since, only),
        faults,
    )
    .await?;

    let others: Vec<String> = (0..n).map(|n| trio.cluster.seat(n).id().to_owned()).collect();
    let since = Instant::now();
    ask::drain(witness, &newcomer, false).await?;
    let drained = trio.cluster.agree_on(&others, AGREE).await?;
    let faults = tell(
        &trio,
        &moved("it is drained", &four, &drained, since, None),
        faults,
    )
    .await?;

    let since = Instant::now();
    ask::drain(witness, &newcomer, true).await?;
    let again = trio.cluster.agree(AGREE).await?;
    let faults = tell(
        &trio,
        &moved("it comes back", &drained, &again, since, only),
        faults,
    )
    .await?;

    let since = Instant::now();
    trio.cluster.terminate(n).await?;
    let gone = trio.cluster.agree(AGREE).await?;
    tell(
        &trio,
        &moved("it is told to stop", &again, &gone, since, None),
        faults,
    )
    .await?;
    trio.compare().await
}

/// What had gone wrong up to some moment.
#[derive(Clone, Copy, Debug, Default)]
struct Faults {
    missing: u64,
    counted: u64,
    doubles: u64,
}

impl Faults {
    /// Once what is on its way has come.
    async fn of(trio: &Trio) -> Result<Self> {
        trio.more_ticks(4).await?;
        let missing = trio.sink.look(|l| Missing::of(l, &trio.targets, 2 * SECOND));
        let (repeats, conflicts) = trio.doubles();
        Ok(Self {
            missing: (missing.activity_count() + missing.metrics_count()) as u64,
            counted: LifeBooks::of(&trio.cluster).await?.missed(),
            doubles: repeats + conflicts,
        })
    }
}

/// A move.
struct Move<'a> {
    what: &'a str,
    before: &'a Agreement,
    after: &'a Agreement,
    since: Instant,
    /// Who alone is to be given targets.
    to: Option<&'a str>,
}

fn moved<'a>(
    what: &'a str,
    before: &'a Agreement,
    after: &'a Agreement,
    since: Instant,
    to: Option<&'a str>,
) -> Move<'a> {
    Move {
        what,
        before,
        after,
        since,
        to,
    }
}

/// Tells of a move, given what had gone wrong before it; gives what has by now.
async fn tell(trio: &Trio, of: &Move<'_>, before: Faults) -> Result<Faults> {
    let elapsed = of.since.elapsed();
    let moved = of.after.moved_since(of.before);
    let elsewhere = moved
        .values()
        .filter(|owner| of.to.is_some_and(|to| to != **owner))
        .count();
    let now = Faults::of(trio).await?;
    println!(
        "  {}: {} targets moved ({elsewhere} to others than it), done after {} ms; {} ticks missing, {} counted as missed, \
         {} came twice",
        of.what,
        moved.len(),
        elapsed.as_millis(),
        now.missing - before.missing,
        // The books of a node that has gone are gone with it.
        now.counted.saturating_sub(before.counted),
        now.doubles - before.doubles
    );
    Ok(now)
}
