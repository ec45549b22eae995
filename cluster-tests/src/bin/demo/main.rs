//! `ringwatch-demo`: a throw-away PostgreSQL under load, a node that watches it, a receiver that keeps the books, and
//! a live view of all three. `deploy/demo.sh` builds and starts it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its view is its output")]

mod stage;
mod verdict;
mod view;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use stage::Stage;

/// Shows a node at work on a throw-away database under load.
#[derive(Debug, Parser)]
#[command(name = "ringwatch-demo")]
struct Args {
    /// End after so many seconds with a verdict; without it, until Ctrl-C
    #[arg(long)]
    seconds: Option<u64>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match play(&Args::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("ringwatch-demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Plays the demo. Whatever ends it, the stage is dropped, and with it every process and folder. Listening comes
/// first: a signal that comes while the stage is set must not end the program before it has taken it down.
async fn play(args: &Args) -> Result<bool> {
    let mut signals = Signals::listen()?;
    let mut show = std::pin::pin!(show(args));
    tokio::select! {
        verdict = &mut show => verdict,
        name = signals.next() => {
            println!("\n{name}: everything is being taken down");
            Ok(true)
        }
    }
}

async fn show(args: &Args) -> Result<bool> {
    let mut stage = Stage::set().await?;
    let mut view = view::View::new(std::io::stdout().is_terminal());
    let end = args
        .seconds
        .map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = second.tick() => view.draw(&mut stage).await?,
            () = sleep_until(end.unwrap_or_else(Instant::now)), if end.is_some() => break,
        }
    }
    verdict::speak(stage).await
}

/// The signals that end the demo. Once they are listened to, none of them ends the program by itself.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// What came, in words.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "interrupted",
            _ = self.terminate.recv() => "terminated",
            _ = self.hang_up.recv() => "hung up",
        }
    }
}
