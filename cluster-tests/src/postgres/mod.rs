//! A real PostgreSQL as a child process, on a free port, in a folder of its own.

pub mod binaries;
mod data;
pub mod pooler;
pub mod questions;
pub mod sql;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::process::Process;
use crate::{ports, wait};
pub use binaries::Binaries;

/// The superuser. Tests use it for what the monitoring role must not do.
pub const SUPERUSER: &str = "postgres";
/// The superuser's password.
pub const SUPERUSER_PASSWORD: &str = "root-of-all-tests";
/// The monitoring role, which has `pg_monitor` and nothing more.
pub const MONITOR: &str = "monitor";
/// The monitoring role's password.
pub const MONITOR_PASSWORD: &str = "watches-quietly";

/// What a server is to be like.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The major version; absent: the system's server.
    pub major: Option<u32>,
    /// Whether sessions may come from other machines: from private addresses.
    pub from_afar: bool,
    /// Whether the library of `pg_stat_statements` is loaded and the extension made in `postgres`.
    pub statements: bool,
    /// Whether the role `monitor` gets `pg_monitor`.
    pub grant: bool,
    /// Further settings, as `name=value`.
    pub settings: Vec<String>,
    /// Whether the data folder is copied from a template that is kept between runs.
    pub from_template: bool,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            major: None,
            from_afar: false,
            statements: true,
            grant: true,
            settings: Vec::new(),
            from_template: true,
        }
    }
}

impl Wish {
    /// A server of this major version.
    pub fn of_major(major: u32) -> Self {
        Self {
            major: Some(major),
            ..Self::default()
        }
    }

    /// The same server under so many names: it listens on 127.0.0.1, 127.0.0.2 and so on, and each is a target of its
    /// own. PostgreSQL takes at most 64.
    #[must_use]
    pub fn with_names(self, count: usize) -> Self {
        let addresses: Vec<String> = (1..=count).map(name).collect();
        self.with(&format!("listen_addresses={}", addresses.join(",")))
            .with("max_connections=400")
    }

    /// The same on addresses that other machines reach, beside 127.0.0.1.
    #[must_use]
    pub fn with_addresses(mut self, addresses: &[String]) -> Self {
        self.from_afar = true;
        self.with(&format!("listen_addresses=127.0.0.1,{}", addresses.join(",")))
            .with("max_connections=400")
    }

    /// The same with one more setting.
    #[must_use]
    pub fn with(mut self, setting: &str) -> Self {
        self.settings.push(setting.into());
        self
    }
}

/// A running, paused or stopped server. Dropping it ends it and removes its folder.
#[derive(Debug)]
pub struct Server {
    // Dropped before the folder.
    process: Option<Process>,
    binaries: Binaries,
    settings: Vec<String>,
    log: PathBuf,
    port: u16,
    folder: TempDir,
}

impl Server {
    /// Makes a server and waits until it answers. `log` is the file of its log, with every statement it is sent.
    ///
    /// # Errors
    /// It cannot be made or does not answer in time.
    pub async fn start(wish: &Wish, log: &Path) -> Result<Self> {
        let binaries = match wish.major {
            Some(major) => Binaries::of_major(major)?,
            None => Binaries::of_system()?,
        };
        let folder = data::fresh(&binaries, wish.from_template).await?;
        if wish.from_afar {
            data::let_in(&folder, "10.0.0.0/8")?;
        }
        let mut server = Self::over(binaries, folder, wish, log)?;
        server.resume_service().await?;
        server.make_roles(wish).await?;
        Ok(server)
    }

    /// Makes a standby of this server by `pg_basebackup`, and waits until it streams.
    ///
    /// # Errors
    /// The copy fails, or it does not stream in time.
    pub async fn standby(&self, wish: &Wish, log: &Path) -> Result<Self> {
        let folder = data::copy_of_running(self.port).await?;
        let mut standby = Self::over(self.binaries.clone(), folder, wish, log)?;
        standby.resume_service().await?;
        wait::until("a streaming standby", Duration::from_secs(20), async || {
            let streaming = "select count(*) from pg_stat_replication where state = 'streaming'";
            match self.number("postgres", streaming).await {
                Ok(n) => wait::when(n > 0, || "none streams".into()),
                Err(e) => Err(e.to_string()),
            }
        })
        .await?;
        Ok(standby)
    }

