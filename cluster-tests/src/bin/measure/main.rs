//! `ringwatch-measure`: the figures that a release note quotes, measured on real servers.
//!
//! Build with `--release`; a figure of a debug build says nothing. Nothing here asserts: it prints.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints its figures")]

mod calm;
mod deltas;
mod detect;
mod figures;
mod flood;
mod freeze;
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

use anyhow::Result;
use clap::{Parser, ValueEnum};

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
    /// How often what happens in rounds is made to happen; by default 20 times, frozen nodes 5 times
    #[arg(long)]
    rounds: Option<usize>,
    /// Where the series of the calm database are written, as CSV
    #[arg(long)]
    csv: Option<std::path::PathBuf>,
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
    /// Owners frozen for five seconds: what they ask when they wake
    Freeze,
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
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let wanted = if args.what.is_empty() {
        What::value_variants().to_vec()
    } else {
        args.what
    };
    let time = Duration::from_secs(args.seconds);
    for what in wanted {
        match what {
            What::Calm => calm::measure(time, args.csv.as_deref()).await?,
            What::RaftWrites => raft::writes::measure(time).await?,
            What::RaftLeader => raft::leader::measure(args.rounds.unwrap_or(50)).await?,
            What::RaftAway => raft::away::measure(time).await?,
            What::RaftDisk => raft::disk::measure(args.rounds.unwrap_or(20)).await?,
            What::RaftPower => raft::power::measure(args.rounds.unwrap_or(40)).await?,
            What::RaftSize => raft::size::measure().await?,
            What::RaftStart => raft::start::measure(args.rounds.unwrap_or(20)).await?,
            What::Start => start::measure().await?,
            What::Idle => scale::idle(time).await?,
            What::Hundred => scale::hundred(time).await?,
            What::Hanging => scale::hanging(time).await?,
            What::Cost => server_cost::measure(time).await?,
            What::Deltas => deltas::measure(time).await?,
            What::Kill => kill::measure(args.rounds.unwrap_or(20)).await?,
            What::Detect => detect::measure(args.rounds.unwrap_or(20), time).await?,
            What::Move => moves::measure().await?,
            What::Freeze => freeze::measure(args.rounds.unwrap_or(5)).await?,
            What::Flood => flood::measure(time).await?,
            What::Idle3 => idle::measure(time, args.rounds.unwrap_or(20)).await?,
        }
    }
    Ok(())
}
