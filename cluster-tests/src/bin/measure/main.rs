//! `ringwatch-measure`: the figures that a release note quotes, measured on real servers.
//!
//! Build with `--release`; a figure of a debug build says nothing. Nothing here asserts: it prints.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints its figures")]

mod calm;
mod deltas;
mod detect;
mod figures;
mod flood;
mod gap;
mod idle;
mod kill;
mod moves;
mod quantiles;
mod raft;
mod scale;
mod server_cost;
mod start;
mod trio;

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use clap::{Parser, ValueEnum};
use ringwatch_cluster_tests::chaos::{Kind, apart};
use tokio::signal::unix::{SignalKind, signal};

/// Measures a node.
#[derive(Debug, Parser)]
#[command(name = "ringwatch-measure")]
struct Args {
    /// What to measure; all by default
    #[arg(value_enum)]
    what: Vec<What>,
    /// How long each steady state is looked at, in seconds
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How often what happens in rounds is made to happen; by default 20 times
    #[arg(long)]
    rounds: Option<usize>,
    /// How long what goes on for minutes goes on; each has a usual time
    #[arg(long)]
    minutes: Option<u64>,
    /// What is left to chance in measurements of gaps and in chaos follows from it; by default another one each time
    #[arg(long)]
    seed: Option<u64>,
    /// How the figures of gaps and chaos are printed
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// Where the series of the calm database are written, as CSV
    #[arg(long)]
    csv: Option<std::path::PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Table,
    /// An object a line
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Start to ready
    Start,
    /// Memory and processor time of a node with one target at the default intervals
    Idle,
    /// A hundred targets, activity each second
    Hundred,
    /// What ten hanging targets do to forty good ones
    Hanging,
    /// What our statements cost at the server, by its own clock
    Cost,
    /// Deltas against pgbench's own counts, under resets and evictions
    Deltas,
    /// Owners killed at random moments: what it costs their targets
    Kill,
    /// How soon a killed node is seen dead, and whether a live one is under load
    Detect,
    /// A fourth node joins with forty targets, then is drained
    Move,
    /// What ten thousand garbage datagrams a second cost
    Flood,
    /// An idle node of three: memory, processor time, start to ready
    Idle3,
    /// What the detector of anomalies says of a calm database; an hour is meant: --seconds 3600
    Calm,
    /// Writes a second that the group takes, beside one fsync
    RaftWrites,
    /// Leaders killed while somebody writes; 50 by default
    RaftLeader,
    /// Two of three voters away
    RaftAway,
    /// Disks wiped, and damaged in five ways; 20 times each by default
    RaftDisk,
    /// Power cuts of the store; 40 by default; needs root
    RaftPower,
    /// A hundred thousand decisions of a sampler: snapshot, memory
    RaftSize,
    /// Start to caught up
    RaftStart,
    /// A hundred owners killed: what is missing, what came twice, how late what was covered came
    GapKill,
    /// Owners frozen for 5, 15 and 60 s, 20 times each
    GapFreeze,
    /// Three nodes, four, five, and back to three, ten rounds
    GapJoin,
    /// Ten rounds of restarts, one node after the other
    GapRolling,
    /// Two nodes and three do not hear each other for a minute; in networks of their own, as the next four
    GapPartition,
    /// One node is not heard by another, then by nobody
    GapOneWay,
    /// A node is cut off every other five seconds, for five minutes
    GapFlapping,
    /// A tenth of all datagrams lost and the rest late, for ten minutes
    GapLoss,
    /// A node reaches the databases now and then, for two minutes: when its targets go, and when they come back
    GapReach,
    /// A machine and its disk lost while the receiver is down for two minutes
    GapMachine,
    /// An hour in which nothing happens
    GapCalm,
    /// Processor time and traffic of standing by
    GapCost,
    /// Faults of all kinds by a plan, ten minutes; fails when a promise is broken
    Chaos,
}

impl What {
    /// Whether it needs networks of its own.
    fn needs_networks(self) -> bool {
        use What::{GapFlapping, GapLoss, GapOneWay, GapPartition, GapReach};
        matches!(self, GapPartition | GapOneWay | GapFlapping | GapLoss | GapReach)
    }

    /// Whether it is one of no gap, or all of them at once.
    fn is_of_gaps(self) -> bool {
        use What::{GapCalm, GapFreeze, GapJoin, GapKill, GapMachine, GapRolling};
        self.likes_networks()
            || matches!(
                self,
                GapKill | GapFreeze | GapJoin | GapRolling | GapMachine | GapCalm
            )
    }

