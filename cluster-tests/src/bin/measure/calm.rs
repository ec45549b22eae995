//! A calm database: how often the detector of anomalies cries wolf, and the series that it saw.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ringwatch_cluster_tests::node::{Every, Node, NodeConfig};
use ringwatch_cluster_tests::pgbench::{self, Load};
use ringwatch_cluster_tests::postgres::{Server, Wish};
use ringwatch_cluster_tests::sink::{Memory, Sink, Value};
use serde_json::json;
use tokio::time::{Instant, sleep};

/// Few enough that no session waits for another one.
const RATE: u32 = 40;
/// How often progress is told.
const TOLD: Duration = Duration::from_secs(60);

/// Watches a server under an even load for `time`, with the detector at its defaults, and prints what it found. The
/// series go to `csv`, if it is given: tick, statement, calls, seconds.
pub(crate) async fn measure(time: Duration, csv: Option<&Path>) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let wish = Wish::default().with("log_statement=none");
    let server = Server::start(&wish, &folder.path().join("postgres.log")).await?;
    pgbench::initialise(&server, "postgres").await?;
    let load = Load {
        database: "postgres".into(),
        clients: 4,
        rate: Some(RATE),
        seconds: u32::try_from(time.as_secs())? + 30,
        scripts: Vec::new(),
    };
    let _load = pgbench::start(&server, &load, &folder.path().join("pgbench.log"))?;
    let sink = Sink::start(Memory::OF_A_TEST).await?;
    let every = Every {
        collection: "10s",
        statements: "10s",
        activity: "",
    };
    let mut config = NodeConfig::new(&[server.endpoint()], &sink.endpoint(), every);
    config.processors.insert("verification".into(), json!({}));
    config.order.insert(0, "verification".into());
    let node = Node::start("node", &config, &folder.path().join("node.log")).await?;
    let end = Instant::now() + time;
    while Instant::now() < end {
        sleep(TOLD.min(end - Instant::now())).await;
        let metrics = node.metrics().await?;
        println!(
            "calm: {} s left; rows {}; {}",
            end.saturating_duration_since(Instant::now()).as_secs(),
            metrics.sum("ringwatch_rows_total", &[("stage", "delivered")]),
            metrics.show("verification_anomalies_total").replace('\n', "; ")
        );
    }
    let metrics = node.metrics().await?;
    for name in [
        "verification_anomalies_total",
        "verification_findings_total",
        "verification_quality_score",
    ] {
        println!("{}", metrics.show(name));
    }
    if let Some(path) = csv {
        std::fs::write(path, series(&sink)).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// All that came of statements, a line a tick and statement.
fn series(sink: &Sink) -> String {
    let mut lines = String::from("tick_ns,statement,calls,seconds\n");
    sink.look(|ledger| {
        let statements = ledger
            .last_records
            .iter()
            .filter(|record| record.event == "db.server.top_query");
        for record in statements {
            let number = |name: &str| {
                record
                    .attributes
                    .get(name)
                    .and_then(Value::number)
                    .unwrap_or_default()
            };
            let statement = record.text("postgresql.queryid").unwrap_or_default();
            let (calls, seconds) = (number("postgresql.calls"), number("postgresql.total_exec_time"));
            // Writing to a string cannot fail.
            let _ = writeln!(lines, "{},{statement},{calls},{seconds}", record.time);
        }
    });
    lines
}
