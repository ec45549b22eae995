//! Load on a database, by `pgbench`.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use rustix::process::Signal;

use crate::postgres::binaries::client;
use crate::postgres::{SUPERUSER, SUPERUSER_PASSWORD, Server};
use crate::process::{self, Process};

/// What load to make.
#[derive(Clone, Debug)]
pub struct Load {
    /// The database; it must hold pgbench's tables.
    pub database: String,
    /// Sessions.
    pub clients: u32,
    /// Transactions per second, all sessions together. `None`: as fast as it goes.
    pub rate: Option<u32>,
    /// How long, in seconds.
    pub seconds: u32,
    /// Script files with their weights. Empty: pgbench's own mix.
    pub scripts: Vec<String>,
}

/// Makes pgbench's tables at scale 1 (100 000 accounts).
///
/// # Errors
/// pgbench is not there, or the server refuses it.
pub async fn initialise(server: &Server, database: &str) -> Result<()> {
    let mut command = command(server)?;
    command.args(["-i", "-q", "-s", "1", database]);
    process::run("pgbench -i", &mut command).await
}

/// Starts a load. It ends by itself after its time, or when dropped.
///
/// # Errors
/// pgbench is not there.
pub fn start(server: &Server, load: &Load, log: &Path) -> Result<Process> {
    let mut command = command(server)?;
    command.args([
        "-n",
        "-j",
        "1",
        "-c",
        &load.clients.to_string(),
        "-T",
        &load.seconds.to_string(),
    ]);
    if let Some(rate) = load.rate {
        command.args(["-R", &rate.to_string()]);
    }
    for script in &load.scripts {
        command.args(["-f", script]);
    }
    command.arg(&load.database);
    Process::spawn("pgbench", &mut command, log, Signal::TERM)
}

fn command(server: &Server) -> Result<Command> {
    let mut command = Command::new(client("pgbench")?);
    command
        .env("PGPASSWORD", SUPERUSER_PASSWORD)
        .env("PGAPPNAME", "pgbench")
        .args(["-h", "127.0.0.1", "-U", SUPERUSER])
        .args(["-p", &server.port().to_string()]);
    Ok(command)
}
