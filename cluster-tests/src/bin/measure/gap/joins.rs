//! Nodes that join, are drained, and are restarted one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::chaos::rest::REST;
use ringwatch_cluster_tests::chaos::{Rig, Wanted};
use ringwatch_cluster_tests::cluster::agreement::endpoint;
use ringwatch_cluster_tests::cluster::{Agreement, ask, client};
use ringwatch_cluster_tests::wait;
use ringwatch_proto::v1::Pin;
use tokio::time::{Instant, sleep};

use super::{Bearable, Options, Report, close, start, wanted};

/// Longer than any handoff of forty targets.
const SETTLED: Duration = Duration::from_secs(60);
/// Longer than a target stays where it is because it has moved too often (`node/cluster/src/node/moves.rs`). Rounds begin so
/// long after the last move of the one before, so that what is seen is what the ring and the load want.
const UNCAPPED: Duration = Duration::from_secs(310);

/// Longer than it takes until all know what each target costs.
const WEIGHED: Duration = Duration::from_secs(120);

/// What was seen of all moves.
#[derive(Default)]
struct Figures {
    moved: usize,
    /// Of these, the ones to or from a place where the load has pinned the target.
    for_pins: usize,
    /// The others that the join or the drain did not ask for.
    elsewhere: usize,
    worst_load: f64,
    times: Vec<Duration>,
}

/// Who has what, and which targets are where they are for the load.
struct Placed {
    agreement: Agreement,
    pinned: BTreeSet<String>,
}

/// Three nodes, then four, then five, and back to three.
pub(crate) async fn join_and_drain(options: Options) -> Result<()> {
    let rounds = options.rounds.unwrap_or(10);
    let wanted = Wanted {
        seats: 5,
        ..wanted(3)
    };
    let (mut rig, folder) = start(&wanted).await?;
    rig.load(50).await?;
    weighed(&rig).await?;
    let (mut joins, mut drains) = (Figures::default(), Figures::default());
    for round in 0..rounds {
        one_round(&mut rig, &mut joins, &mut drains).await?;
        eprintln!(
            "{} of {rounds} rounds, load at most {:.2} x the mean",
            round + 1,
            joins.worst_load
        );
        if round + 1 < rounds {
            sleep(UNCAPPED).await;
        }
    }
    // With the books that they have kept on their disks.
    for n in [3, 4] {
        rig.cluster.launch(n)?;
        rig.cluster.agree_at_rest(REST, SETTLED).await?;
    }
    let mut report = Report::new("gap-join");
    report.set("rounds", rounds);
    report.set("moved_on_joins", joins.moved);
    report.set("moved_on_joins_for_pins", joins.for_pins);
    report.set_at_most("moved_on_joins_to_others", joins.elsewhere, 0.0);
    report.times("join_until_agreed_and_at_rest", &joins.times);
    report.set("moved_on_drains", drains.moved);
    report.set("moved_on_drains_for_pins", drains.for_pins);
    report.set_at_most("moved_on_drains_of_others", drains.elsewhere, 0.0);
    report.times("drain_until_agreed_and_at_rest", &drains.times);
    report.set_at_most(
        "worst_load_to_mean",
        (joins.worst_load * 100.0).round() / 100.0,
        1.15,
    );
    close(rig, folder, report, Bearable::default(), options.json).await
}

/// Two nodes join, one after the other, and are drained and stopped.
async fn one_round(rig: &mut Rig, joins: &mut Figures, drains: &mut Figures) -> Result<()> {
    for n in [3, 4] {
        let before = placed(rig, rig.settled().await?).await?;
        let since = Instant::now();
        if n == rig.cluster.seats().len() {
            rig.join().await?;
        } else {
            rig.cluster.launch(n)?;
        }
        let after = rig.cluster.agree_at_rest(REST, SETTLED).await?;
        joins.times.push(since.elapsed());
        let newcomer = rig.cluster.seat(n).id().to_owned();
        let after = placed(rig, after).await?;
        joins.note(&before, &after, |_, owner| owner == newcomer);
    }
    joins.note_load(rig).await?;
    for n in [4, 3] {
        let before = placed(rig, rig.settled().await?).await?;
        let (id, witness) = (
            rig.cluster.seat(n).id().to_owned(),
            rig.cluster.seat(0).ports().grpc,
        );
        let others: Vec<String> = (0..n).map(|m| rig.cluster.seat(m).id().to_owned()).collect();
        let since = Instant::now();
        ask::drain(witness, &id, false).await?;
        let after = rig.cluster.agree_at_rest_on(&others, REST, SETTLED).await?;
        drains.times.push(since.elapsed());
        let lost = before.agreement.owned_by(&id);
        let after = placed(rig, after).await?;
        drains.note(&before, &after, |target, _| lost.contains(target));
        rig.cluster.terminate(n).await?;
        rig.cluster.agree_at_rest(REST, SETTLED).await?;
    }
    Ok(())
}

