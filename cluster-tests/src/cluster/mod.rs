//! A cluster of real nodes: started in any order, killed, frozen, joined, and asked what they know.

pub mod agreement;
pub mod ask;
mod command;
mod disk;
pub mod flood;
pub mod group;
pub mod life;
pub mod relay;
mod seat;
mod shape;
pub mod takeover;
pub mod ticks;
pub mod writer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::node::{DRAIN, Metrics, Node};
use crate::wait;
use agreement::Place;
pub use agreement::{Agreement, Words};
pub use command::{client, command};
pub use disk::{Damage, Disk};
pub use seat::{End, Seat};
pub use shape::{Seeds, Shape, new_key};

/// How long a cluster may take until all of its nodes say the same.
pub const AGREE: Duration = Duration::from_secs(25);

/// The cluster: its seats, taken or not. Dropping it kills every node.
#[derive(Debug)]
pub struct Cluster {
    // Dropped before the folder with their key.
    seats: Vec<Seat>,
    shape: Shape,
    logs: PathBuf,
    folder: TempDir,
}

impl Cluster {
    /// A cluster of `count` seats in which nobody sits yet. The nodes' logs go to the folder `logs`.
    ///
    /// # Errors
    /// No port is free, or the key cannot be written.
    pub fn new(shape: Shape, count: usize, logs: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("ringwatch-cluster-").tempdir()?;
        std::fs::write(folder.path().join("gossip.key"), new_key())?;
        let mut cluster = Self {
            seats: Vec::new(),
            shape,
            logs: logs.to_owned(),
            folder,
        };
        for _ in 0..count {
            cluster.add_seat()?;
        }
        // Only now are all addresses known that the seeds may name.
        for n in 0..count {
            cluster.seats[n].config = cluster.config_of(n)?;
        }
        Ok(cluster)
    }

    /// A cluster of `count` nodes that all say the same.
    ///
    /// # Errors
    /// One does not start, or they do not agree in time.
    pub async fn start(shape: Shape, count: usize, logs: &Path) -> Result<Self> {
        let mut cluster = Self::new(shape, count, logs)?;
        for n in 0..count {
            cluster.launch(n)?;
        }
        cluster.agree(AGREE).await?;
        Ok(cluster)
    }

    /// One more seat, which knows the seeds of those before it. Gives its number.
    ///
    /// # Errors
    /// No port is free.
    pub fn add_seat(&mut self) -> Result<usize> {
        let n = self.seats.len();
        let id = format!("node-{n}");
        let log = self.logs.join(format!("{id}.log"));
        let disk = Disk::new(self.folder.path().join(&id));
        self.seats.push(Seat::new(id, (self.shape.place)(n), log, disk)?);
        self.seats[n].config = self.config_of(n)?;
        Ok(n)
    }

    fn config_of(&self, n: usize) -> Result<crate::node::NodeConfig> {
        self.shape.config(&self.seats, n, &self.key_file())
    }

    /// The file with the key that all nodes share.
    pub fn key_file(&self) -> PathBuf {
        self.folder.path().join("gossip.key")
    }

    /// Where logs go.
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// The endpoints that are watched.
    pub fn endpoints(&self) -> &[String] {
        &self.shape.endpoints
    }

    /// All seats.
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// A seat. There is none beyond those that were made.
    pub fn seat(&self, n: usize) -> &Seat {
        &self.seats[n]
    }

    /// The same, to change its configuration before its node starts, or to end its node.
    pub fn seat_mut(&mut self, n: usize) -> &mut Seat {
        &mut self.seats[n]
    }

    /// The number of the seat of the node with this name.
    ///
    /// # Errors
    /// There is none.
    pub fn number_of(&self, id: &str) -> Result<usize> {
        let found = self.seats.iter().position(|seat| seat.id() == id);
        found.with_context(|| format!("no node {id}"))
    }

    /// The node in a seat.
    ///
    /// # Errors
    /// Nobody sits there.
    pub fn node(&self, n: usize) -> Result<&Node> {
        self.seat(n).node()
    }

    /// Starts the node of a seat without waiting.
    ///
    /// # Errors
    /// It runs already, or the program is not there.
    pub fn launch(&mut self, n: usize) -> Result<()> {
        self.seats[n].launch()
    }

