//! The verdict: every tick collected, none twice, none left out, the books balanced, something delivered.

use anyhow::Result;
use ringwatch_cluster_tests::books;
use ringwatch_cluster_tests::sink::status::Status;

use crate::stage::Stage;
use crate::view::Ticks;

/// Ends the load and the node in order, and judges. `false` where something was missed, doubled or lost.
pub(crate) async fn speak(mut stage: Stage) -> Result<bool> {
    stage.end_load().await?;
    let books = books::verdict(&stage.node, &stage.sink).await?;
    let ticks = Ticks::of(&stage.node.metrics().await?);
    let stopped = stage.node.terminate().await;
    let (doubles, gaps) = stage.sink.look(|l| (l.doubles(), l.gap_count()));
    println!(
        "\n{}",
        stage
            .sink
            .look(|ledger| crate::view::statements(&Status::of(ledger, crate::view::STATEMENTS)))
    );
    println!("verdict");
    let judged = [
        judge(
            "every tick collected",
            ticks.missed == 0.0 && ticks.collected > 0.0,
            &format!("{:.0} collected, {:.0} missed", ticks.collected, ticks.missed),
        ),
        judge("nothing twice", doubles == 0, &format!("{doubles} doubled")),
        judge("no gap", gaps == 0, &format!("{gaps} gaps")),
        judge(
            "books balanced",
            books.dropped_total() == 0,
            &format!(
                "{} collected + {} copied = {} delivered + {} dropped + {} in flight",
                books.collected,
                books.copied,
                books.delivered,
                books.dropped_total(),
                books.in_flight
            ),
        ),
        judge(
            "delivered",
            books.delivered > 0,
            &format!("{} points, {} records", books.sent_points, books.sent_records),
        ),
        judge(
            "stopped in order",
            stopped.as_ref().is_ok_and(|last| last.dropped == 0),
            &stopped.map_or_else(
                |fault| format!("{fault:#}"),
                |last| {
                    format!(
                        "{} rows delivered, {} dropped in all",
                        last.delivered, last.dropped
                    )
                },
            ),
        ),
    ];
    Ok(judged.into_iter().all(|well| well))
}

fn judge(what: &str, well: bool, words: &str) -> bool {
    println!("  {} {what}: {words}", if well { "ok    " } else { "FAILED" });
    well
}
