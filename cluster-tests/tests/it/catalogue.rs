//! Every stream on every supported version, all metrics switched on: frames come, and no tick is missed.

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::node::{Every, NodeConfig};
use ringwatch_cluster_tests::postgres::Wish;
use ringwatch_cluster_tests::scene::scenario;
use serde_json::{Value, json};

use crate::contract::{self, METRICS};
use crate::story::Watched;

/// A switch for every metric there is.
fn all_on() -> Value {
    Value::Object(
        METRICS
            .iter()
            .map(|m| (m.name.to_owned(), json!({ "enabled": true })))
            .collect(),
    )
}

fn every_stream(name: &str, wish: &Wish) -> Result<()> {
    scenario(name, async |scene| {
        let switches = all_on();
        let mut all = Watched::start_with(scene, wish, |target, sink| {
            NodeConfig::new(&[target], sink, Every::SECOND).receiver("metrics", switches)
        })
        .await?;
        let made = "create table t (n int primary key); insert into t values (1);
                    create function f() returns int language sql as 'select 1'; select f();";
        all.server.execute("postgres", made).await?;
        all.ticks_of("postgresql.commits", 4).await?;
        let metrics = all.node.metrics().await?;
        let streams = metrics.by_label("ringwatch_ticks_total", "stream");
        ensure!(
            streams.len() >= 8,
            "only these streams were read: {:?}",
            streams.keys()
        );
        let collected = metrics.sum("ringwatch_ticks_total", &[("outcome", "collected")]);
        let ticks = metrics.sum("ringwatch_ticks_total", &[]);
        ensure!(
            collected == ticks,
            "ticks were missed: {}",
            metrics.show("ringwatch_ticks_total")
        );
        let told = all.sink.look(|l| l.events.get("db.server.top_query").copied());
        ensure!(told.is_some_and(|n| n > 0), "no statement was told");
        let books = all.verdict().await?;
        ensure!(books.dropped.is_empty(), "rows were lost: {:?}", books.dropped);
        all.sink.look(|l| {
            l.series
                .iter()
                .try_for_each(|(id, series)| contract::check(id, series))
        })?;
        // Locks come and go; every other series stays.
        let gap = all.sink.look(|l| {
            l.gaps()
                .into_iter()
                .find(|g| g.series.metric != "postgresql.database.locks")
        });
        ensure!(gap.is_none(), "{gap:?}");
        Ok(())
    })
}

#[test]
fn every_stream_of_postgresql_14_long() -> Result<()> {
    every_stream("catalogue_14", &Wish::of_major(14))
}

#[test]
fn every_stream_of_the_systems_postgresql() -> Result<()> {
    every_stream("catalogue", &Wish::default())
}

#[test]
fn every_stream_of_postgresql_15_long() -> Result<()> {
    every_stream("catalogue_15", &Wish::of_major(15))
}

#[test]
fn every_stream_of_postgresql_16_long() -> Result<()> {
    every_stream("catalogue_16", &Wish::of_major(16))
}

#[test]
fn every_stream_of_postgresql_17_long() -> Result<()> {
    every_stream("catalogue_17", &Wish::of_major(17))
}

#[test]
fn every_stream_of_postgresql_18_long() -> Result<()> {
    every_stream("catalogue_18", &Wish::of_major(18))
}
