//! One target, a hundred targets, and forty with ten that hang.

use std::time::Duration;

use anyhow::Result;
use ringwatch_cluster_tests::fake::{Fake, Manner};
use ringwatch_cluster_tests::node::{Every, Node, NodeConfig};
use ringwatch_cluster_tests::pgbench::{self, Load};
use ringwatch_cluster_tests::postgres::{Server, Wish};
use ringwatch_cluster_tests::process::Process;
use ringwatch_cluster_tests::sink::{Memory, Sink};
use serde_json::json;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::figures::Figures;

/// The figures of the first half minute are those of a start.
const WARM_UP: Duration = Duration::from_secs(30);
/// Names of one server: PostgreSQL listens on at most 64 addresses.
const NAMES: usize = 50;
const USUAL: Every = Every {
    collection: "10s",
    statements: "30s",
    activity: "1s",
};

struct Stage {
    // Ended before the servers and the folder.
    _loads: Vec<Process>,
    servers: Vec<Server>,
    sink: Sink,
    folder: TempDir,
}

impl Stage {
    /// Servers that each answer to fifty names, under a light load.
    async fn set(servers: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut stage = Self {
            _loads: Vec::new(),
            servers: Vec::new(),
            sink: Sink::start(Memory::BOUNDED).await?,
            folder,
        };
        for n in 0..servers {
            let wish = Wish::default()
                .with_names(NAMES)
                .with("log_statement=none")
                .with("log_connections=off");
            let server = Server::start(&wish, &stage.folder.path().join(format!("postgres-{n}.log"))).await?;
            pgbench::initialise(&server, "postgres").await?;
            let load = Load {
                database: "postgres".into(),
                clients: 2,
                rate: Some(20),
                seconds: 3600,
                scripts: Vec::new(),
            };
            stage._loads.push(pgbench::start(
                &server,
                &load,
                &stage.folder.path().join(format!("pgbench-{n}.log")),
            )?);
            stage.servers.push(server);
        }
        Ok(stage)
    }

    /// The first `count` names of all servers.
    fn endpoints(&self, count: usize) -> Vec<String> {
        let of = |server: &Server| server.endpoints(NAMES);
        self.servers.iter().flat_map(of).take(count).collect()
    }

    async fn node(&self, endpoints: &[String], every: Every) -> Result<Node> {
        let mut config = NodeConfig::new(endpoints, &self.sink.endpoint(), every);
        config
            .processors
            .insert("memory_limiter".into(), json!({ "limit_mib": 512 }));
        config.order.insert(0, "memory_limiter".into());
        Node::start("node", &config, &self.folder.path().join("node.log")).await
    }

    async fn figures(&self, endpoints: &[String], time: Duration) -> Result<Figures> {
        let node = self.node(endpoints, USUAL).await?;
        sleep(WARM_UP).await;
        Figures::of(&node, time).await
    }
}

/// One target at the default intervals.
pub(crate) async fn idle(time: Duration) -> Result<()> {
    let stage = Stage::set(1).await?;
    let every = Every {
        collection: "10s",
        statements: "",
        activity: "",
    };
    let node = stage.node(&stage.endpoints(1), every).await?;
    sleep(WARM_UP).await;
    Figures::of(&node, time)
        .await?
        .print("one target, default metrics every 10 s");
    Ok(())
}

/// A hundred targets with everything, activity each second.
pub(crate) async fn hundred(time: Duration) -> Result<()> {
    let stage = Stage::set(2).await?;
    let figures = stage.figures(&stage.endpoints(100), time).await?;
    figures.print("100 targets, metrics 10 s, statements 30 s, activity 1 s");
    Ok(())
}

/// Forty targets, alone and beside ten that accept and never answer; twice each, in turn.
pub(crate) async fn hanging(time: Duration) -> Result<()> {
    let stage = Stage::set(1).await?;
    let good = stage.endpoints(40);
    let mut fakes = Vec::new();
    for _ in 0..10 {
        fakes.push(Fake::start(Manner::Hang).await?);
    }
    let mut all = good.clone();
    all.extend(fakes.iter().map(|fake| format!("127.0.0.1:{}", fake.port())));
    for _ in 0..2 {
        stage.figures(&good, time).await?.print("40 good targets");
        stage
            .figures(&all, time)
            .await?
            .print("40 good targets and 10 that hang");
    }
    let accepted: u64 = fakes.iter().map(Fake::accepted).sum();
    println!("the hanging servers accepted {accepted} connections");
    Ok(())
}
