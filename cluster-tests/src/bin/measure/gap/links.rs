//! Links between nodes that are cut, flap, or lose and delay.

use std::time::Duration;

use anyhow::Result;
use ringwatch_cluster_tests::chaos::rest::REST;
use ringwatch_cluster_tests::chaos::run::CONVERGED;
use ringwatch_cluster_tests::chaos::{Rig, Side, Wanted, Weather};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{
    Bearable, Moves, NAMES, Options, Report, busiest_second, close, handoffs, outcome, start, wanted,
};

/// How long the rates of calm are looked at first.
const CALM: Duration = Duration::from_secs(20);

/// Within this time after a cut all nodes agree.
const AGREED: Duration = Duration::from_secs(10);

/// What is read of a target in a second may grow by this factor while it changes hands: a tick that is late is read beside
/// the next one.
const RATE: f64 = 2.0;

/// A target is handed over no more often within this time, whoever comes and goes (`node/cluster/src/node/moves.rs`).
const CAP: f64 = 4.0;
const WITHIN: Duration = Duration::from_secs(300);

/// A rig in networks of its own, after a time of calm, and what is told of it.
pub(super) struct Stage {
    pub(super) rig: Rig,
    folder: TempDir,
    pub(super) report: Report,
    moves: Moves,
    calm_rate: usize,
}

impl Stage {
    pub(super) async fn set(
        name: &'static str,
        nodes: usize,
        relays: Option<u64>,
        witness: usize,
    ) -> Result<Self> {
        let wanted = Wanted {
            apart: true,
            relays,
            log: true,
            ..wanted(nodes)
        };
        let (mut rig, folder) = start(&wanted).await?;
        rig.load(50).await?;
        sleep(CALM).await;
        let mut report = Report::new(name);
        let log = folder.path().join("postgres.log");
        let calm_rate = busiest_second(&rig, &log)?;
        report.set("readings_of_a_target_in_its_busiest_second_in_calm", calm_rate);
        let moves = Moves::watch(rig.cluster.seat(witness).ports().grpc);
        Ok(Self {
            rig,
            folder,
            report,
            moves,
            calm_rate,
        })
    }

    /// After the links are healed.
    pub(super) async fn end(mut self, options: Options, bearable: Bearable) -> Result<()> {
        let since = Instant::now();
        // Targets that have moved often lately stay where they are.
        self.rig.cluster.agree_at_rest(REST, CONVERGED).await?;
        let agreed = since.elapsed();
        self.report.times("healed_until_agreed", &[agreed]);
        self.report
            .expect("the nodes agree within 10 s", agreed <= AGREED);
        self.rig.settled().await?;
        let log = self.folder.path().join("postgres.log");
        let busiest = busiest_second(&self.rig, &log)?;
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        let most = self.calm_rate as f64 * RATE;
        self.report
            .set_at_most("readings_of_a_target_in_its_busiest_second", busiest, most);
        let handoffs = handoffs::most_within(&handoffs::logged(self.folder.path())?, WITHIN);
        self.report
            .set_at_most("most_handoffs_of_a_target_in_5_min", handoffs, CAP);
        self.report.set("moves", self.moves.total());
        self.report.set("most_moves_of_a_target", self.moves.most());
        self.report.set("thought_dead", self.moves.deaths());
        self.report
            .set("covered_ticks", outcome(&self.rig, "covered").await?);
        drop(self.moves);
        close(self.rig, self.folder, self.report, bearable, options.json).await
    }
}

/// What a cut costs, for each target that is read on both sides of it.
fn of_cuts(cuts: usize) -> Bearable {
    // Two intervals of ten seconds, fifty calls a second.
    let calls = cuts * NAMES * 2 * 10 * 50;
    Bearable {
        requests: cuts * 2,
        calls: i64::try_from(calls).unwrap_or(i64::MAX),
    }
}

/// Five nodes, two and three of which do not hear each other for a minute.
pub(crate) async fn partition(options: Options) -> Result<()> {
    let mut stage = Stage::set("gap-partition", 5, None, 2).await?;
    let rounds = options.rounds.unwrap_or(1);
    stage.report.set("rounds", rounds);
    for round in 0..rounds {
        let cuts = stage.rig.network()?.divide(&[0, 1], &[2, 3, 4])?;
        eprintln!("{} of {rounds}: 2|3 for a minute", round + 1);
        sleep(Duration::from_secs(60)).await;
        drop(cuts);
        if round + 1 < rounds {
            stage.rig.settled().await?;
        }
    }
    stage.end(options, of_cuts(rounds)).await
}

/// One node does not hear another one; then it hears only one of them.
pub(crate) async fn one_way(options: Options) -> Result<()> {
    let stage = Stage::set("gap-one-way", 3, None, 1).await?;
    let network = stage.rig.network()?;
    eprintln!("node-0 is not heard by node-1 for half a minute");
    let cut = network.cut(Side::Node(0), Side::Node(1))?;
    sleep(Duration::from_secs(30)).await;
    drop(cut);
    stage.rig.settled().await?;
    eprintln!("node-0 is heard by nobody for half a minute");
    let heard_by = |other| network.cut(Side::Node(0), Side::Node(other));
    let cuts = (heard_by(1)?, heard_by(2)?);
    sleep(Duration::from_secs(30)).await;
    drop(cuts);
    stage.rig.settled().await?;
    eprintln!("node-0 and node-2 do not hear each other for half a minute");
    let cuts = network.divide(&[0], &[2])?;
    sleep(Duration::from_secs(30)).await;
    drop(cuts);
    stage.end(options, of_cuts(3)).await
}

/// A node is cut off for five seconds, heard for five, again and again.
pub(crate) async fn flapping(options: Options) -> Result<()> {
    let mut stage = Stage::set("gap-flapping", 3, None, 1).await?;
    let (begun, time) = (Instant::now(), options.minutes(5));
    let mut flaps = 0;
    while begun.elapsed() < time {
        let cuts = stage.rig.network()?.divide(&[0], &[1, 2])?;
        sleep(Duration::from_secs(5)).await;
        drop(cuts);
        sleep(Duration::from_secs(5)).await;
        flaps += 1;
        eprintln!("{flaps} flaps, {} moves", stage.moves.total());
    }
    stage.report.set("flaps", flaps);
    stage.end(options, of_cuts(flaps)).await
}

/// A tenth of all datagrams is lost, the rest is up to 200 ms late.
pub(crate) async fn loss(options: Options) -> Result<()> {
    let mut stage = Stage::set("gap-loss", 3, Some(options.seed), 0).await?;
    let (begun, time) = (Instant::now(), options.minutes(10));
    stage.report.set("seed", options.seed);
    stage.rig.weather(Weather::STORM);
    while begun.elapsed() < time {
        sleep(Duration::from_secs(20).min(time)).await;
        eprintln!(
            "{} of {} s, {} deaths, {} moves",
            begun.elapsed().as_secs(),
            time.as_secs(),
            stage.moves.deaths(),
            stage.moves.total()
        );
    }
    stage.rig.weather(Weather::CLEAR);
    stage.end(options, Bearable::default()).await
}
