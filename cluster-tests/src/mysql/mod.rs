//! A real MySQL or MariaDB as a child process, on a free port, in a folder of its own.

mod programs;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _};
use tempfile::TempDir;

pub use self::programs::Flavour;
use crate::postgres::{MONITOR, MONITOR_PASSWORD};
use crate::process::Process;
use crate::{ports, wait};

/// A running or stopped server. Dropping it ends it and removes its folder.
#[derive(Debug)]
pub struct Server {
    // Dropped before the folder.
    process: Option<Process>,
    flavour: Flavour,
    log: PathBuf,
    general: PathBuf,
    options: Vec<String>,
    port: u16,
    folder: TempDir,
}

impl Server {
    /// Makes a server and waits until it answers. `log` is the file of its own words. The account `monitor` has
    /// `PROCESS`, `REPLICATION CLIENT` and `SELECT` on `performance_schema`.
    ///
    /// # Errors
    /// It cannot be made or does not answer in time.
    pub async fn start(flavour: Flavour, log: &Path) -> Result<Self> {
        Self::start_with(flavour, log, &[]).await
    }

    /// The same with further options, such as `--performance-schema=OFF`.
    ///
    /// # Errors
    /// It cannot be made or does not answer in time.
    pub async fn start_with(flavour: Flavour, log: &Path, options: &[&str]) -> Result<Self> {
        let folder = programs::own_folder()?;
        programs::initialise(flavour, &folder).await?;
        let mut server = Self {
            process: None,
            flavour,
            log: log.to_owned(),
            general: folder.path().join("general.log"),
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            port: ports::free_port()?,
            folder,
        };
        server.resume_service().await?;
        server.make_account().await?;
        Ok(server)
    }

    /// Starts the server again on its old port, and waits until it answers.
    ///
    /// # Errors
    /// It runs already, cannot be started, or does not answer in time.
    pub async fn resume_service(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "the server runs already");
        let mut command = programs::server(self.flavour, &self.folder)?;
        command
            .arg(format!("--port={}", self.port))
            .arg("--general-log=ON")
            .arg(format!("--general-log-file={}", self.general.display()))
            .args(&self.options);
        let name = self.flavour.name();
        self.process = Some(Process::spawn(name, &mut command, &self.log, Signal::TERM)?);
        wait::until("the server to answer", Duration::from_secs(60), async || {
            if let Some(Ok(Some(status))) = self.process.as_mut().map(Process::exited) {
                return Err(format!("it ended: {status}; see {}", self.log.display()));
            }
            self.connect().await.map(drop).map_err(|e| format!("{e:#}"))
        })
        .await
    }

    /// Ends the server; `resume_service` starts it again.
    pub fn stop_service(&mut self) {
        self.process = None;
    }

    /// Freezes the server: it takes connections and answers nothing.
    ///
    /// # Errors
    /// It does not run.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// It does not run.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        self.process
            .as_ref()
            .context("the server does not run")?
            .signal(signal)
    }

    /// The port on 127.0.0.1; the same over restarts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The endpoint as a configuration has it.
    pub fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Every statement that the server was sent.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn statements(&self) -> Result<String> {
        let bytes =
            std::fs::read(&self.general).with_context(|| format!("read {}", self.general.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A session of `root`.
    ///
    /// # Errors
    /// The server does not let it in.
    pub async fn connect(&self) -> Result<MySqlConnection> {
        let options = MySqlConnectOptions::new()
            .host("127.0.0.1")
            .port(self.port)
            .username("root")
            .ssl_mode(match self.flavour {
                Flavour::MySql => MySqlSslMode::Required,
                Flavour::MariaDb => MySqlSslMode::Disabled,
            })
            .disable_statement_logging();
        options
            .connect()
            .await
            .with_context(|| format!("connect to port {}", self.port))
    }

    /// Runs statements, separated by semicolons, in a session of their own.
    ///
    /// # Errors
    /// The server refuses one.
    pub async fn execute(&self, sql: &str) -> Result<()> {
        let mut session = self.connect().await?;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut session)
            .await
            .with_context(|| sql.to_owned())?;
        Ok(())
    }

    async fn make_account(&self) -> Result<()> {
        let sql = format!(
            "create user '{MONITOR}'@'%' identified by '{MONITOR_PASSWORD}';
             grant process, replication client on *.* to '{MONITOR}'@'%';
             grant select on performance_schema.* to '{MONITOR}'@'%';"
        );
        self.execute(&sql).await
    }
}
