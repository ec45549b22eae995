//! Deltas against the truth: pgbench counts its own calls, the node tells them, under resets and evictions.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use ringwatch_cluster_tests::node::{Every, Node, NodeConfig};
use ringwatch_cluster_tests::pgbench::{self, Load};
use ringwatch_cluster_tests::postgres::{Server, Wish, sql};
use ringwatch_cluster_tests::sink::{Memory, Sink};
use ringwatch_cluster_tests::wait;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

const STATEMENTS: [&str; 3] = ["load_a", "load_b", "load_c"];
const PHASE: u32 = 40;
/// So few places that whatever is called seldom is thrown out again and again.
const PLACES: &str = "pg_stat_statements.max=100";

struct Stage {
    // Ended before the server and the folder.
    node: Node,
    sink: Sink,
    server: Server,
    folder: TempDir,
}

impl Stage {
    async fn set() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let wish = Wish::default().with(PLACES).with("log_statement=none");
        let server = Server::start(&wish, &folder.path().join("postgres.log")).await?;
        for name in STATEMENTS {
            let table = format!(
                "create table {name} (id int primary key, n int); \
                                 insert into {name} select i, 0 from generate_series(1, 100) i"
            );
            server.execute("postgres", &table).await?;
            let script = format!("\\set id random(1, 100)\nupdate {name} set n = n + 1 where id = :id;\n");
            std::fs::write(folder.path().join(name), script)?;
        }
        let sink = Sink::start(Memory::BOUNDED).await?;
        let every = Every {
            collection: "10s",
            statements: "5s",
            activity: "",
        };
        let config = NodeConfig::new(&[server.endpoint()], &sink.endpoint(), every);
        let node = Node::start("node", &config, &folder.path().join("node.log")).await?;
        sleep(Duration::from_secs(11)).await;
        Ok(Self {
            node,
            sink,
            server,
            folder,
        })
    }

    /// The calls that the node has told.
    fn told(&self, name: &str) -> i64 {
        let of = format!("update {name} ");
        self.sink.look(|ledger| {
            ledger
                .statements
                .values()
                .filter(|s| s.text.starts_with(&of))
                .map(|s| s.calls)
                .sum()
        })
    }

    /// Runs the three loads and, beside them, statements that come once; gives pgbench's own counts.
    async fn phase(&self, number: usize, reset_in_the_middle: bool) -> Result<[i64; 3]> {
        let mut loads = Vec::new();
        for name in STATEMENTS {
            let script = self.folder.path().join(name).to_string_lossy().into_owned();
            let load = Load {
                database: "postgres".into(),
                clients: 1,
                rate: Some(300),
                seconds: PHASE,
                scripts: vec![script],
            };
            loads.push(pgbench::start(&self.server, &load, &self.log(name, number))?);
        }
        let mut session = self.server.connect("postgres").await?;
        let (begun, mut columns, mut reset) = (Instant::now(), 0, !reset_in_the_middle);
        while begun.elapsed() < Duration::from_secs(u64::from(PHASE)) {
            columns = columns % 600 + 1;
            sql::execute(&mut session, &format!("select {}", vec!["1"; columns].join(","))).await?;
            if !reset && begun.elapsed() > Duration::from_secs(u64::from(PHASE / 2)) {
                reset = true;
                sql::execute(&mut session, "select pg_stat_statements_reset()").await?;
            }
            sleep(Duration::from_millis(20)).await;
        }
        let mut counts = [0; 3];
        for ((load, name), count) in loads.iter_mut().zip(STATEMENTS).zip(&mut counts) {
            load.ended(Duration::from_secs(30)).await?;
            *count = processed(&self.log(name, number))?;
        }
        Ok(counts)
    }

    fn log(&self, name: &str, number: usize) -> PathBuf {
        self.folder.path().join(format!("{name}-{number}.log"))
    }
}

/// Phases of load for `time`, each followed by a reset at rest; at the end one with a reset in its middle.
pub(crate) async fn measure(time: Duration) -> Result<()> {
    let stage = Stage::set().await?;
    let (begun, mut truth, mut phases) = (Instant::now(), [0; 3], 0);
    while begun.elapsed() < time {
        for (all, here) in truth.iter_mut().zip(stage.phase(phases, false).await?) {
            *all += here;
        }
        phases += 1;
        // What has not come after this has not been told: the line below shows it.
        let _ = wait::until("the calls to be told", Duration::from_secs(20), async || {
            wait::when(
                STATEMENTS
                    .iter()
                    .zip(truth)
                    .all(|(name, truth)| stage.told(name) == truth),
                String::new,
            )
        })
        .await;
        stage
            .server
            .execute("postgres", "select pg_stat_statements_reset()")
            .await?;
        sleep(Duration::from_secs(6)).await;
    }
    println!("{phases} phases of {PHASE} s with evictions, each followed by a reset at rest:");
    print(&stage, truth).await?;
    for (all, here) in truth.iter_mut().zip(stage.phase(phases, true).await?) {
        *all += here;
    }
    sleep(Duration::from_secs(12)).await;
    println!("after one more phase with a reset under load:");
    print(&stage, truth).await
}

async fn print(stage: &Stage, truth: [i64; 3]) -> Result<()> {
    for (name, truth) in STATEMENTS.iter().zip(truth) {
        let told = stage.told(name);
        println!(
            "  {name}: pgbench called {truth}, the node told {told}, difference {}",
            told - truth
        );
    }
    let uncertain = stage
        .node
        .metrics()
        .await?
        .by_label("ringwatch_uncertain_rows_total", "reason");
    println!("  rows uncertain by reason: {uncertain:?}");
    Ok(())
}

/// The number of transactions that pgbench says it made.
fn processed(log: &Path) -> Result<i64> {
    let text = std::fs::read_to_string(log)?;
    let line = text
        .lines()
        .find(|line| line.starts_with("number of transactions actually processed:"));
    let count = line.and_then(|line| line.rsplit([' ', '/']).find_map(|word| word.parse().ok()));
    count.with_context(|| format!("no count in {}", log.display()))
}
