//! Circuit breakers on real servers: what they see, what the server sees while they are open, and whom they leave alone.

mod faults;
mod half_open;
mod operator;

use std::time::Duration;

use anyhow::{Context, Result};
use ringwatch_cluster_tests::node::{Every, Metrics, Node, NodeConfig};
use ringwatch_cluster_tests::postgres::{MONITOR, MONITOR_PASSWORD, Server, Wish};
use ringwatch_cluster_tests::scene::Scene;
use ringwatch_cluster_tests::sink::Sink;
use ringwatch_cluster_tests::wait;
use serde_json::{Value, json};

/// How long a circuit stays open the first time.
const BREAK: Duration = Duration::from_secs(4);
/// Longer than anything of a scenario takes that is not a break.
const SOON: Duration = Duration::from_secs(20);

/// A server whose answers the test turns by a knob, a receiver, and a node with circuit breakers.
struct Guarded {
    node: Node,
    server: Server,
    sink: Sink,
}

/// What the server answers.
#[derive(Clone, Copy, Debug)]
enum Knob {
    Error,
    Fine,
    /// After two seconds.
    Slow,
}

impl Guarded {
    /// A node that asks the server by `queries` receivers, each once a second and by a connection of its own; with
    /// these further processors' settings.
    async fn start(scene: &Scene, queries: usize, breaker: Value) -> Result<Self> {
        let server = scene.server("postgres", &Wish::default()).await?;
        let table =
            "create table knob (at int); insert into knob values (1); grant select on knob to monitor";
        server.execute("postgres", table).await?;
        let sink = scene.sink().await?;
        let mut config = NodeConfig::new(&[], &sink.endpoint(), Every::SECOND_METRICS);
        config.receivers.clear();
        for n in 0..queries {
            config
                .receivers
                .insert(format!("sqlquery/{n}"), query(&server, "knob"));
        }
        config.processors.insert("circuit_breaker".into(), breaker);
        config.order.insert(0, "circuit_breaker".into());
        let node = scene.node(&config).await?;
        Ok(Self { node, server, sink })
    }

    async fn turn(&self, knob: Knob) -> Result<()> {
        let at = match knob {
            Knob::Error => 0,
            Knob::Fine => 1,
            Knob::Slow => 2,
        };
        self.server
            .execute("postgres", &format!("update knob set at = {at}"))
            .await
    }

    /// Waits until the circuit of the server is in this state.
    async fn state(&self, state: &str) -> Result<Metrics> {
        self.node
            .until(&format!("a circuit that is {state}"), SOON, |metrics| {
                let here = metrics.values(STATE, &[("state", state)]).count();
                wait::when(here == 1, || metrics.show(STATE))
            })
            .await
    }

    /// What the server was sent by us after the first `from` bytes of its log: statements and connections.
    fn asked(&self, from: usize) -> Result<Vec<String>> {
        asked(&self.server, from)
    }

    fn log_length(&self) -> Result<usize> {
        Ok(self.server.log_text()?.len())
    }
}

const STATE: &str = "circuit_breaker_state";

/// The settings of a breaker that is quick enough for a test.
fn quick_breaker(half_open: u32) -> Value {
    json!({
        "evaluation_interval": "500ms",
        "defaults": {
            "error_threshold_percent": 50,
            "minimum_volume": 3,
            "window": "5s",
            "break_duration": format!("{}s", BREAK.as_secs()),
            "half_open_requests": half_open,
        },
        "load_prediction": { "enabled": false },
    })
}

/// A receiver that asks the knob, or another table, each second.
fn query(server: &Server, table: &str) -> Value {
    let sql = format!(
        "select case (select at from {table}) when 0 then 1 / (select at from {table}) \
         when 1 then 1 else (select 1 from pg_sleep(2)) end as n"
    );
    json!({
        "driver": "postgres",
        "datasource": format!(
            "postgresql://{MONITOR}:{MONITOR_PASSWORD}@{}/postgres?sslmode=disable",
            server.endpoint()
        ),
        "collection_interval": "1s",
        "timeout": "3s",
        "queries": [{
            "sql": sql,
            "metrics": [{ "metric_name": "knob", "value_column": "n", "value_type": "int" }],
        }],
    })
}

fn asked(server: &Server, from: usize) -> Result<Vec<String>> {
    let log = server.log_text()?;
    let new = log.get(from..).context("the server's log became shorter")?;
    let ours = |line: &&str| {
        let statement =
            line.contains("app=ringwatch") && (line.contains("statement:") || line.contains("execute"));
        statement || (line.contains("connection authorized") && line.contains("application_name=ringwatch"))
    };
    Ok(new.lines().filter(ours).map(str::to_owned).collect())
}
