//! A receiver that is slow, refuses, or takes in part: retried, dropped and counted as the protocol says.

use std::time::Duration;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::node::Every;
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::sink::Answer;
use ringwatch_cluster_tests::wait;

use crate::story::{SOON, Watched};

/// Waits until rows have been dropped for a reason.
async fn drops(all: &Watched, reason: &str) -> Result<()> {
    let fits = |m: &ringwatch_cluster_tests::node::Metrics| {
        let rows = m.count("ringwatch_dropped_rows_total", &[("reason", reason)]);
        wait::when(rows > 0, || m.show("ringwatch_dropped_rows_total"))
    };
    all.node
        .until(&format!("rows dropped for {reason}"), SOON, fits)
        .await
        .map(drop)
}

#[test]
fn a_slow_receiver_costs_nothing() -> Result<()> {
    scenario("sink_slow", async |scene| {
        let mut all = Watched::start(scene, Every::SECOND).await?;
        all.sink.script(Answer::Slow(Duration::from_millis(1500)));
        all.ticks_of("postgresql.commits", 5).await?;
        ensure_fault(all.sink.given().slow > 3, "no request was slow")?;
        all.sink.script(Answer::Accept);
        all.ticks_of("postgresql.commits", 2).await?;
        all.spotless().await.map(drop)
    })
}

#[test]
fn a_receiver_that_never_answers_is_given_up_and_tried_again() -> Result<()> {
    scenario("sink_hangs", async |scene| {
        let mut all = Watched::start(scene, Every::SECOND).await?;
        all.sink.script(Answer::Hang);
        let last = all.newest();
        wait::until("requests without an answer, tried again", SOON, async || {
            let hung = all.sink.given().hung;
            wait::when(hung > 8, || format!("{hung}"))
        })
        .await?;
        ensure!(all.newest() == last, "points came while nothing was answered");
        all.sink.script(Answer::Accept);
        all.points_after(last).await?;
        all.ticks_of("postgresql.commits", 2).await?;
        all.spotless().await.map(drop)
    })
}

#[test]
fn what_a_receiver_refuses_for_good_is_dropped_and_counted() -> Result<()> {
    scenario("sink_refuses", async |scene| {
        let mut all = Watched::start(scene, Every::SECOND).await?;
        all.ticks_of("postgresql.commits", 2).await?;
        all.sink.script(Answer::Refuse);
        drops(&all, "permanent").await?;
        // Two ticks of each stream at least, so that a series with points before and after has a gap.
        wait::until("many refusals", SOON, async || {
            let refused = all.sink.given().refused;
            wait::when(refused > 15, || format!("{refused}"))
        })
        .await?;
        all.sink.script(Answer::Accept);
        all.ticks_of("postgresql.commits", 2).await?;
        let books = all.verdict().await?;
        ensure!(
            books.dropped.keys().eq(["permanent"]),
            "dropped: {:?}",
            books.dropped
        );
        ensure_fault(
            !all.sink.look(|l| l.gaps()).is_empty(),
            "what was refused arrived all the same",
        )?;
        Ok(())
    })
}

#[test]
fn what_a_receiver_rejects_of_a_request_is_counted_and_never_sent_again() -> Result<()> {
    scenario("sink_partial", async |scene| {
        let mut all = Watched::start(scene, Every::SECOND).await?;
        all.sink.script(Answer::Partial(1));
        drops(&all, "rejected").await?;
        all.sink.script(Answer::Accept);
        ensure_fault(all.sink.given().rejected > 0, "nothing was rejected")?;
        all.ticks_of("postgresql.commits", 2).await?;
        let books = all.verdict().await?;
        ensure!(
            books.dropped.keys().eq(["rejected"]),
            "dropped: {:?}",
            books.dropped
        );
        let rejected = all.sink.given().rejected;
        ensure!(
            books.dropped_total() == rejected,
            "{rejected} rejected, {:?}",
            books.dropped
        );
        Ok(())
    })
}
