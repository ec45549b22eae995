//! A pooler between nodes and a server.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;
use tempfile::TempDir;

use super::data::{as_server_user, give_away, own_folder};
use super::{MONITOR, MONITOR_PASSWORD, Server};
use crate::process::Process;
use crate::{ports, wait};

/// The program.
const PROGRAM: &str = "pgbouncer";

/// `PgBouncer`. It ends when it is dropped.
#[derive(Debug)]
pub struct Pooler {
    port: u16,
    _process: Process,
    _folder: TempDir,
}

impl Pooler {
    /// Why there is none here; `None`: there is.
    pub fn missing() -> Option<&'static str> {
        program().is_none().then_some("pgbouncer is not installed")
    }

    /// Starts one before a server, which gives its sessions away by `mode`: `session`, `transaction`, `statement`.
    ///
    /// # Errors
    /// It is not there, or does not start.
    pub async fn start(server: &Server, mode: &str, log: &Path) -> Result<Self> {
        let (folder, port) = (own_folder()?, ports::free_port()?);
        let (users, settings) = (
            folder.path().join("users.txt"),
            folder.path().join("pgbouncer.ini"),
        );
        std::fs::write(&users, format!("\"{MONITOR}\" \"{MONITOR_PASSWORD}\"\n"))?;
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = plain\nauth_file = {}\npool_mode = {mode}\ndefault_pool_size = 20\n\
             ignore_startup_parameters = extra_float_digits,options\n",
            server.port(),
            users.display(),
        );
        std::fs::write(&settings, text)?;
        give_away(&users)?;
        give_away(&settings)?;
        let mut command = Command::new(program().context("pgbouncer is not installed")?);
        as_server_user(&mut command)?;
        command.arg(&settings);
        let process = Process::spawn(PROGRAM, &mut command, log, Signal::INT)?;
        wait::until("PgBouncer to answer", Duration::from_secs(10), async || {
            let there = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
            there.map(drop).map_err(|e| e.to_string())
        })
        .await?;
        Ok(Self {
            port,
            _process: process,
            _folder: folder,
        })
    }

    /// Where nodes find the server through it.
    pub fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// Where distributions put it.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders
        .map(|folder| folder.join(PROGRAM))
        .find(|program| program.is_file())
}
