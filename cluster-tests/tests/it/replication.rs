//! The two default metrics that need a standby: how far it is behind, in bytes and in time.

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::node::Every;
use ringwatch_cluster_tests::postgres::Wish;
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::sink::Ledger;
use ringwatch_cluster_tests::wait;

use crate::contract;
use crate::story::{SOON, Watched};

/// The newest value of a metric's series with these attributes.
fn newest(ledger: &Ledger, target: &str, metric: &str, attributes: &str) -> Option<f64> {
    let mut series = ledger
        .of_metric(target, metric)
        .filter(|(id, _)| id.attributes == attributes);
    series
        .next()
        .and_then(|(_, s)| s.last())
        .and_then(|(_, point)| point.value.number())
}

#[test]
fn a_standby_that_lags_is_seen() -> Result<()> {
    scenario("replication", async |scene| {
        let mut all = Watched::start(scene, Every::SECOND_METRICS).await?;
        // The standby applies what it gets only after two seconds, so that it lags by that much under writes.
        let late = Wish::default()
            .with("recovery_min_apply_delay=2s")
            .with("hot_standby=on");
        let standby = all.server.standby(&late, &scene.log("standby")).await?;
        all.server.execute("postgres", "create table t (n int)").await?;
        let target = all.target();
        let mut session = all.server.connect("postgres").await?;
        wait::until("a lag of at least a second", SOON + SOON, async || {
            let writes = "insert into t select generate_series(1, 200)";
            let written = ringwatch_cluster_tests::postgres::sql::execute(&mut session, writes).await;
            written.map_err(|e| e.to_string())?;
            let seen = all.sink.look(|l| {
                let bytes = newest(
                    l,
                    &target,
                    "postgresql.replication.data_delay",
                    "replication_client=127.0.0.1",
                );
                let lag = |op| {
                    let attributes = format!("operation={op},replication_client=127.0.0.1");
                    newest(l, &target, "postgresql.wal.lag", &attributes)
                };
                (bytes, lag("replay"), lag("write"), lag("flush"))
            });
            let behind =
                matches!(seen, (Some(bytes), Some(replay), Some(_), Some(_)) if bytes > 0.0 && replay >= 1.0);
            wait::when(behind, || format!("{seen:?}"))
        })
        .await?;
        let replay = "select coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)), 0)::int8 from pg_stat_replication";
        ensure_fault(
            all.server.number("postgres", replay).await? > 0,
            "the standby does not lag",
        )?;
        ensure!(
            standby
                .number("postgres", "select pg_is_in_recovery()::int")
                .await?
                == 1,
            "it is no standby"
        );
        all.sink.look(|l| {
            l.series
                .iter()
                .try_for_each(|(id, series)| contract::check(id, series))
        })?;
        all.verdict().await.map(drop)
    })
}
