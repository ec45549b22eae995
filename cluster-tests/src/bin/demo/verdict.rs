//! The verdict over all nodes: every tick collected, none twice, none left out, the books balanced, something delivered.

use anyhow::Result;
use ringwatch_cluster_tests::cluster::End;
use ringwatch_cluster_tests::cluster::life::{self, LifeBooks};
use ringwatch_cluster_tests::sink::status::Status;

use crate::stage::Stage;

/// Ends the load and the nodes in order, and judges. `false` where something was missed, doubled or lost.
pub(crate) async fn speak(mut stage: Stage) -> Result<bool> {
    stage.end_load().await?;
    let books = life::verdict(&stage.cluster, &stage.sink).await?;
    let stopped = stage.cluster.end().await;
    let (doubles, conflicts, gaps) = stage.sink.look(|l| (l.doubles(), l.conflicts(), l.gap_count()));
    let killed = stage.cluster.seats().iter().flat_map(|seat| seat.ends());
    let killed = killed.filter(|end| matches!(end, End::Killed(_))).count();
    println!(
        "\n{}",
        stage
            .sink
            .look(|ledger| crate::view::statements(&Status::of(ledger, crate::view::STATEMENTS)))
    );
    println!("verdict");
    let ticks = |outcome: &str| books.outcomes.get(outcome).copied().unwrap_or(0);
    let covered = ticks("covered");
    let collected = ticks("collected") + covered;
    let sent = books.running.iter().fold((0, 0), |(points, records), (_, b)| {
        (points + b.sent_points, records + b.sent_records)
    });
    let judged = [
        judge(
            "every tick collected",
            books.missed() == 0 && collected > 0,
            &format!(
                "{collected} collected, {covered} of them by standbys, {} missed{}",
                books.missed(),
                reasons(&books)
            ),
        ),
        judge(
            "nothing twice",
            conflicts == 0 && (doubles == 0 || killed > 0),
            &format!("{doubles} came again byte for byte or otherwise, {conflicts} of them otherwise"),
        ),
        judge(
            "no gap",
            gaps == 0,
            &format!("{gaps} gaps in the series of metrics"),
        ),
        judge(
            "books balanced",
            books.dropped == 0,
            &format!(
                "{} rows collected, {} delivered, {} dropped, {} nodes{}",
                books.collected,
                books.delivered,
                books.dropped,
                books.running.len(),
                lost(killed)
            ),
        ),
        judge(
            "delivered",
            sent.0 > 0 && sent.1 > 0,
            &format!("{} points, {} records by the nodes that run", sent.0, sent.1),
        ),
        judge(
            "stopped in order",
            stopped.is_ok(),
            &stopped.map_or_else(
                |fault| format!("{fault:#}"),
                |()| "one after the other, with 0".into(),
            ),
        ),
    ];
    Ok(judged.into_iter().all(|well| well))
}

/// Why ticks were missed.
fn reasons(books: &LifeBooks) -> String {
    let missed = books
        .outcomes
        .iter()
        .filter(|(outcome, _)| !life::ended_well(outcome));
    missed
        .map(|(outcome, ticks)| format!(", {outcome} {ticks}"))
        .collect()
}

fn lost(killed: usize) -> String {
    if killed == 0 {
        return String::new();
    }
    format!("; of {killed} killed, the books are those of a moment before: what came after was lost with it")
}

fn judge(what: &str, well: bool, words: &str) -> bool {
    println!("  {} {what}: {words}", if well { "ok    " } else { "FAILED" });
    well
}
