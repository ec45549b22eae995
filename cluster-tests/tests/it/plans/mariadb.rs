//! The same on MariaDB, where the plan of a sample of the statement is asked for.

use std::collections::HashSet;
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
    create table shop.written (at int) engine = MyISAM;
    create function shop.hidden_write(n int) returns int begin insert into shop.written values (n); return n; end;
    create sequence shop.numbers;
    grant select, insert, execute on shop.* to 'monitor'@'%'";

/// Statements that change something, however well they hide it, and what they are known by.
const WRITES: [(&str, &str); 4] = [
    ("select id from orders where id = 4711 for update", "for update"),
    (
        "select hidden_write(4711) from orders where id = 4711",
        "hidden_write",
    ),
    (
        "select nextval(numbers) + 4711 from orders where id = 4711",
        "nextval",
    ),
    (
        "select get_lock('secret4711', 0) from orders where id = 4711",
        "get_lock",
    ),
];

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
        let writes = WRITES.map(|(write, _)| write);
        for sql in [read.as_str()].into_iter().chain(writes) {
            sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
                .execute(&mut session)
                .await?;
        }
        customer = (customer + 1) % 20_000;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// What the sessions of the monitoring account sent, by the server's general log, in which a line has the session's
/// number and a command before what was sent.
fn sent_by_monitor(log: &str) -> Vec<&str> {
    let monitor = format!("{MONITOR}@");
    let (mut sessions, mut sent) = (HashSet::new(), Vec::new());
    for line in log.lines() {
        let mut fields = line.split('\t');
        let session = |field: &str| {
            let (session, command) = field.trim().split_once(' ')?;
            // The first line of a second begins with a date, which is a number and a time of day.
            let word = command.starts_with(|first: char| first.is_ascii_alphabetic());
            Some((session.parse::<u64>().ok().filter(|_| word)?, command.to_owned()))
        };
        let Some((session, command)) = fields.find_map(session) else {
            continue;
        };
        let text = fields.next().unwrap_or_default();
        match command.as_str() {
            "Connect" if text.starts_with(&monitor) => drop(sessions.insert(session)),
            "Query" | "Prepare" | "Execute" if sessions.contains(&session) => sent.push(text),
            _ => {}
        }
    }
    sent
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
    for (_, known_by) in WRITES {
        let refused = record(sink, FAILURE, known_by, |record| {
            record
                .text("db.query.text")
                .unwrap_or_default()
                .to_lowercase()
                .contains(known_by)
        })
        .await?;
        ensure!(
            refused.text("ringwatch.plan.failure") == Some("not_read_only"),
            "{refused:?}"
        );
    }
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
        let log = server.statements()?;
        let asked = sent_by_monitor(&log);
        for text in &asked {
            // The driver sets time zone and character set.
            let is_ours = text.starts_with("/* ringwatch ") || text.starts_with("SET time_zone=");
            ensure!(is_ours, "not marked as ours: {text}");
        }
        let explained: Vec<_> = asked
            .iter()
            .map(|text| text.to_lowercase())
            .filter(|text| text.contains("explain"))
            .collect();
        ensure_fault(!explained.is_empty(), "nothing was explained")?;
        for text in explained {
            let is_write = WRITES.iter().any(|(_, known_by)| text.contains(known_by));
            ensure!(!is_write, "explained: {text}");
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