    /// Starts one more node and waits until all agree. Gives the number of its seat.
    ///
    /// # Errors
    /// It does not start, or they do not agree in time.
    pub async fn join(&mut self) -> Result<usize> {
        let n = self.add_seat()?;
        self.launch(n)?;
        self.agree(AGREE).await?;
        Ok(n)
    }

    /// The numbers of the seats whose nodes run and are not frozen.
    pub fn awake(&self) -> Vec<usize> {
        (0..self.seats.len()).filter(|n| self.seats[*n].awake()).collect()
    }

    /// Waits until every node that is awake is ready and all say the same; see [`Agreement`].
    ///
    /// # Errors
    /// They do not after `limit`; the message holds what they disagree on.
    pub async fn agree(&self, limit: Duration) -> Result<Agreement> {
        self.agree_on(&self.ready(), limit).await
    }

    /// The nodes that are awake.
    fn ready(&self) -> Vec<String> {
        let awake = self.awake().into_iter();
        awake.map(|n| self.seats[n].id().to_owned()).collect()
    }

    /// The same where only the nodes `ready` are to be in the ring.
    ///
    /// # Errors
    /// They do not after `limit`; the message holds what they disagree on.
    pub async fn agree_on(&self, ready: &[String], limit: Duration) -> Result<Agreement> {
        wait::until("nodes that agree", limit, async || {
            let words = self.words().await.map_err(|e| format!("{e:#}"))?;
            agreement::reached(&words, ready, &self.shape.endpoints, Place::OfTheRing)
        })
        .await
    }

    /// The same where targets may stay where the ring has them not, because they have moved often lately or are pinned: the
    /// owners are the same for `at_rest`, and alive.
    ///
    /// # Errors
    /// They are not after `limit`; the message holds what they disagree on.
    pub async fn agree_at_rest(&self, at_rest: Duration, limit: Duration) -> Result<Agreement> {
        self.agree_at_rest_on(&self.ready(), at_rest, limit).await
    }

    /// The same where only the nodes `ready` are to be in the ring.
    ///
    /// # Errors
    /// They do not after `limit`; the message holds what they disagree on.
    pub async fn agree_at_rest_on(
        &self,
        ready: &[String],
        at_rest: Duration,
        limit: Duration,
    ) -> Result<Agreement> {
        let mut before: Option<(Instant, Agreement)> = None;
        wait::until("nodes at rest that agree", limit, async || {
            let words = self.words().await.map_err(|e| format!("{e:#}"))?;
            let endpoints = &self.shape.endpoints;
            if let Ok(agreed) = agreement::reached(&words, ready, endpoints, Place::OfTheRing) {
                return Ok(agreed);
            }
            let reached = agreement::reached(&words, ready, endpoints, Place::Any);
            let here = reached.inspect_err(|_| before = None)?;
            let since = match &before {
                Some((since, same)) if *same == here => *since,
                _ => before.insert((Instant::now(), here.clone())).0,
            };
            let state = || format!("{here:?} for {:?}", since.elapsed());
            wait::when(since.elapsed() >= at_rest, state)?;
            Ok(here)
        })
        .await
    }

    /// What every node says that is awake.
    ///
    /// # Errors
    /// One does not answer.
    pub async fn words(&self) -> Result<Vec<Words>> {
        let mut words = Vec::new();
        for n in self.awake() {
            words.push(Words::of(self.node(n)?.ports().grpc).await?);
        }
        Ok(words)
    }

    /// The own metrics of every node that is awake.
    ///
    /// # Errors
    /// One does not answer.
    pub async fn metrics(&self) -> Result<Vec<Metrics>> {
        let mut all = Vec::new();
        for n in self.awake() {
            all.push(self.node(n)?.metrics().await?);
        }
        Ok(all)
    }

    /// Tells the node of a seat to leave, and waits until it has.
    ///
    /// # Errors
    /// It does not go in time, or its last books do not balance.
    pub async fn terminate(&mut self, n: usize) -> Result<()> {
        self.seats[n].terminate(DRAIN + Duration::from_secs(2)).await
    }

    /// Stops all nodes in order, one after the other.
    ///
    /// # Errors
    /// One does not go in time, lost something, or its last books do not balance.
    pub async fn end(&mut self) -> Result<()> {
        for n in self.awake() {
            self.terminate(n).await?;
            let last = self.seats[n].ends().last();
            let lost = matches!(last, Some(End::Stopped(books)) if books.lost() > 0);
            ensure!(!lost, "{} lost rows at its end: {last:?}", self.seats[n].id());
        }
        Ok(())
    }
}