    /// Whether it does more where it has them.
    fn likes_networks(self) -> bool {
        self.needs_networks() || matches!(self, Self::GapCost | Self::Chaos)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let mut wanted = if args.what.is_empty() {
        What::value_variants().to_vec()
    } else {
        args.what.clone()
    };
    if wanted.iter().any(|what| what.likes_networks()) && !apart::inside() {
        match apart::missing() {
            None => return again(),
            Some(why) => {
                let skipped = wanted.extract_if(.., |what| what.needs_networks());
                skipped.for_each(|what| eprintln!("skipped: {what:?}: {why}"));
                if wanted.contains(&What::Chaos) {
                    eprintln!("skipped of chaos: {:?}, {:?}: {why}", Kind::APART, Kind::Storm);
                }
            }
        }
    }
    let options = gap::Options {
        rounds: args.rounds,
        minutes: args.minutes,
        seed: args.seed.unwrap_or_else(|| fastrand::u64(..1_000_000)),
        json: args.output == Output::Json,
    };
    tokio::select! {
        done = all(wanted, &args, options) => done,
        // What was started ends with what is dropped here.
        name = told_to_stop() => bail!("{} ended it", name?),
    }
}

async fn all(wanted: Vec<What>, args: &Args, options: gap::Options) -> Result<()> {
    for what in wanted {
        if what.is_of_gaps() {
            of_gaps(what, options).await?;
        } else {
            measure(what, args).await?;
        }
    }
    Ok(())
}

/// Waits for a signal to stop, and gives its name.
async fn told_to_stop() -> Result<&'static str> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
        _ = hang_up.recv() => "SIGHUP",
    })
}

/// One of no gap.
async fn of_gaps(what: What, options: gap::Options) -> Result<()> {
    match what {
        What::GapKill => gap::kill::measure(options).await,
        What::GapFreeze => gap::freeze::measure(options).await,
        What::GapJoin => gap::joins::join_and_drain(options).await,
        What::GapRolling => gap::joins::rolling(options).await,
        What::GapPartition => gap::links::partition(options).await,
        What::GapOneWay => gap::links::one_way(options).await,
        What::GapFlapping => gap::links::flapping(options).await,
        What::GapLoss => gap::links::loss(options).await,
        What::GapReach => gap::reach::measure(options).await,
        What::GapMachine => gap::machine::measure(options).await,
        What::GapCalm => gap::calm::measure(options).await,
        What::GapCost => gap::cost::measure(options, apart::inside()).await,
        _ => gap::chaos::measure(options, apart::inside()).await,
    }
}

/// Any other one.
async fn measure(what: What, args: &Args) -> Result<()> {
    let time = Duration::from_secs(args.seconds);
    match what {
        What::Calm => calm::measure(time, args.csv.as_deref()).await,
        What::RaftWrites => raft::writes::measure(time).await,
        What::RaftLeader => raft::leader::measure(args.rounds.unwrap_or(50)).await,
        What::RaftAway => raft::away::measure(time).await,
        What::RaftDisk => raft::disk::measure(args.rounds.unwrap_or(20)).await,
        What::RaftPower => raft::power::measure(args.rounds.unwrap_or(40)).await,
        What::RaftSize => raft::size::measure().await,
        What::RaftStart => raft::start::measure(args.rounds.unwrap_or(20)).await,
        What::Start => start::measure().await,
        What::Idle => scale::idle(time).await,
        What::Hundred => scale::hundred(time).await,
        What::Hanging => scale::hanging(time).await,
        What::Cost => server_cost::measure(time).await,
        What::Deltas => deltas::measure(time).await,
        What::Kill => kill::measure(args.rounds.unwrap_or(20)).await,
        What::Detect => detect::measure(args.rounds.unwrap_or(20), time).await,
        What::Move => moves::measure().await,
        What::Flood => flood::measure(time).await,
        What::Idle3 => idle::measure(time, args.rounds.unwrap_or(20)).await,
        _ => Ok(()),
    }
}

/// All of it once more, in a machine apart.
fn again() -> Result<()> {
    let status = apart::again(std::env::args_os().skip(1))?.status()?;
    ensure!(status.success(), "in a machine apart: {status}");
    Ok(())
}
