//! The rig: a cluster, its databases and its receiver, with or without a network between them, and the oracles.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use sqlx::postgres::PgConnection;

use super::clock::Clocks;
use super::doors::{Doors, Relays};
use super::network::{self, Network};
use super::oracle::database::Sampler;
use super::oracle::ticks::Excuse;
use super::relay::{Sky, Weather};
use crate::cluster::{Cluster, Shape};
use crate::node::Every;
use crate::postgres::{Server, Wish, questions, sql};
use crate::process::Process;
use crate::sink::{Memory, Sink};

/// How long what should be there within a few ticks may take.
pub const SOON: Duration = Duration::from_secs(30);
/// Sessions that nodes may have at a target at once: three of the owner and one of the standby, and those of both sides
/// while it changes hands.
pub const SESSIONS: usize = 8;
/// The same while every target stays where it is: a standby connects to a further database for a tick that is late.
pub const SESSIONS_AT_REST: usize = 5;

/// What a rig is to be like.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Nodes that are started.
    pub nodes: usize,
    /// Nodes for which there is room in the network.
    pub seats: usize,
    /// Names of the one database server; each is a target.
    pub names: usize,
    /// How often is read.
    pub every: Every,
    /// Whether each node is in a network of its own; in a machine apart only.
    pub apart: bool,
    /// Whether relays with weather are between the nodes, and the seed of their weather; with `apart` only.
    pub relays: Option<u64>,
    /// Whether each node has a wall clock of its own, where the machine can do that.
    pub clocks: bool,
    /// Whether the server writes down what it is asked.
    pub log: bool,
    /// What is changed in the shape of the cluster.
    pub shape: fn(&mut Shape),
}

impl Wanted {
    /// So many nodes and targets, activity each second, all in one network.
    pub fn new(nodes: usize, names: usize) -> Self {
        Self {
            nodes,
            seats: nodes,
            names,
            every: Every {
                collection: "2s",
                statements: "2s",
                activity: "1s",
            },
            apart: false,
            relays: None,
            clocks: false,
            log: false,
            shape: |_| {},
        }
    }
}

/// The rig. Its parts end in order when it is dropped.
#[derive(Debug)]
pub struct Rig {
    /// The nodes.
    pub cluster: Cluster,
    doors: Vec<Doors>,
    relays: Vec<Relays>,
    relay_seed: Option<u64>,
    sky: Sky,
    clocks: Option<Clocks>,
    pub(super) load: Option<Process>,
    /// Statements of the load in a second, while there is one.
    pub(super) load_rate: u32,
    every: Every,
    /// The oracle at the database.
    pub database: Sampler,
    /// The receiver.
    pub sink: Sink,
    /// The database server.
    pub server: Server,
    /// The targets, as the receiver has them.
    pub targets: Vec<String>,
    /// The networks.
    pub network: Option<Network>,
    /// Times in which nobody could reach the database.
    pub excuses: Vec<Excuse>,
    /// When the first node was started, in milliseconds since 1970.
    pub begun: i64,
    logs: PathBuf,
    /// A session that is seen at every tick of the activity stream.
    open: Option<PgConnection>,
}

impl Rig {
    /// Starts everything, and waits until the nodes agree and every target has been read. Logs go to the folder `logs`.
    ///
    /// # Errors
    /// Something does not start, or the nodes do not agree.
    pub async fn start(wanted: &Wanted, logs: &Path) -> Result<Self> {
        let network = match wanted.apart {
            true => Some(Network::new(wanted.seats, wanted.names)?),
            false => None,
        };
        let (server, sink) = Self::outside(wanted, logs).await?;
        let targets = match wanted.apart {
            true => {
                let names = network::databases(wanted.names);
                names
                    .iter()
                    .map(|name| format!("{name}:{}", server.port()))
                    .collect()
            }
            false => server.endpoints(wanted.names),
        };
        let mut shape = Shape::new(&targets, &sink.endpoint(), wanted.every);
        shape.hold_down = "2s";
        (wanted.shape)(&mut shape);
        shape.place = match (wanted.apart, wanted.relays) {
            (false, _) => shape.place,
            (true, None) => network::place,
            (true, Some(_)) => network::place_behind_relay,
        };
        let mut rig = Self {
            cluster: Cluster::new(shape, wanted.nodes, logs)?,
            doors: Vec::new(),
            relays: Vec::new(),
            relay_seed: wanted.relays,
            sky: Sky::new(Weather::CLEAR),
            clocks: wanted.clocks.then(|| Clocks::find(logs)).flatten(),
            load: None,
            load_rate: 0,
            every: wanted.every,
            database: Sampler::start(&server, &targets),
            sink,
            server,
            targets,
            network,
            excuses: Vec::new(),
            begun: questions::now(),
            logs: logs.to_owned(),
            open: None,
        };
        rig.be_seen().await?;
        rig.open_ways().await?;
        for n in 0..wanted.nodes {
            rig.set_clock(n)?;
            rig.cluster.launch(n)?;
        }
        rig.settled().await?;
        Ok(rig)
    }

