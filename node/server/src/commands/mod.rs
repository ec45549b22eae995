//! The commands that run no node.

mod breaker;
mod catalogue;
mod check;
mod client;
mod cluster;
mod columns;
mod connect;
mod feedback;
mod generate;
mod input;
mod languages;
mod plan;
mod runtime;
mod sampler;
mod scan;
mod settings;
mod sql;
mod state;
mod text;

use std::io::{self, Write as _};

use clap::CommandFactory as _;

pub(crate) use breaker::{breaker, breaker_json, breakers_json};
pub(crate) use catalogue::catalogue;
pub(crate) use client::Unreachable;
pub(crate) use cluster::cluster;
pub(crate) use feedback::feedback;
pub(crate) use plan::plan;
pub(crate) use runtime::{flags, limits, targets};
pub(crate) use sampler::sampler;
pub(crate) use scan::scan;
pub(crate) use settings::{config, load_noted, validate};
pub(crate) use sql::sql;
pub(crate) use state::state;

use crate::cli::Cli;

/// `ringwatch completions SHELL`.
pub(crate) fn completions(shell: clap_complete::Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ringwatch", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Writes to standard output. A reader that has closed the pipe, such as `head`, has seen enough.
fn print(text: &str) -> anyhow::Result<()> {
    say(text).map(drop)
}

/// Writes to standard output, and says whether anybody still reads it.
fn say(text: &str) -> anyhow::Result<bool> {
    match io::stdout()
        .write_all(text.as_bytes())
        .and_then(|()| io::stdout().flush())
    {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(anyhow::Error::new(error).context("standard output cannot be written")),
    }
}