/// Each node in turn is told to stop and started again.
pub(crate) async fn rolling(options: Options) -> Result<()> {
    let rounds = options.rounds.unwrap_or(10);
    let (mut rig, folder) = start(&wanted(3)).await?;
    rig.load(50).await?;
    let mut times = Vec::new();
    for round in 0..rounds {
        for n in 0..3 {
            rig.settled().await?;
            let since = Instant::now();
            rig.cluster.terminate(n).await?;
            times.push(since.elapsed());
            rig.cluster.agree_at_rest(REST, SETTLED).await?;
            rig.cluster.launch(n)?;
        }
        eprintln!("{} of {rounds} rounds", round + 1);
    }
    let mut report = Report::new("gap-rolling");
    report.set("rounds", rounds);
    report.times("told_to_stop_until_gone", &times);
    close(rig, folder, report, Bearable::default(), options.json).await
}

impl Figures {
    fn note(&mut self, before: &Placed, after: &Placed, expected: impl Fn(&String, &str) -> bool) {
        let moved = after.agreement.moved_since(&before.agreement);
        self.moved += moved.len();
        let unexpected = moved.iter().filter(|(target, owner)| !expected(target, owner));
        let (for_pins, elsewhere): (Vec<_>, Vec<_>) = unexpected
            .partition(|(target, _)| before.pinned.contains(*target) || after.pinned.contains(*target));
        self.for_pins += for_pins.len();
        self.elsewhere += elsewhere.len();
    }

    /// The load of the busiest member, as a multiple of the mean, once it was evened out.
    async fn note_load(&mut self, rig: &Rig) -> Result<()> {
        rig.settled().await?;
        let grpc = rig.cluster.seat(0).ports().grpc;
        let said = client(grpc, &["cluster", "rebalance"])?;
        ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        rig.settled().await?;
        let mut loads: BTreeMap<String, f64> = BTreeMap::new();
        for target in ask::targets(rig.cluster.seat(0).ports().grpc).await? {
            *loads.entry(target.owner).or_default() += target.weight;
        }
        let total: f64 = loads.values().sum();
        let most = loads.values().copied().fold(0.0, f64::max);
        #[expect(clippy::cast_precision_loss, reason = "a few nodes")]
        let mean = total / rig.cluster.awake().len() as f64;
        if mean > 0.0 {
            self.worst_load = self.worst_load.max(most / mean);
        }
        Ok(())
    }
}

async fn placed(rig: &Rig, agreement: Agreement) -> Result<Placed> {
    let targets = ask::targets(rig.cluster.seat(0).ports().grpc).await?;
    let pinned = targets.into_iter().filter(|target| target.pin() == Pin::ByLoad);
    Ok(Placed {
        agreement,
        pinned: pinned.map(|target| endpoint(&target).to_owned()).collect(),
    })
}

/// Waits until the group knows what each target costs: before that there is no load to even out.
async fn weighed(rig: &Rig) -> Result<()> {
    let grpc = rig.cluster.seat(0).ports().grpc;
    wait::until("a weight of every target", WEIGHED, async || {
        let targets = ask::targets(grpc).await.map_err(|e| e.to_string())?;
        let unknown = targets.iter().filter(|target| target.weight <= 0.0).count();
        wait::when(unknown == 0, || format!("{unknown} have none"))
    })
    .await
}
