//! The stage: what the demo starts.

use anyhow::{Context as _, Result};
use ringwatch_cluster_tests::cluster::{Cluster, Shape};
use ringwatch_cluster_tests::node::Every;
use ringwatch_cluster_tests::pgbench::{self, Load};
use ringwatch_cluster_tests::postgres::{Server, Wish};
use ringwatch_cluster_tests::process::Process;
use ringwatch_cluster_tests::sink::{Memory, Sink};
use tempfile::TempDir;

/// Reads, a join, and an update, beside pgbench's own mix.
const QUERIES: [&str; 3] = [
    "\\set aid random(1, 100000)\nselect abalance from pgbench_accounts where aid = :aid;\n",
    "select b.bid, count(*), sum(t.tbalance) from pgbench_branches b join pgbench_tellers t using (bid) group by b.bid;\n",
    "\\set aid random(1, 100000)\nupdate pgbench_accounts set abalance = abalance + 1 where aid = :aid;\n",
];
/// Transactions per second.
const RATE: u32 = 200;
/// Longer than anybody looks; the load ends with the demo.
const A_WEEK: u32 = 7 * 24 * 3600;
/// Nodes at the start.
pub(crate) const NODES: usize = 3;

/// What runs. The fields are dropped in this order: the nodes first, the folder last.
pub(crate) struct Stage {
    pub(crate) cluster: Cluster,
    load: Process,
    pub(crate) sink: Sink,
    _server: Server,
    _folder: TempDir,
}

impl Stage {
    /// Starts everything, with a server of `names` names, and says what it does.
    pub(crate) async fn set(names: usize) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("ringwatch-demo-").tempdir()?;
        let log = |name: &str| folder.path().join(format!("{name}.log"));
        println!("starting PostgreSQL");
        let quiet = Wish {
            from_template: false,
            ..Wish::default()
        }
        .with("log_statement=none")
        .with("log_connections=off")
        .with_names(names);
        let server = Server::start(&quiet, &log("postgres")).await?;
        println!("filling it with pgbench's tables");
        pgbench::initialise(&server, "postgres").await?;
        let mut scripts = vec![];
        for (n, query) in QUERIES.iter().enumerate() {
            let file = folder.path().join(format!("query-{n}.sql"));
            std::fs::write(&file, query)?;
            scripts.push(format!("{}@{}", file.display(), [6, 1, 3][n]));
        }
        let load = Load {
            database: "postgres".into(),
            clients: 4,
            rate: Some(RATE),
            seconds: A_WEEK,
            scripts,
        };
        let load = pgbench::start(&server, &load, &log("pgbench"))?;
        println!("starting the receiver and {NODES} nodes");
        let sink = Sink::start(Memory::BOUNDED).await?;
        let every = Every {
            collection: "2s",
            statements: "5s",
            activity: "1s",
        };
        let mut shape = Shape::new(&server.endpoints(names), &sink.endpoint(), every);
        shape.name = "demo".into();
        let cluster = Cluster::start(shape, NODES, folder.path()).await?;
        println!(
            "PostgreSQL {} with {RATE} transactions a second. It is one server that answers to {names} names, 127.0.0.1 to \
             127.0.0.{names}, each of which is a target: so there is something to share out",
            server.major()
        );
        for seat in cluster.seats() {
            println!(
                "{}: gRPC at 127.0.0.1:{}, own metrics at http://127.0.0.1:{}/metrics",
                seat.id(),
                seat.ports().grpc,
                seat.ports().metrics
            );
        }
        Ok(Self {
            cluster,
            load,
            sink,
            _server: server,
            _folder: folder,
        })
    }

    /// The gRPC port of a node that runs.
    pub(crate) fn witness(&self) -> Result<u16> {
        let awake = self.cluster.awake();
        let n = awake.first().context("no node runs any more")?;
        Ok(self.cluster.seat(*n).ports().grpc)
    }

    /// Ends the load, so that the last ticks find a database at rest.
    pub(crate) async fn end_load(&mut self) -> Result<()> {
        self.load
            .end(rustix::process::Signal::TERM, std::time::Duration::from_secs(10))
            .await
            .map(drop)
    }
}
