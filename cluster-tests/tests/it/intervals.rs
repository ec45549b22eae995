//! Consecutive points of every series are exactly one interval apart, for each interval; logs carry ticks too.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::node::{Every, NodeConfig};
use ringwatch_cluster_tests::pgbench::{self, Load};
use ringwatch_cluster_tests::postgres::{Wish, sql};
use ringwatch_cluster_tests::scene::scenario;

use crate::story::Watched;

const SECOND: u64 = 1_000_000_000;

#[test]
fn points_are_exactly_one_interval_apart() -> Result<()> {
    scenario("intervals", async |scene| {
        let every = Every {
            collection: "2s",
            statements: "1s",
            activity: "500ms",
        };
        let mut all = Watched::start_with(scene, &Wish::default(), |target, sink| {
            NodeConfig::new(&[target], sink, every)
        })
        .await?;
        pgbench::initialise(&all.server, "postgres").await?;
        let load = Load {
            database: "postgres".into(),
            clients: 2,
            rate: Some(100),
            seconds: 60,
            scripts: Vec::new(),
        };
        let _bench = pgbench::start(&all.server, &load, &scene.log("pgbench"))?;
        // A session that is seen at every tick, which those of a light load are not.
        let mut open = all.server.connect("postgres").await?;
        sql::execute(&mut open, "begin; select 1").await?;
        all.ticks_of("postgresql.commits", 6).await?;
        all.ticks_of("postgresql.rows", 3).await?;
        all.spotless().await?;
        all.sink.look(|ledger| {
            for (id, series) in &ledger.series {
                let interval = series.interval.unwrap_or(2 * SECOND);
                ensure!(interval == 2 * SECOND, "{id:?} comes every {interval} ns");
            }
            for (event, interval) in [
                ("db.server.top_query", SECOND),
                ("db.server.query_sample", SECOND / 2),
            ] {
                let target = all.target();
                let times: BTreeSet<u64> = ledger.of_event(&target, event).map(|r| r.time).collect();
                ensure!(times.len() > 3, "{} ticks of {event}", times.len());
                let phases: BTreeSet<u64> = times.iter().map(|t| t % interval).collect();
                ensure!(phases.len() == 1, "{event} is not on its ticks: {phases:?}");
            }
            Ok(())
        })
    })
}
