//! `ringwatch`: the node, and what one does with its configuration.

mod audit;
mod circuits;
mod cli;
mod commands;
mod extensions;
mod grpc;
mod health;
mod own_metrics;
mod remember;
mod run;
mod runtime;
mod telemetry;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};

/// What the default allocator keeps for itself on many threads would not fit into the memory that a node may
/// take.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A heap of two megabytes would hold ten where the kernel rounds up to huge pages. Where it refuses,
    // memory is more.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Run(files) => run::node(&files),
        Command::Validate(files) => commands::validate(&files),
        Command::Config { what } => commands::config(&what),
        Command::Catalogue { what } => commands::catalogue(&what),
        Command::Cluster { what } => commands::cluster(&what),
        Command::Breaker { what } => commands::breaker(&what),
        Command::Feedback { what } => commands::feedback(&what),
        Command::Sampler { what } => commands::sampler(&what),
        Command::Targets { what } => commands::targets(&what),
        Command::Flags { what } => commands::flags(&what),
        Command::Limits { what } => commands::limits(&what),
        Command::State { what } => commands::state(&what),
        Command::Plan(input) => commands::plan(&input),
        Command::Scan(input) => commands::scan(&input),
        Command::Sql(input) => commands::sql(&input),
        Command::Completions { shell } => commands::completions(shell),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Faults of a configuration begin with their place, which editors and scripts look for.
            let text = match error.downcast_ref::<ringwatch_config::Faults>() {
                Some(faults) => faults.to_string(),
                None => format!("ringwatch: {error:#}"),
            };
            // A closed standard error leaves nobody to tell.
            let _ = writeln!(std::io::stderr(), "{text}");
            ExitCode::from(if error.is::<commands::Unreachable>() { 3 } else { 1 })
        }
    }
}
