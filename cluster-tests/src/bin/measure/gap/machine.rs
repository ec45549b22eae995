//! An owner's machine and disk are lost while the receiver is down: its standbys deliver what it had read.

use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;
use tokio::time::{Instant, sleep};

use super::{Bearable, Options, Report, close, outcome, start, wanted};

/// How long the receiver is down.
const DOWN: Duration = Duration::from_secs(120);
/// When within that time the machine is lost.
const LOST_AFTER: Duration = Duration::from_secs(60);

pub(crate) async fn measure(options: Options) -> Result<()> {
    let rounds = options.rounds.unwrap_or(1);
    let (mut rig, folder) = start(&wanted(3)).await?;
    rig.load(50).await?;
    let mut rng = Rng::with_seed(options.seed);
    let (mut lost, mut times) = (0, Vec::new());
    for round in 0..rounds {
        let before = rig.settled().await?;
        let n = rng.usize(..3);
        lost += before.owned_by(rig.cluster.seat(n).id()).len();
        eprintln!("{} of {rounds}: the receiver is down", round + 1);
        rig.sink.down();
        sleep(LOST_AFTER).await;
        rig.cluster.seat_mut(n).kill_at_once().await?;
        rig.cluster.seat(n).disk().wipe()?;
        eprintln!("node-{n} is lost with its disk");
        sleep(DOWN - LOST_AFTER).await;
        rig.sink.up().await?;
        let since = Instant::now();
        let ticks = rig.ticks_after(Duration::from_secs(120)).await;
        times.push(since.elapsed());
        eprintln!(
            "{} ticks missing after {:?}",
            ticks.missing_count(),
            since.elapsed()
        );
        // The machine never comes back in this round: what the others have must be all.
        rig.cluster.launch(n)?;
    }
    let mut report = Report::new("gap-machine");
    report.set("seed", options.seed);
    report.set("rounds", rounds);
    report.set("targets_of_lost_machines", lost);
    report.times("receiver_up_until_every_tick_is_there", &times);
    rig.settled().await?;
    report.set("covered_ticks", outcome(&rig, "covered").await?);
    let bearable = Bearable {
        requests: rounds,
        ..Bearable::default()
    };
    close(rig, folder, report, bearable, options.json).await
}
