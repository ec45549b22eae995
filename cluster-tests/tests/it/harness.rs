//! The harness itself, without a node: its servers start, stop, crash, hang and come back.

use std::fs::File;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ringwatch_cluster_tests::pgbench::{self, Load};
use ringwatch_cluster_tests::postgres::{SUPERUSER, Wish, questions};
use ringwatch_cluster_tests::power::Volume;
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

#[test]
fn a_power_cut_takes_what_was_not_durable() -> Result<()> {
    scenario("harness_power", async |_| {
        let Some(mut volume) = Volume::new()? else {
            return Ok(());
        };
        let (kept, lost) = (volume.place().join("kept"), volume.place().join("lost"));
        let mut file = File::create(&kept)?;
        file.write_all(&[1; 100_000])?;
        file.sync_all()?;
        File::open(volume.place())?.sync_all()?;
        std::fs::write(&lost, [1; 100_000])?;
        volume.cut()?;
        let refused = file.write_all(&[2; 100_000]).and_then(|()| file.sync_all());
        ensure!(refused.is_err(), "it can still be written");
        drop(file);
        volume.restore()?;
        ensure!(std::fs::read(&kept)? == [1; 100_000], "what was durable is gone");
        let left = std::fs::metadata(&lost).map_or(0, |m| m.len());
        ensure!(left == 0, "{left} bytes are left that were not durable");
        volume.renew()?;
        ensure!(!kept.exists(), "it is not new");
        Ok(())
    })
}
