//! `ringwatch-measure`: the figures that a release note quotes, measured on real servers.
//!
//! Build with `--release`; a figure of a debug build says nothing. Nothing here asserts: it prints.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints its figures")]

mod deltas;
mod figures;
mod scale;
mod server_cost;
mod start;

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
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let all = [
        What::Start,
        What::Idle,
        What::Hundred,
        What::Hanging,
        What::Cost,
        What::Deltas,
    ];
    let wanted = if args.what.is_empty() {
        all.to_vec()
    } else {
        args.what
    };
    let time = Duration::from_secs(args.seconds);
    for what in wanted {
        match what {
            What::Start => start::measure().await?,
            What::Idle => scale::idle(time).await?,
            What::Hundred => scale::hundred(time).await?,
            What::Hanging => scale::hanging(time).await?,
            What::Cost => server_cost::measure(time).await?,
            What::Deltas => deltas::measure(time).await?,
        }
    }
    Ok(())
}
