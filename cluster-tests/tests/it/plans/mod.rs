//! Plans of real servers: what is asked for, what never is, what comes out, and what is told when a plan changes.

mod auto_explain;
mod change;
mod harmless;
mod mariadb;

use std::time::Duration;

use anyhow::Result;
use ringwatch_cluster_tests::node::{Every, NodeConfig};
use ringwatch_cluster_tests::postgres::{Server, Wish};
use ringwatch_cluster_tests::scene::Scene;
use ringwatch_cluster_tests::sink::{Record, Sink};
use ringwatch_cluster_tests::wait;
use serde_json::{Value, json};

use crate::story::Watched;

/// Longer than a few looks at a second's interval take.
const SOON: Duration = Duration::from_secs(40);
const PLAN: &str = "db.server.query_plan";
const CHANGE: &str = "db.server.query_plan_change";
const FAILURE: &str = "db.server.query_plan_failure";

/// Settings that look each second, with room for all that a scenario asks.
fn quick_plans() -> Value {
    json!({
        "interval": "1s",
        "per_hour": 10_000,
        "per_query_per_hour": 3600,
        "min_calls": 5,
        "resend": "1s",
    })
}

/// A server with a table of orders that the monitoring role may read, and a node that looks at plans, takes attributes
/// out of them and verifies them.
async fn watched(scene: &Scene, wish: &Wish, plans: Value) -> Result<Watched> {
    let config = |target: String, sink: &str| {
        let every = Every {
            collection: "1s",
            statements: "1s",
            activity: "",
        };
        let mut config = NodeConfig::new(&[target], sink, every).receiver("plans", plans);
        config.processors.insert("plan_extractor".into(), json!({}));
        let verification = json!({ "pii_detection": {
            "enabled": true, "scan_query_text": true, "scan_attributes": true,
        } });
        config.processors.insert("verification".into(), verification);
        config.order = ["plan_extractor", "verification", "batch"]
            .map(str::to_owned)
            .to_vec();
        config
    };
    let watched = Watched::start_with(scene, wish, config).await?;
    orders(&watched.server).await?;
    Ok(watched)
}

/// 300 000 orders of 20 000 customers, with an index on the customer.
async fn orders(server: &Server) -> Result<()> {
    server
        .execute(
            "postgres",
            "create table orders (id int primary key, customer int, note text);
             insert into orders select n, n % 20000, 'note ' || n from generate_series(1, 300000) n;
             create index orders_customer on orders (customer);
             grant select on orders to monitor;
             analyze orders",
        )
        .await
}

/// Waits for a record of this event that fits, and gives it.
async fn record(sink: &Sink, event: &str, what: &str, fits: impl Fn(&Record) -> bool) -> Result<Record> {
    let found = || {
        sink.look(|ledger| {
            let mut records = ledger.last_records.iter().filter(|record| record.event == event);
            records.find(|record| fits(record)).cloned()
        })
    };
    wait::until(what, SOON, async || {
        let seen = || {
            sink.look(|ledger| {
                let same = ledger.last_records.iter().filter(|record| record.event == event);
                let texts: Vec<_> = same.filter_map(|record| record.text("db.query.text")).collect();
                format!("events so far: {:?}; {event} of {texts:?}", ledger.events)
            })
        };
        wait::when(found().is_some(), seen)
    })
    .await?;
    found().ok_or_else(|| anyhow::anyhow!("{what}: it was there"))
}

/// Whether a record's statement begins like this.
fn is_about(record: &Record, text: &str) -> bool {
    record
        .text("db.query.text")
        .is_some_and(|query| query.starts_with(text))
}
