//! MySQL and MariaDB: an owner is killed and one stands still, and every call is told once all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ringwatch_cluster_tests::cluster::{Cluster, Shape, client};
use ringwatch_cluster_tests::mysql::{Flavour, Server};
use ringwatch_cluster_tests::node::{Every, NodeConfig};
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::sink::{Memory, Sink};
use ringwatch_cluster_tests::wait;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::story::SOON;

/// What the load calls; nothing else does.
const CALLED: &str = "update counted ";

#[test]
fn owners_of_mysql_are_covered() -> Result<()> {
    on(Flavour::MySql, "cover_mysql")
}

#[test]
fn owners_of_mariadb_are_covered() -> Result<()> {
    on(Flavour::MariaDb, "cover_mariadb")
}

/// The receiver for PostgreSQL becomes one for MariaDB.
fn of_mariadb(config: &mut NodeConfig) {
    if let Some(receiver) = config.receivers.remove("postgresql") {
        config.receivers.insert("mysql".into(), receiver);
    }
}

/// The same for MySQL, which lets nobody in by a password without TLS.
fn of_mysql(config: &mut NodeConfig) {
    of_mariadb(config);
    config.receivers["mysql"]["tls"] = json!({ "insecure_skip_verify": true });
}

fn on(flavour: Flavour, name: &'static str) -> Result<()> {
    if !flavour.is_at_hand() {
        println!("  skipped: {flavour:?} is not here");
        return Ok(());
    }
    scenario(name, async |scene| {
        let server = Arc::new(Server::start(flavour, &scene.log("server")).await?);
        let tables = "create database shop; create table shop.counted (id int primary key, n int); \
             insert into shop.counted values (1, 0)";
        server.execute(tables).await?;
        let sink = Sink::start(Memory::OF_A_TEST).await?;
        let every = Every {
            collection: "1s",
            statements: "1s",
            activity: "",
        };
        let shape = Shape {
            adapt: match flavour {
                Flavour::MySql => of_mysql,
                Flavour::MariaDb => of_mariadb,
            },
            ..Shape::new(&[server.endpoint()], &sink.endpoint(), every)
        };
        let mut cluster = Cluster::start(shape, 3, scene.logs()).await?;
        wait::until("the first readings", SOON, async || {
            let all = cluster.metrics().await.map_err(|e| format!("{e:#}"))?;
            let of = [("stream", "mysql.statements"), ("outcome", "collected")];
            let read: u64 = all.iter().map(|m| m.count("ringwatch_ticks_total", &of)).sum();
            wait::when(read > 1, || format!("{read}"))
        })
        .await?;

        let (stop, issued) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)));
        let load = tokio::spawn(load(Arc::clone(&server), Arc::clone(&stop), Arc::clone(&issued)));
        let killed = owner(&cluster).await?;
        sleep(Duration::from_millis(3_300)).await;
        cluster.seat_mut(killed).kill_at_once().await?;
        cluster.agree(SOON).await?;
        cluster.launch(killed)?;
        cluster.agree(SOON).await?;
        let frozen = owner(&cluster).await?;
        cluster.seat_mut(frozen).freeze()?;
        sleep(Duration::from_secs(5)).await;
        cluster.seat_mut(frozen).thaw()?;
        cluster.agree(SOON).await?;
        sleep(Duration::from_secs(3)).await;

        stop.store(true, Ordering::Relaxed);
        load.await??;
        every_call_is_told_once(&sink, issued.load(Ordering::Relaxed)).await?;
        ensure!(
            sink.look(|ledger| ledger.conflicts()) == 0,
            "ticks with two readings"
        );
        accounted(&cluster)?;
        cluster.end().await
    })
}

/// Calls the statement all the time, and counts.
async fn load(server: Arc<Server>, stop: Arc<AtomicBool>, issued: Arc<AtomicI64>) -> Result<()> {
    let mut session = server.connect().await?;
    sqlx::raw_sql("use shop").execute(&mut session).await?;
    while !stop.load(Ordering::Relaxed) {
        sqlx::raw_sql("update counted set n = n + 1 where id = 1")
            .execute(&mut session)
            .await?;
        issued.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// The number of the node that owns the one target.
async fn owner(cluster: &Cluster) -> Result<usize> {
    let agreed = cluster.agree(SOON).await?;
    let owner = agreed.owners.values().next().context("no owner")?;
    cluster.number_of(owner)
}

async fn every_call_is_told_once(sink: &Sink, issued: i64) -> Result<()> {
    let told = || {
        sink.look(|ledger| {
            let called = ledger
                .statements
                .values()
                .filter(|sum| sum.text.to_lowercase().replace('`', "").starts_with(CALLED));
            called.map(|sum| sum.calls).sum::<i64>()
        })
    };
    wait::until("every call to be told", SOON, async || {
        let told = told();
        wait::when(told >= issued, || format!("{told} of {issued}"))
    })
    .await?;
    // What comes twice comes later.
    sleep(Duration::from_secs(2)).await;
    ensure!(told() == issued, "{} calls told of {issued}", told());
    println!("  {issued} calls, each told once");
    Ok(())
}

/// The nodes account for every tick; some were covered.
fn accounted(cluster: &Cluster) -> Result<()> {
    let witness = cluster.seat(0).ports().grpc;
    let output = client(witness, &["cluster", "audit", "--from", "10m", "-o", "json"])?;
    let said: Value = serde_json::from_slice(&output.stdout)?;
    let totals = &said["totals"];
    println!("  audit: {totals}");
    ensure!(totals["unknown"] == 0, "ticks nobody accounts for: {said}");
    let missed = totals["missed"].as_object().context("no reasons")?;
    ensure!(missed.is_empty(), "missed: {missed:?}");
    ensure_fault(
        totals["covered"].as_u64() > Some(0),
        "no tick fell into the time in which nobody owned",
    )
}
