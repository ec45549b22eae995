//! The same on MariaDB, where the plan of a sample of the statement is asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::mysql::{Flavour, Server};
use ringwatch_cluster_tests::node::{Every, NodeConfig};
use ringwatch_cluster_tests::postgres::{MONITOR, MONITOR_PASSWORD};
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::sink::{Record, Sink};
use ringwatch_cluster_tests::wait;
use serde_json::json;
use sqlx::AssertSqlSafe;

use super::{CHANGE, FAILURE, PLAN, SOON, quick_plans, record};

const TABLES: &str = "create database shop;
    create table shop.orders (id int primary key, customer int, note varchar(40), key by_customer (customer));
    insert into shop.orders select seq, seq % 20000, concat('note ', seq) from shop_numbers;
    analyze table shop.orders;
    grant select on shop.* to 'monitor'@'%'";

fn watched_by(server: &Server, sink: &Sink) -> NodeConfig {
    let mut config = NodeConfig::new(&[], &sink.endpoint(), Every::SECOND_METRICS);
    config.receivers.clear();
    let receiver = json!({
        "endpoint": server.endpoint(),
        "username": MONITOR,
        "password": MONITOR_PASSWORD,
        "tls": { "insecure": true },
        "timeout": "3s",
        "statements": { "interval": "1s" },
        "plans": quick_plans(),
    });
    config.receivers.insert("mysql".into(), receiver);
    config.logs = true;
    config.processors.insert("plan_extractor".into(), json!({}));
    config.order.insert(0, "plan_extractor".into());
    config
}

/// Asks for the orders of one customer after the other, and hides a write now and then, until it is told to stop.
async fn load(server: &Server, stop: &AtomicBool) -> Result<()> {
    let mut session = server.connect().await?;
    let mut customer = 0;
    sqlx::raw_sql("use shop").execute(&mut session).await?;
    while !stop.load(Ordering::Relaxed) {
        let note = format!("{{\"secret4711\": {customer}}}");
        let read = format!(
            "select count(*), max(note) from orders where customer = {customer} and note <> '{note}'"
        );
        let write = "select id from orders where id = 4711 for update";
        for sql in [read.as_str(), write] {
            sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
                .execute(&mut session)
                .await?;
        }
        customer = (customer + 1) % 20_000;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn tell(server: &Server, sink: &Sink) -> Result<()> {
    let is_read = |record: &Record| {
        let text = record.text("db.query.text").unwrap_or_default().to_lowercase();
        text.contains("max") && text.contains("orders")
    };
    let plan = |record: &Record| record.text("mysql.query_plan").unwrap_or_default().to_owned();
    record(sink, PLAN, "a plan by the index", |record| {
        is_read(record) && plan(record).contains("by_customer")
    })
    .await?;
    let looked =
        |sink: &Sink| sink.look(|ledger| ledger.events.get("db.server.top_query").copied().unwrap_or(0));
    let enough = looked(sink) + 10;
    wait::until("more calls under the first plan", SOON, async || {
        wait::when(looked(sink) >= enough, || format!("{} of {enough}", looked(sink)))
    })
    .await?;
    server
        .execute("alter table shop.orders drop index by_customer")
        .await?;
    let change = record(sink, CHANGE, "the change of the plan", is_read).await?;
    let number = |name: &str| {
        let value = change.attributes.get(&format!("ringwatch.plan.{name}"));
        value
            .and_then(ringwatch_cluster_tests::sink::Value::number)
            .unwrap_or_default()
    };
    println!(
        "a call took {:.3} ms before and {:.3} ms after",
        number("mean_before"),
        number("mean_after")
    );
    ensure!(
        number("mean_before") > 0.0 && number("mean_after") > 2.0 * number("mean_before"),
        "{change:?}"
    );
    let refused = record(sink, FAILURE, "the statement that locks", |record| {
        record
            .text("db.query.text")
            .unwrap_or_default()
            .to_lowercase()
            .contains("for update")
    })
    .await?;
    ensure!(
        refused.text("ringwatch.plan.failure") == Some("not_read_only"),
        "{refused:?}"
    );
    let scanned = record(sink, PLAN, "the new plan", |record| {
        let scans = record
            .attributes
            .get("has_sequential_scan")
            .map(ToString::to_string);
        is_read(record) && scans.as_deref() == Some("true")
    })
    .await?;
    ensure!(!plan(&scanned).contains("by_customer"), "{scanned:?}");
    Ok(())
}

#[test]
fn a_dropped_index_of_mariadb_is_told_with_what_a_call_took_before_and_after() -> Result<()> {
    if !Flavour::MariaDb.is_at_hand() {
        println!("skipped: MariaDB is not at hand");
        return Ok(());
    }
    scenario("plans_mariadb", async |scene| {
        let options = [
            "--performance-schema=ON",
            "--performance-schema-consumer-events-statements-current=ON",
            "--performance-schema-consumer-events-statements-history-long=ON",
        ];
        let server = Server::start_with(Flavour::MariaDb, &scene.log("mariadb"), &options).await?;
        let numbers = "(with recursive s(seq) as (select 1 union all select seq + 1 from s where seq < 1000) \
                       select a.seq + 1000 * (b.seq - 1) as seq from s a, s b where b.seq <= 200) numbers";
        server.execute(&TABLES.replace("shop_numbers", numbers)).await?;
        let sink = scene.sink().await?;
        let mut node = scene.node(&watched_by(&server, &sink)).await?;
        let stop = Arc::new(AtomicBool::new(false));
        let story = async {
            let told = tell(&server, &sink).await;
            stop.store(true, Ordering::Relaxed);
            told
        };
        let (told, loaded) = tokio::join!(story, load(&server, &stop));
        loaded?;
        told?;
        let asked = server.statements()?;
        let explained: Vec<&str> = asked
            .lines()
            .filter(|line| line.to_lowercase().contains("explain"))
            .collect();
        ensure_fault(!explained.is_empty(), "nothing was explained")?;
        for line in explained {
            ensure!(!line.to_lowercase().contains("for update"), "explained: {line}");
        }
        let leaked = sink.look(|ledger| {
            let mut records = ledger.last_records.iter();
            records
                .find(|record| format!("{record:?}").contains("4711"))
                .cloned()
        });
        ensure!(leaked.is_none(), "a literal left: {leaked:?}");
        node.terminate().await.map(drop)
    })
}
