//! The harness itself, without a node: its servers start, stop, crash, hang and come back.

use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ringwatch_cluster_tests::pgbench::{self, Load};
use ringwatch_cluster_tests::postgres::{SUPERUSER, Wish, questions};
use ringwatch_cluster_tests::scene::scenario;

#[test]
fn a_server_stops_crashes_and_hangs_as_told() -> Result<()> {
    scenario("harness_server", async |scene| {
        let mut server = scene.server("postgres", &Wish::default()).await?;
        let port = server.port();
        server
            .execute("postgres", "create table t (n int); insert into t values (7);")
            .await?;
        server.stop().await?;
        ensure!(
            server.connect("postgres").await.is_err(),
            "a stopped server answers"
        );
        server.resume_service().await?;
        ensure!(server.port() == port, "the port changed");
        ensure!(
            server.number("postgres", "select n from t").await? == 7,
            "data was lost"
        );

        server.pause()?;
        let connecting = tokio::time::timeout(Duration::from_millis(300), server.connect("postgres"));
        ensure!(connecting.await.is_err(), "a paused server answers");
        server.unpause()?;
        server.connect("postgres").await?;

        server.crash().await?;
        ensure!(
            server.connect("postgres").await.is_err(),
            "a crashed server answers"
        );
        server.resume_service().await?;
        let log = server.log_text()?;
        ensure!(
            log.contains("app=harness") && log.contains("create table t"),
            "statements are not in the log"
        );
        ensure!(log.contains("not properly shut down"), "it was no crash");
        Ok(())
    })
}

#[test]
fn load_runs_and_is_counted() -> Result<()> {
    scenario("harness_load", async |scene| {
        let server = scene.server("postgres", &Wish::default()).await?;
        pgbench::initialise(&server, "postgres").await?;
        let load = Load {
            database: "postgres".into(),
            clients: 2,
            rate: None,
            seconds: 1,
            scripts: Vec::new(),
        };
        let mut bench = pgbench::start(&server, &load, &scene.log("pgbench"))?;
        ensure!(
            bench.ended(Duration::from_secs(20)).await?.success(),
            "pgbench failed"
        );
        let calls = server
            .number("postgres", "select sum(calls)::int8 from pg_stat_statements")
            .await?;
        ensure!(calls > 10, "only {calls} calls");
        Ok(())
    })
}

#[test]
fn a_server_answers_to_several_names_and_tells_who_asked_what() -> Result<()> {
    scenario("harness_names", async |scene| {
        let server = scene.server("postgres", &Wish::default().with_names(3)).await?;
        for endpoint in server.endpoints(3) {
            TcpStream::connect(&endpoint).with_context(|| endpoint)?;
        }
        let begun = questions::now();
        server.execute("postgres", "select 4711").await?;
        let ended = questions::now();
        let asked = questions::read(&server.log_text()?);
        let found = asked.iter().find(|q| q.text == "select 4711");
        let found = found.context("the question is not in the log")?;
        ensure!(
            found.role == SUPERUSER && found.database == "postgres",
            "{found:?}"
        );
        ensure!(
            begun <= found.at && found.at <= ended,
            "{begun}, {found:?}, {ended}"
        );
        Ok(())
    })
}