    /// Statements of the load in one interval of the statements of a target.
    pub(super) fn calls_of_an_interval(&self) -> i64 {
        let seconds: Option<i64> = self.every.statements.trim_end_matches('s').parse().ok();
        i64::from(self.load_rate) * seconds.unwrap_or(0)
    }

    async fn outside(wanted: &Wanted, logs: &Path) -> Result<(Server, Sink)> {
        let mut wish = match wanted.apart {
            true => Wish::default().with_addresses(&network::databases(wanted.names)),
            false => Wish::default().with_names(wanted.names),
        };
        if !wanted.log {
            wish = wish.with("log_statement=none").with("log_connections=off");
        }
        let server = Server::start(&wish, &logs.join("postgres.log")).await?;
        let table = "create table counted (id int primary key, n int);
                     insert into counted select i, 0 from generate_series(1, 100) i";
        server.execute("postgres", table).await?;
        let sink = match wanted.apart {
            true => {
                let address = (network::SINK, crate::ports::free_port()?).into();
                Sink::start_at(address, Memory::OF_A_TEST).await?
            }
            false => Sink::start(Memory::OF_A_TEST).await?,
        };
        Ok((server, sink))
    }

    /// Opens the session that the activity stream tells of at each tick; again after the server was away.
    ///
    /// # Errors
    /// The server does not let it in.
    pub async fn be_seen(&mut self) -> Result<()> {
        let mut open = self.server.connect("postgres").await?;
        sql::execute(&mut open, "begin; select 1").await?;
        self.open = Some(open);
        Ok(())
    }

    /// Ways to the seats that have none yet.
    async fn open_ways(&mut self) -> Result<()> {
        if self.network.is_none() {
            return Ok(());
        }
        for n in self.doors.len()..self.cluster.seats().len() {
            let seat = self.cluster.seat(n);
            self.doors.push(Doors::open(seat).await?);
            if let Some(seed) = self.relay_seed {
                self.relays.push(Relays::open(n, seat, &self.sky, seed).await?);
            }
        }
        Ok(())
    }

    /// Starts one more node, without waiting. Gives the number of its seat.
    ///
    /// # Errors
    /// There is no room for it in the network, or it does not start.
    pub async fn join(&mut self) -> Result<usize> {
        let n = self.cluster.add_seat()?;
        self.open_ways().await?;
        self.set_clock(n)?;
        self.cluster.launch(n)?;
        Ok(n)
    }

    fn set_clock(&mut self, n: usize) -> Result<()> {
        let Some(clocks) = &self.clocks else {
            return Ok(());
        };
        clocks.set(n, 0)?;
        self.cluster.seat_mut(n).place.environment = clocks.environment(n);
        Ok(())
    }

    /// The clocks of the nodes.
    ///
    /// # Errors
    /// They have none of their own.
    pub fn clocks(&self) -> Result<&Clocks> {
        self.clocks
            .as_ref()
            .context("the nodes have no clocks of their own")
    }

    /// The weather between the nodes from now on, where there are relays.
    pub fn weather(&self, weather: Weather) {
        self.sky.set(weather);
    }

    /// Bytes that nodes have sent each other so far, of gossip and of calls, where there are relays.
    pub fn passed(&self) -> Option<(u64, u64)> {
        let all = self.relays.iter().map(Relays::passed);
        all.reduce(|sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// The folder of the logs.
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// The networks.
    ///
    /// # Errors
    /// All is in one.
    pub fn network(&self) -> Result<&Network> {
        self.network.as_ref().context("the rig has no networks")
    }
}
