//! Owners killed at random moments: no tick missing, none with two readings.

use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;
use ringwatch_cluster_tests::chaos::{Rig, Wanted};
use tokio::time::sleep;

use super::{Bearable, Options, Report, ask_about_missing, close, outcome, start, wanted};

pub(crate) async fn measure(options: Options) -> Result<()> {
    let rounds = options.rounds.unwrap_or(100);
    let wanted = Wanted {
        log: true,
        ..wanted(3)
    };
    let (mut rig, folder) = start(&wanted).await?;
    rig.load(50).await?;
    let mut rng = Rng::with_seed(options.seed);
    let (mut kills, mut lost, mut covered, mut missing) = (0, 0, 0, 0);
    while kills < rounds {
        let n = rng.usize(..3);
        let before = rig.settled().await?;
        let targets = before.owned_by(rig.cluster.seat(n).id());
        if targets.is_empty() {
            continue;
        }
        sleep(Duration::from_millis(rng.u64(..3_000))).await;
        let covered_before = by_others(&rig, n).await?;
        rig.cluster.seat_mut(n).kill_at_once().await?;
        rig.settled().await?;
        missing = ask_about_missing(&rig, missing);
        covered += outcome(&rig, "covered").await?.saturating_sub(covered_before);
        rig.cluster.launch(n)?;
        kills += 1;
        lost += targets.len();
        eprintln!("{kills} of {rounds} kills, {covered} ticks covered");
    }
    let mut report = Report::new("gap-kill");
    report.set("seed", options.seed);
    report.set("kills", kills);
    report.set("targets_lost", lost);
    report.set("covered_ticks", covered);
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
