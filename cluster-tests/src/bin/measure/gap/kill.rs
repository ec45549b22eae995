//! Owners killed at random moments: no tick missing, none with two readings, and how late the covered ones come.

use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;
use ringwatch_cluster_tests::chaos::Rig;
use ringwatch_cluster_tests::chaos::oracle::ticks::lateness;
use ringwatch_cluster_tests::cluster::ticks::SECOND;
use ringwatch_cluster_tests::postgres::questions;
use tokio::time::sleep;

use super::{Bearable, Options, Report, ask_about_missing, close, outcome, start, wanted};

/// Ticks that were due within this time after a kill, in nanoseconds, were to be covered or taken over.
const AFTERMATH: u64 = 2 * SECOND;

/// One kill.
struct Kill {
    /// In nanoseconds since 1970.
    at: u64,
    targets: Vec<String>,
}

pub(crate) async fn measure(options: Options) -> Result<()> {
    let rounds = options.rounds.unwrap_or(100);
    let (mut rig, folder) = start(&wanted(3)).await?;
    rig.load(50).await?;
    let mut rng = Rng::with_seed(options.seed);
    let (mut kills, mut covered, mut missing) = (Vec::new(), 0, 0);
    while kills.len() < rounds {
        let n = rng.usize(..3);
        let before = rig.settled().await?;
        let targets = before.owned_by(rig.cluster.seat(n).id());
        if targets.is_empty() {
            continue;
        }
        sleep(Duration::from_millis(rng.u64(..3_000))).await;
        let at = u64::try_from(questions::now()).unwrap_or(0) * (SECOND / 1_000);
        let covered_before = by_others(&rig, n).await?;
        rig.cluster.seat_mut(n).kill_at_once().await?;
        rig.settled().await?;
        missing = ask_about_missing(&rig, missing);
        covered += outcome(&rig, "covered").await?.saturating_sub(covered_before);
        rig.cluster.launch(n)?;
        kills.push(Kill { at, targets });
        eprintln!("{} of {rounds} kills, {covered} ticks covered", kills.len());
    }
    let mut report = Report::new("gap-kill");
    report.set("seed", options.seed);
    report.set("kills", kills.len());
    report.set(
        "targets_lost",
        kills.iter().map(|kill| kill.targets.len()).sum::<usize>(),
    );
    report.set("covered_ticks", covered);
    rig.settled().await?;
    let late: Vec<Duration> = rig.sink.look(|ledger| {
        let of_kill = |kill: &Kill| -> Vec<u64> {
            let ticks = |target: &String| lateness(ledger, target, kill.at, kill.at + AFTERMATH);
            kill.targets.iter().flat_map(ticks).collect()
        };
        kills.iter().flat_map(of_kill).map(Duration::from_nanos).collect()
    });
    report.times("arrival_after_tick_in_2s_after_kill", &late);
    let bearable = Bearable {
        requests: rounds,
        ..Bearable::default()
    };
    close(rig, folder, report, bearable, options.json).await
}

/// Ticks covered by all nodes but the one that is about to go.
async fn by_others(rig: &Rig, n: usize) -> Result<u64> {
    let own = rig.cluster.node(n)?.metrics().await?;
    let own = own.count("ringwatch_ticks_total", &[("outcome", "covered")]);
    Ok(outcome(rig, "covered").await?.saturating_sub(own))
}
