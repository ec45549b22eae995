//! Faults: what they are, how they are made, and how they are healed.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::{Instant, sleep};

use super::network::{Cut, Side, Strait};
use super::relay::Weather;
use super::rig::Rig;
use crate::postgres::questions;
use crate::process::Process;

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A node is killed, and comes back after a time.
    Kill,
    /// A node is killed and started again at once.
    Restart,
    /// A node is killed, and comes back with an empty disk.
    Machine,
    /// A node's process stands still for a time.
    Freeze,
    /// A node is told to stop, and started again: a rolling restart.
    Roll,
    /// A node stands still again and again.
    Flap,
    /// A node and the others do not hear each other. All reach the database.
    Part,
    /// A node does not hear another one, which hears it.
    OneWay,
    /// A node cannot reach the database. The others can, and hear it.
    NoDatabase,
    /// A node is behind a narrow way.
    Narrow,
    /// Between all nodes datagrams are lost and everything is late.
    Storm,
    /// The database is down.
    Database,
    /// The receiver is down.
    Receiver,
    /// A node's wall clock jumps: minutes or an hour ahead, or a day back.
    Clock,
}

impl Kind {
    /// Those that need nothing of the machine.
    pub const ANYWHERE: [Self; 8] = [
        Self::Kill,
        Self::Restart,
        Self::Machine,
        Self::Freeze,
        Self::Roll,
        Self::Flap,
        Self::Database,
        Self::Receiver,
    ];
    /// Those that need networks of their own.
    pub const APART: [Self; 4] = [Self::Part, Self::OneWay, Self::NoDatabase, Self::Narrow];

    /// Whether it happens to one node; if not, to all.
    pub fn is_of_a_node(self) -> bool {
        !matches!(self, Self::Storm | Self::Database | Self::Receiver)
    }

    /// Whether a node goes on reading that others take for lost.
    pub fn cuts(self) -> bool {
        matches!(self, Self::Part | Self::OneWay | Self::Storm | Self::Narrow)
    }

    /// Whether a node may die of it with a request on its way.
    pub fn kills(self) -> bool {
        matches!(self, Self::Kill | Self::Restart | Self::Machine)
    }
}

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happens.
    pub kind: Kind,
    /// To the node in this seat.
    pub node: usize,
    /// The other one, where there are two.
    pub other: usize,
    /// For how long.
    pub lasts: Duration,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, node, other) = (self.kind, self.node, self.other);
        match kind {
            Kind::OneWay => write!(f, "{kind:?} from node-{node} to node-{other}")?,
            _ if kind.is_of_a_node() => write!(f, "{kind:?} node-{node}")?,
            _ => write!(f, "{kind:?}")?,
        }
        write!(f, " for {} ms", self.lasts.as_millis())
    }
}

/// How many seconds a wrong clock is ahead: one of these.
const AHEAD: [i64; 3] = [600, 3_600, -86_400];
/// How long a flapping node stands still, and goes on, each time.
const FLAP: Duration = Duration::from_millis(700);
/// What is left of a narrow way, in kilobits a second: a few times what a node needs.
const NARROW: u32 = 2_000;
/// How long a node may take to stop in order.
const LEAVE: Duration = Duration::from_secs(32);
/// Ticks so far around a time without a database may be missing: sessions are made anew after a pause.
const AROUND: Duration = Duration::from_secs(6);

/// A fault that has begun.
#[derive(Debug)]
struct Begun {
    cuts: Vec<Cut>,
    strait: Option<Strait>,
    since: i64,
}

/// How many seconds ahead a wrong clock is.
fn ahead(fault: &Fault) -> i64 {
    let any = fault.lasts.as_millis() % 3;
    AHEAD[usize::try_from(any).unwrap_or(0)]
}

impl Rig {
    /// Makes a fault happen, for as long as it lasts, and heals it.
    ///
    /// # Errors
    /// It cannot be made here, or not be healed.
    pub async fn suffer(&mut self, fault: &Fault) -> Result<()> {
        let begun = self
            .begin(fault)
            .await
            .with_context(|| format!("begin {fault}"))?;
        if fault.kind == Kind::Flap {
            self.flap(fault).await?;
        } else {
            sleep(fault.lasts).await;
        }
        self.heal(fault, begun)
            .await
            .with_context(|| format!("heal {fault}"))
    }

    async fn begin(&mut self, fault: &Fault) -> Result<Begun> {
        let mut begun = Begun {
            cuts: Vec::new(),
            strait: None,
            since: questions::now(),
        };
        let (n, node) = (fault.node, Side::Node(fault.node));
        match fault.kind {
            Kind::Kill | Kind::Restart => {
                self.cluster.seat_mut(n).kill_at_once().await?;
            }
            Kind::Machine => {
                self.cluster.seat_mut(n).kill_at_once().await?;
                self.cluster.seat(n).disk().wipe()?;
            }
            Kind::Freeze => self.cluster.seat_mut(n).freeze()?,
            Kind::Roll => self.cluster.seat_mut(n).terminate(LEAVE).await?,
            Kind::Flap => {}
            Kind::Part => {
                let others: Vec<usize> = (0..self.cluster.seats().len()).filter(|m| *m != n).collect();
                begun.cuts = self.network()?.divide(&[n], &others)?;
            }
            Kind::OneWay => begun.cuts = vec![self.network()?.cut(node, Side::Node(fault.other))?],
            Kind::NoDatabase => begun.cuts = self.network()?.part(node, Side::Database)?,
            Kind::Narrow => begun.strait = Some(self.network()?.narrow(n, NARROW)?),
            Kind::Storm => self.weather(Weather::STORM),
            Kind::Database => self.server.crash().await?,
            Kind::Receiver => self.sink.down(),
            Kind::Clock => self.clocks()?.set(n, ahead(fault))?,
        }
        Ok(begun)
    }

    async fn heal(&mut self, fault: &Fault, begun: Begun) -> Result<()> {
        let n = fault.node;
        drop((begun.cuts, begun.strait));
        match fault.kind {
            Kind::Kill | Kind::Restart | Kind::Machine | Kind::Roll => self.cluster.launch(n)?,
            Kind::Freeze => self.cluster.seat_mut(n).thaw()?,
            Kind::Storm => self.weather(Weather::CLEAR),
            Kind::Database => {
                self.server.resume_service().await?;
                self.be_seen().await?;
                self.excuse(begun.since, AROUND);
            }
            Kind::Receiver => self.sink.up().await?,
            Kind::Clock => self.clocks()?.set(n, 0)?,
            Kind::Flap | Kind::Part | Kind::OneWay | Kind::NoDatabase | Kind::Narrow => {}
        }
        Ok(())
    }

    async fn flap(&mut self, fault: &Fault) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < fault.lasts {
            self.cluster.seat_mut(fault.node).freeze()?;
            sleep(FLAP).await;
            self.cluster.seat_mut(fault.node).thaw()?;
            sleep(FLAP).await;
        }
        Ok(())
    }

    /// The process of a node.
    ///
    /// # Errors
    /// It does not run.
    pub fn process(&self, n: usize) -> Result<&Process> {
        Ok(self.cluster.node(n)?.process())
    }
}
