//! A real node as a child process, with a configuration, ports and a log of its own.

mod config;
mod last_books;
mod metrics;
mod place;
mod programs;

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::Process;
use crate::{http, ports, wait};
pub use config::{Every, NodeConfig};
pub use last_books::LastBooks;
pub use metrics::Metrics;
pub use place::Place;
pub use programs::{binary, program, target_dir};

/// A node that is told to stop has gone after this time.
pub const DRAIN: Duration = Duration::from_secs(30);

/// Where a node listens, on the address of its [`Place`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// gRPC.
    pub grpc: u16,
    /// Health.
    pub health: u16,
    /// The node's own metrics.
    pub metrics: u16,
    /// The Prometheus exporter, where there is one.
    pub prometheus: u16,
    /// Gossip, where there is any.
    pub gossip: u16,
}

impl Ports {
    /// Five free ports.
    ///
    /// # Errors
    /// There are not as many.
    pub fn free() -> Result<Self> {
        Ok(Self {
            grpc: ports::free_port()?,
            health: ports::free_port()?,
            metrics: ports::free_port()?,
            prometheus: ports::free_port()?,
            gossip: ports::free_port()?,
        })
    }
}

/// A running node. Dropping it kills it.
#[derive(Debug)]
pub struct Node {
    // Dropped before the folder.
    process: Process,
    ports: Ports,
    log: PathBuf,
    _folder: TempDir,
}

impl Node {
    /// Starts a node and waits until it is ready. `log` is the file of its output.
    ///
    /// # Errors
    /// The program is not there, the configuration is bad, or it is not ready in time.
    pub async fn start(name: &str, config: &NodeConfig, log: &Path) -> Result<Self> {
        let mut node = Self::launch(name, config, log)?;
        node.ready(Duration::from_secs(20)).await?;
        Ok(node)
    }

    /// Starts a node without waiting.
    ///
    /// # Errors
    /// The program is not there.
    pub fn launch(name: &str, config: &NodeConfig, log: &Path) -> Result<Self> {
        Self::launch_at(name, config, Ports::free()?, &Place::HERE, log)
    }

    /// Starts a node at these ports of a place without waiting.
    ///
    /// # Errors
    /// The program is not there.
    pub fn launch_at(
        name: &str,
        config: &NodeConfig,
        ports: Ports,
        place: &Place,
        log: &Path,
    ) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("ringwatch-node-").tempdir()?;
        let file = folder.path().join("ringwatch.yaml");
        std::fs::write(&file, config.text(&ports, place)?)?;
        let mut command = place.command(&binary()?);
        command.arg("run").arg("--config").arg(&file);
        let process = Process::spawn(name, &mut command, log, Signal::KILL)?;
        Ok(Self {
            process,
            ports,
            log: log.to_owned(),
            _folder: folder,
        })
    }

    /// Waits until the node says that it is ready.
    ///
    /// # Errors
    /// It ended, or is not ready after `limit`.
    pub async fn ready(&mut self, limit: Duration) -> Result<()> {
        let port = self.ports.health;
        wait::until("a ready node", limit, async || {
            if let Ok(Some(status)) = self.process.exited() {
                return Err(format!("it ended: {status}; see {}", self.log.display()));
            }
            match http::get(port, "/health/ready").await {
                Ok(answer) if answer.status == 200 => Ok(()),
                Ok(answer) => Err(format!("{}: {}", answer.status, answer.body)),
                Err(e) => Err(format!("{e:#}")),
            }
        })
        .await
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The process, to wait for it.
    pub fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Where it listens.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// All that it has written.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn log_text(&self) -> Result<String> {
        std::fs::read_to_string(&self.log).with_context(|| format!("read {}", self.log.display()))
    }

    /// Waits until a line of its log holds all of `words`, and gives that line.
    ///
    /// # Errors
    /// There is none after `limit`.
    pub async fn log_line(&self, words: &[&str], limit: Duration) -> Result<String> {
        let what = format!("a line with {words:?} in {}", self.log.display());
        wait::until(&what, limit, async || {
            let text = self.log_text().map_err(|e| e.to_string())?;
            let fits = |line: &&str| {
                words
                    .iter()
                    .all(|w| line.to_lowercase().contains(&w.to_lowercase()))
            };
            match text.lines().find(fits) {
                Some(line) => Ok(line.to_owned()),
                None => Err(format!(
                    "{} lines, the last: {:?}",
                    text.lines().count(),
                    text.lines().last()
                )),
            }
        })
        .await
    }

    /// The node's own metrics at this moment.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn metrics(&self) -> Result<Metrics> {
        let answer = http::get(self.ports.metrics, "/metrics").await?;
        ensure!(answer.status == 200, "/metrics answers {}", answer.status);
        Ok(Metrics::parse(&answer.body))
    }

    /// Waits until the node's own metrics fit.
    ///
    /// # Errors
    /// They do not after `limit`; the message holds what `fits` said last.
    pub async fn until(
        &self,
        what: &str,
        limit: Duration,
        mut fits: impl FnMut(&Metrics) -> Result<(), String>,
    ) -> Result<Metrics> {
        wait::until(what, limit, async || {
            let metrics = self.metrics().await.map_err(|e| format!("{e:#}"))?;
            fits(&metrics).map(|()| metrics)
        })
        .await
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// It has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.process.signal(signal)
    }

    /// Sends a signal and waits for the end.
    ///
    /// # Errors
    /// It has ended already, or still runs after `limit`.
    pub async fn end(&mut self, signal: Signal, limit: Duration) -> Result<ExitStatus> {
        self.process.end(signal, limit).await
    }

    /// Tells the node to stop, waits for its end, and gives its last word: the books as it closed them.
    ///
    /// # Errors
    /// It still runs after the time in which it should have gone, ends with another code than 0, or its last books
    /// are not there or do not balance.
    pub async fn terminate(&mut self) -> Result<LastBooks> {
        let status = self.end(Signal::TERM, DRAIN + Duration::from_secs(2)).await?;
        ensure!(status.success(), "the node ended with {status}");
        LastBooks::read(&self.log_text()?)
    }
}

/// Asks `ringwatch validate` about a configuration.
///
/// # Errors
/// The program cannot be run.
pub fn validate(file: &Path) -> Result<Output> {
    std::process::Command::new(binary()?)
        .arg("validate")
        .arg("--config")
        .arg(file)
        .output()
        .context("run ringwatch validate")
}
