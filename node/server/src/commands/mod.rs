//! The commands that run no node.

mod catalogue;
mod check;
mod settings;

use std::io::{self, Write as _};

use clap::CommandFactory as _;

pub(crate) use catalogue::catalogue;
pub(crate) use settings::{config, load, validate};

use crate::cli::Cli;

/// `ringwatch completions SHELL`.
pub(crate) fn completions(shell: clap_complete::Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ringwatch", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Writes to standard output. A reader that has closed the pipe, such as `head`, has seen enough.
fn print(text: &str) -> anyhow::Result<()> {
    match io::stdout()
        .write_all(text.as_bytes())
        .and_then(|()| io::stdout().flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
