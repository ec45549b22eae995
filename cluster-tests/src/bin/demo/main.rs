//! `ringwatch-demo`: a throw-away PostgreSQL under load, three nodes that watch it, a receiver that keeps the books, and
//! a live view of all of it. `deploy/demo.sh` builds and starts it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its view is its output")]

mod events;
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

use events::Event;
use stage::Stage;

/// Without `--seconds`, the time over which the events are spread.
const A_WHILE: Duration = Duration::from_secs(40);

/// Shows three nodes at work on a throw-away database under load.
#[derive(Debug, Parser)]
#[command(name = "ringwatch-demo")]
struct Args {
    /// End after so many seconds with a verdict; without it, until Ctrl-C
    #[arg(long)]
    seconds: Option<u64>,
    /// Kill the node with most targets on the way (kill -9), and show the take-over
    #[arg(long)]
    kill: bool,
    /// Start a fourth node on the way, and show which targets move to it
    #[arg(long)]
    join: bool,
    /// Under how many names the server is watched, each of which is a target
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u8).range(1..=50))]
    targets: u8,
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
    let mut stage = Stage::set(args.targets.into()).await?;
    let mut view = view::View::new(std::io::stdout().is_terminal());
    let begun = Instant::now();
    let time = args.seconds.map(Duration::from_secs);
    let mut events = Event::spread(args.kill, args.join, begun, time.unwrap_or(A_WHILE));
    let end = time.map(|time| begun + time);
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        let next = events.front().map(|(at, _)| *at);
        tokio::select! {
            _ = second.tick() => view.draw(&stage).await?,
            () = sleep_until(next.unwrap_or(begun)), if next.is_some() => {
                if let Some((_, event)) = events.pop_front() {
                    let told = event.happen(&mut stage).await?;
                    view.tell(told);
                }
            }
            () = sleep_until(end.unwrap_or(begun)), if end.is_some() => break,
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