    fn over(binaries: Binaries, folder: TempDir, wish: &Wish, log: &Path) -> Result<Self> {
        let mut settings: Vec<String> = BASE_SETTINGS.iter().map(|s| (*s).to_owned()).collect();
        if wish.statements {
            settings.push("shared_preload_libraries=pg_stat_statements".into());
        }
        settings.extend(wish.settings.iter().cloned());
        let port = ports::free_port()?;
        Ok(Self {
            process: None,
            binaries,
            settings,
            log: log.to_owned(),
            port,
            folder,
        })
    }

    /// The major version.
    pub fn major(&self) -> u32 {
        self.binaries.major
    }

    /// The port on 127.0.0.1; the same over restarts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The endpoint as a configuration has it.
    pub fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The endpoints of a server that was wished for with `count` names.
    pub fn endpoints(&self, count: usize) -> Vec<String> {
        (1..=count)
            .map(|n| format!("{}:{}", name(n), self.port))
            .collect()
    }

    /// The server's log, in which every statement is written.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn log_text(&self) -> Result<String> {
        let bytes = std::fs::read(&self.log).with_context(|| format!("read {}", self.log.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Starts the server again on its old port, and waits until it answers.
    ///
    /// # Errors
    /// It runs already, cannot be started, or does not answer in time.
    pub async fn resume_service(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "the server runs already");
        let mut command = Command::new(self.binaries.program("postgres"));
        data::as_server_user(&mut command)?;
        command
            .env_clear()
            .env("LANG", "C")
            .env("TZ", "UTC")
            .arg("-D")
            .arg(data::pgdata(&self.folder));
        let own = [format!("port={}", self.port)];
        for setting in own.iter().chain(&self.settings) {
            command.arg("-c").arg(setting);
        }
        // SIGQUIT is PostgreSQL's immediate shutdown: it ends its children itself.
        self.process = Some(Process::spawn("postgres", &mut command, &self.log, Signal::QUIT)?);
        wait::until("PostgreSQL to answer", Duration::from_secs(30), async || {
            if let Some(Ok(Some(status))) = self.process.as_mut().map(Process::exited) {
                return Err(format!("it ended: {status}; see {}", self.log.display()));
            }
            self.connect("postgres")
                .await
                .map(drop)
                .map_err(|e| e.to_string())
        })
        .await
    }

    /// Stops the server in order: sessions are ended, data is written.
    ///
    /// # Errors
    /// It does not run, or does not end in time.
    pub async fn stop(&mut self) -> Result<()> {
        self.end(Signal::INT).await
    }

    /// Kills the server: all of its processes end at once, as in a crash.
    ///
    /// # Errors
    /// It does not run, or does not end in time.
    pub async fn crash(&mut self) -> Result<()> {
        self.end(Signal::QUIT).await
    }

    async fn end(&mut self, signal: Signal) -> Result<()> {
        let mut process = self.process.take().context("the server does not run")?;
        process.end(signal, Duration::from_secs(20)).await.map(drop)
    }

    /// Freezes the server with all its sessions, as a machine that hangs.
    ///
    /// # Errors
    /// It does not run.
    pub fn pause(&self) -> Result<()> {
        self.signal_all(Signal::STOP)
    }

    /// Lets a frozen server go on.
    ///
    /// # Errors
    /// It does not run.
    pub fn unpause(&self) -> Result<()> {
        self.signal_all(Signal::CONT)
    }

    fn signal_all(&self, signal: Signal) -> Result<()> {
        let process = self.process.as_ref().context("the server does not run")?;
        process.signal(signal)?;
        for child in children_of(process.id())? {
            // A session may end between the look and the signal.
            let _ = kill_process(child, signal);
        }
        Ok(())
    }
}

fn name(n: usize) -> String {
    format!("127.0.0.{n}")
}

/// Fast, quiet, and telling what it is asked.
const BASE_SETTINGS: [&str; 20] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "shared_buffers=32MB",
    "max_connections=60",
    "autovacuum=off",
    "jit=off",
    "compute_query_id=on",
    "track_functions=all",
    "track_io_timing=on",
    "log_statement=all",
    "log_connections=on",
    "log_line_prefix=%m [%p] app=%a user=%u db=%d ",
    "logging_collector=off",
    "log_destination=stderr",
    "timezone=UTC",
    "log_timezone=UTC",
    "wal_level=replica",
];

fn children_of(parent: u32) -> Result<Vec<Pid>> {
    let wanted = parent.to_string();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<i32>().ok()) else {
            continue;
        };
        // A process may end while we look.
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let ppid = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(1));
        if ppid == Some(wanted.as_str()) {
            found.extend(Pid::from_raw(pid));
        }
    }
    Ok(found)
}
