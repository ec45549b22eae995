//! What a sampler has seen, the next owner's sampler has seen too: a statement is new once, not once an owner.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use ringwatch_cluster_tests::cluster::group::WELL;
use ringwatch_cluster_tests::node::NodeConfig;
use ringwatch_cluster_tests::postgres::{MONITOR, MONITOR_PASSWORD};
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::wait;
use serde_json::{Value, json};

use crate::cluster::Watching;
use crate::story::SOON;

/// Rows of each reading.
const ROWS: usize = 300;

/// Reads rows of the first target, of which only new ones are kept.
fn sampled(config: &mut NodeConfig) {
    let endpoint = config.receivers["postgresql"]["targets"][0]["endpoint"].clone();
    let receiver = json!({
        "driver": "postgres",
        "endpoint": endpoint,
        "username": MONITOR,
        "password": MONITOR_PASSWORD,
        "database": "postgres",
        "tls": { "insecure": true },
        "collection_interval": "1s",
        "queries": [{
            "sql": format!("select n::text as marked, n as value from generate_series(1, {ROWS}) n"),
            "metrics": [{
                "metric_name": "rows", "value_column": "value", "attribute_columns": ["marked"],
            }],
        }],
    });
    config.receivers.insert("sqlquery/rows".into(), receiver);
    let sampler = json!({
        "key": ["marked"], "default_sampling_rate": 100, "keep_new": true, "max_decisions_per_second": 0,
        "adaptive": { "enabled": false },
        "rules": [{
            "name": "rows", "sampling_rate": 0,
            "conditions": [{ "attribute": "marked", "operator": "exists" }],
        }],
    });
    config.processors.insert("adaptive_sampler".into(), sampler);
    config.order.insert(0, "adaptive_sampler".into());
}

/// How often each row came.
fn kept(all: &Watching) -> BTreeMap<String, usize> {
    all.sink.look(|l| {
        let rows = l.series.iter().filter(|(id, _)| id.metric == "rows");
        rows.map(|(id, series)| (id.attributes.clone(), series.points.len()))
            .collect()
    })
}

/// Readings of the rows by the nodes that are awake.
async fn readings(all: &Watching) -> Result<f64> {
    let collected = [("outcome", "collected")];
    let mut readings = 0.0;
    for metrics in all.cluster.metrics().await? {
        let ticks = metrics.by_label_of("ringwatch_ticks_total", &collected, "stream");
        let of_rows = ticks.iter().filter(|(stream, _)| stream.starts_with("sqlquery"));
        readings += of_rows.map(|(_, ticks)| ticks).sum::<f64>();
    }
    Ok(readings)
}

/// How many kinds of rows the group remembers as seen, by the word of each node.
fn remembered(all: &Watching) -> Result<Vec<usize>> {
    let mut seen = Vec::new();
    for n in all.cluster.awake() {
        let state: Value = serde_json::from_str(&all.asked(n, &["state", "export"], 0)?)?;
        let samplers = state["samplers"].as_array().into_iter().flatten();
        let statements = samplers.filter_map(|sampler| sampler["statements"].as_array());
        seen.push(statements.map(Vec::len).sum());
    }
    Ok(seen)
}

/// Waits for some more readings of the rows.
async fn read_again(all: &Watching) -> Result<()> {
    let before = readings(all).await?;
    wait::until("further readings of the rows", SOON, async || {
        let now = readings(all).await.map_err(|e| format!("{e:#}"))?;
        wait::when(now >= before + 3.0, || format!("{now}, before {before}"))
    })
    .await
}

#[test]
fn a_statement_is_not_new_again_at_the_next_owner() -> Result<()> {
    scenario("raft_sampler", async |scene| {
        let mut all = Watching::start(scene, 3, 3, |shape| shape.adapt = sampled).await?;
        all.cluster.whole(3, 0, WELL).await?;
        wait::until("every row once", SOON, async || {
            wait::when(kept(&all).len() == ROWS, || format!("{} rows", kept(&all).len()))
        })
        .await?;
        read_again(&all).await?;
        wait::until("every row in the group's memory", SOON, async || {
            let seen = remembered(&all).map_err(|e| format!("{e:#}"))?;
            wait::when(seen.iter().all(|seen| *seen >= ROWS), || format!("{seen:?}"))
        })
        .await?;
        for _ in 0..2 {
            let before = all.cluster.agree(SOON).await?;
            let owner = before.owners.get(&all.targets[0]).context("nobody owns it")?;
            let n = all.cluster.number_of(owner)?;
            all.cluster.seat_mut(n).kill_at_once().await?;
            let after = all.cluster.agree(SOON).await?;
            ensure_fault(
                after.owners.get(&all.targets[0]) != Some(owner),
                "it was not moved",
            )?;
            read_again(&all).await?;
            all.cluster.launch(n)?;
            all.cluster.whole(3, 0, WELL).await?;
            all.cluster.agree(SOON * 2).await?;
            read_again(&all).await?;
        }
        let again: Vec<_> = kept(&all).into_iter().filter(|(_, count)| *count > 1).collect();
        ensure!(
            again.is_empty(),
            "{} rows were new again: {:?}",
            again.len(),
            again.first()
        );
        // What the sampler kept back was dropped, so this is no end without a loss.
        for n in all.cluster.awake() {
            all.cluster.terminate(n).await?;
        }
        Ok(())
    })
}
