//! A seat: a node's name, its ports and its log, which stay when the node in it goes and comes back.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use tokio::time::Instant;

use super::Disk;
use crate::books::NodeBooks;
use crate::node::{Every, LastBooks, Node, NodeConfig, Place, Ports};

/// How a node of the seat ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// Told to stop, with the books as it closed them.
    Stopped(LastBooks),
    /// Killed, with the books as they were a moment before. What was in flight then died with it, unless its standby
    /// delivered it.
    Killed(NodeBooks),
}

/// A seat.
#[derive(Debug)]
pub struct Seat {
    /// What the next node in it starts with.
    pub config: NodeConfig,
    /// Where the next node in it lives.
    pub place: Place,
    id: String,
    ports: Ports,
    log: PathBuf,
    disk: Disk,
    node: Option<Node>,
    frozen: bool,
    ends: Vec<End>,
}

impl Seat {
    pub(super) fn new(id: String, place: Place, log: PathBuf, disk: Disk) -> Result<Self> {
        Ok(Self {
            config: NodeConfig::new(&[], "", Every::SECOND),
            place,
            id,
            ports: Ports::free()?,
            log,
            disk,
            node: None,
            frozen: false,
            ends: Vec::new(),
        })
    }

    /// The node's name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where its node listens.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// Where the others send gossip for its node.
    pub fn gossip_address(&self) -> String {
        format!("{}:{}", self.place.reached_at(), self.ports.gossip)
    }

    /// What its node keeps when it goes, unless the shape of the cluster is without disks.
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// How the nodes before the present one ended.
    pub fn ends(&self) -> &[End] {
        &self.ends
    }

    /// Whether a node runs here that is not frozen.
    pub fn awake(&self) -> bool {
        self.node.is_some() && !self.frozen
    }

    /// The node.
    ///
    /// # Errors
    /// None runs.
    pub fn node(&self) -> Result<&Node> {
        self.node
            .as_ref()
            .with_context(|| format!("{} does not run", self.id))
    }

    /// The node, to wait for it.
    ///
    /// # Errors
    /// None runs.
    pub fn node_mut(&mut self) -> Result<&mut Node> {
        self.node
            .as_mut()
            .with_context(|| format!("{} does not run", self.id))
    }

    /// Starts a node without waiting.
    ///
    /// # Errors
    /// One runs already, or the program is not there.
    pub fn launch(&mut self) -> Result<()> {
        ensure!(self.node.is_none(), "{} runs already", self.id);
        let node = Node::launch_at(&self.id, &self.config, self.ports, &self.place, &self.log)?;
        self.node = Some(node);
        Ok(())
    }

    /// Takes the node out, to watch its own end.
    ///
    /// # Errors
    /// None runs.
    pub fn take(&mut self) -> Result<Node> {
        self.node
            .take()
            .with_context(|| format!("{} does not run", self.id))
    }

    /// Kills the node as a power cut would, and remembers its books of a moment before. Gives when.
    ///
    /// # Errors
    /// None runs, or it did not tell its books.
    pub async fn kill(&mut self) -> Result<Instant> {
        let books = NodeBooks::of(&self.node()?.metrics().await?)?;
        let at = self.kill_at_once().await?;
        self.ends.push(End::Killed(books));
        Ok(at)
    }

    /// The same without a look at its books.
    ///
    /// # Errors
    /// None runs.
    pub async fn kill_at_once(&mut self) -> Result<Instant> {
        let mut node = self.take()?;
        self.frozen = false;
        let at = Instant::now();
        node.end(Signal::KILL, Duration::from_secs(5)).await?;
        Ok(at)
    }

    /// Tells the node to leave, and waits until it has.
    ///
    /// # Errors
    /// None runs, it still runs after `limit`, ends with another code than 0, or its last books do not balance.
    pub async fn terminate(&mut self, limit: Duration) -> Result<()> {
        let node = self.node_mut()?;
        let status = node.end(Signal::TERM, limit).await?;
        ensure!(status.success(), "{} ended with {status}", self.id);
        let books = LastBooks::read(&self.take()?.log_text()?)?;
        self.ends.push(End::Stopped(books));
        Ok(())
    }

    /// Freezes the node's process.
    ///
    /// # Errors
    /// None runs.
    pub fn freeze(&mut self) -> Result<()> {
        self.node()?.signal(Signal::STOP)?;
        self.frozen = true;
        Ok(())
    }

    /// Lets the frozen process go on.
    ///
    /// # Errors
    /// None runs.
    pub fn thaw(&mut self) -> Result<()> {
        self.node()?.signal(Signal::CONT)?;
        self.frozen = false;
        Ok(())
    }
}
