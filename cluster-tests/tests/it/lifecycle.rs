//! Start and stop; stop under load.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, Result, ensure};
use ringwatch_cluster_tests::node::{DRAIN, Every};
use ringwatch_cluster_tests::pgbench::{self, Load};
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::sink::{Answer, Ledger};
use ringwatch_cluster_tests::{http, wait};
use tokio::time::Instant;

use crate::story::{SOON, Watched};

/// Ready only when it is; live; told to stop it goes with 0, and leaves no session, no listener.
#[test]
fn a_node_starts_and_stops_and_leaves_nothing() -> Result<()> {
    scenario("start_stop", async |scene| {
        let mut all = Watched::start(scene, Every::SECOND).await?;
        let ports = all.node.ports();
        for path in ["/", "/health", "/health/live", "/health/ready", "/ready"] {
            let answer = http::get(ports.health, path).await?;
            ensure!(answer.status == 200, "{path}: {}", answer.status);
            let document: serde_json::Value = serde_json::from_str(&answer.body).context(path)?;
            ensure!(document["healthy"] == true, "{path}: {document}");
        }
        all.ticks_of("postgresql.commits", 3).await?;
        let sessions = "select count(*) from pg_stat_activity where usename = 'monitor'";
        ensure!(
            all.server.number("postgres", sessions).await? > 0,
            "the node has no session"
        );

        all.spotless().await?;
        wait::until("no session of the node", SOON, async || {
            let left = all
                .server
                .number("postgres", sessions)
                .await
                .map_err(|e| e.to_string())?;
            wait::when(left == 0, || format!("{left} sessions are left"))
        })
        .await?;
        for port in [ports.grpc, ports.health, ports.metrics] {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .with_context(|| format!("port {port} is still taken"))?;
        }
        let log = all.server.log_text()?;
        ensure!(
            !log.contains("unexpected EOF"),
            "sessions were cut off, not closed"
        );
        Ok(())
    })
}

/// The rows that the receiver holds, by what each row surely brings: a record, or a point of this metric whose
/// attributes hold this word.
fn rows(ledger: &Ledger, major: u32) -> u64 {
    let mut witnesses = vec![
        ("postgresql.commits", ""),
        ("postgresql.connection.max", ""),
        ("postgresql.bgwriter.maxwritten", ""),
        ("postgresql.table.count", ""),
        ("postgresql.rows", "state=live"),
        ("postgresql.blocks_read", "source=heap_hit"),
        ("postgresql.index.scans", ""),
    ];
    // From version 17 on the checkpointer has a row of its own.
    if major >= 17 {
        witnesses.push(("postgresql.bgwriter.checkpoint.count", "type=scheduled"));
    }
    let fits = |metric: &str, attributes: &str| {
        witnesses
            .iter()
            .any(|(name, word)| *name == metric && attributes.contains(word))
    };
    let points = ledger
        .series
        .iter()
        .filter(|(id, _)| fits(&id.metric, &id.attributes));
    let points: usize = points.map(|(_, series)| series.points.len()).sum();
    ledger.records - ledger.double_records + points as u64
}

/// Under load and with a queue that a slow receiver has filled: exit 0 in time, and every tick is with the receiver.
#[test]
fn told_to_stop_under_load_it_loses_nothing() -> Result<()> {
    scenario("sigterm_under_load", async |scene| {
        let mut all = Watched::start(scene, Every::SECOND).await?;
        pgbench::initialise(&all.server, "postgres").await?;
        let load = Load {
            database: "postgres".into(),
            clients: 4,
            rate: Some(300),
            seconds: 60,
            scripts: Vec::new(),
        };
        let _bench = pgbench::start(&all.server, &load, &scene.log("pgbench"))?;
        all.ticks_of("postgresql.commits", 2).await?;
        all.sink.script(Answer::Unavailable);
        all.node
            .until("rows that wait for the receiver", SOON, |m| {
                let waiting = m.sum("ringwatch_in_flight_rows", &[]);
                wait::when(waiting > 50.0, || format!("{waiting} rows"))
            })
            .await?;
        ensure_fault(all.sink.given().unavailable > 0, "the receiver refused nothing")?;
        let before = all.node.metrics().await?;
        let collected = before.sum("ringwatch_ticks_total", &[("outcome", "collected")]);
        ensure!(collected > 0.0, "no tick was collected");
        let last_seen = all.newest();

        all.sink.script(Answer::Accept);
        let told = Instant::now();
        let last = all.node.terminate().await?;
        ensure!(told.elapsed() < DRAIN, "it took {:?}", told.elapsed());
        ensure!(all.newest() > last_seen, "the queue was not flushed");
        let (gaps, doubles) = all.sink.look(|l| (l.gaps(), l.doubles()));
        ensure!(doubles == 0, "{doubles} came twice");
        ensure!(last.dropped == 0, "rows were lost: {last:?}");
        let came = all.sink.look(|l| rows(l, all.server.major()));
        ensure!(last.delivered == came, "{came} rows came, the node says {last:?}");
        let of_old_series: Vec<_> = gaps
            .iter()
            .filter(|gap| gap.series.metric == "postgresql.commits")
            .collect();
        ensure!(of_old_series.is_empty(), "gaps: {of_old_series:?}");
        let points = all.sink.look(|l| {
            l.of_metric(&all.target(), "postgresql.commits")
                .map(|(_, s)| s.points.len())
                .max()
        });
        let ticks = before.values(
            "ringwatch_ticks_total",
            &[("stream", "postgresql.databases"), ("outcome", "collected")],
        );
        let ticks: f64 = ticks.sum();
        #[expect(clippy::cast_precision_loss, reason = "a few points")]
        let points = points.unwrap_or(0) as f64;
        ensure!(
            points >= ticks,
            "{ticks} ticks were read before the signal, {points} came"
        );
        let text = all.node.log_text()?.to_lowercase();
        ensure!(!text.contains("panicked"), "it panicked");
        Ok(())
    })
}

/// A receiver that is down for good does not keep the node from going.
#[test]
fn told_to_stop_with_the_receiver_gone_it_goes_in_time_long() -> Result<()> {
    scenario("sigterm_sink_gone", async |scene| {
        let mut all = Watched::start(scene, Every::SECOND_METRICS).await?;
        all.sink.down();
        all.node
            .until("rows that wait for the receiver", SOON, |m| {
                let waiting = m.sum("ringwatch_in_flight_rows", &[]);
                wait::when(waiting > 20.0, || format!("{waiting} rows"))
            })
            .await?;
        let last = all.node.terminate().await?;
        ensure!(last.dropped > 0, "nothing was given up: {last:?}");
        let came = all.sink.look(|l| rows(l, all.server.major()));
        ensure!(last.delivered == came, "{came} rows came, the node says {last:?}");
        Ok(())
    })
}
