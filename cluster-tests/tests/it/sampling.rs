//! Sampling is a hash: nodes that do not know of each other keep the same rows, and so does one that starts anew.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::node::{Every, Node, NodeConfig};
use ringwatch_cluster_tests::postgres::{MONITOR, MONITOR_PASSWORD, Server, Wish};
use ringwatch_cluster_tests::scene::{Scene, scenario};
use ringwatch_cluster_tests::sink::Sink;
use ringwatch_cluster_tests::wait;
use serde_json::json;

use crate::story::SOON;

/// Rows of each reading.
const ROWS: usize = 400;

/// A node of a cluster of one that keeps half of the rows, and its receiver.
struct Alone {
    node: Node,
    sink: Sink,
    config: NodeConfig,
}

impl Alone {
    async fn start(scene: &Scene, server: &Server, name: &str) -> Result<Self> {
        let sink = scene.sink().await?;
        let mut config = NodeConfig::new(&[], &sink.endpoint(), Every::SECOND_METRICS);
        config.receivers.clear();
        let receiver = json!({
            "driver": "postgres",
            "endpoint": server.endpoint(),
            "username": MONITOR,
            "password": MONITOR_PASSWORD,
            "database": "postgres",
            "tls": { "insecure": true },
            "collection_interval": "1s",
            "queries": [{
                "sql": format!("select n::text as query_id, n as value from generate_series(1, {ROWS}) n"),
                "metrics": [{
                    "metric_name": "rows", "value_column": "value", "attribute_columns": ["query_id"],
                }],
            }],
        });
        config.receivers.insert("sqlquery/rows".into(), receiver);
        let sampler = json!({
            "default_sampling_rate": 50, "keep_new": false, "window": "3s", "max_decisions_per_second": 0,
            "adaptive": { "enabled": false },
        });
        config.processors.insert("adaptive_sampler".into(), sampler);
        config.order.insert(0, "adaptive_sampler".into());
        // Members of one cluster would not read the same target.
        config.cluster.insert("name".into(), json!(name));
        let node = Node::start(name, &config, &scene.log(name)).await?;
        Ok(Self { node, sink, config })
    }

    /// The rows that were kept, by tick.
    fn kept(&self) -> BTreeMap<u64, BTreeSet<String>> {
        self.sink.look(|l| {
            let mut kept: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
            for (id, series) in l.series.iter().filter(|(id, _)| id.metric == "rows") {
                for time in series.points.keys() {
                    kept.entry(*time).or_default().insert(id.attributes.clone());
                }
            }
            kept
        })
    }

    /// Waits for so many ticks after `from`, and for one more, so that those are whole.
    async fn ticks(&self, from: u64, count: usize) -> Result<()> {
        wait::until(&format!("{count} ticks"), SOON, async || {
            let ticks = self.kept().range(from + 1..).count();
            wait::when(ticks > count, || format!("{ticks} came"))
        })
        .await
    }
}

fn compare(a: &Alone, b: &Alone, from: u64) -> Result<usize> {
    let (of_a, of_b) = (a.kept(), b.kept());
    let whole = of_a.len().min(of_b.len()).saturating_sub(1);
    let mut same = 0;
    for (time, rows) in of_a.range(from + 1..).take(whole) {
        let Some(other) = of_b.get(time) else { continue };
        // The newest tick may still be on its way at one of them.
        if of_b.last_key_value().is_some_and(|(last, _)| last == time) {
            continue;
        }
        ensure!(
            rows == other,
            "at {time} one kept {} rows, the other {}",
            rows.len(),
            other.len()
        );
        let share = rows.len() * 100 / ROWS;
        ensure!((35..=65).contains(&share), "at {time} {share} percent were kept");
        same += 1;
    }
    Ok(same)
}

#[test]
fn nodes_that_do_not_talk_keep_the_same_rows() -> Result<()> {
    scenario("sampling_alone", async |scene| {
        let server = scene.server("postgres", &Wish::default()).await?;
        let mut nodes = Vec::new();
        for name in ["one", "two", "three"] {
            nodes.push(Alone::start(scene, &server, name).await?);
        }
        for node in &nodes {
            node.ticks(0, 7).await?;
        }
        for pair in [(0, 1), (1, 2)] {
            let same = compare(&nodes[pair.0], &nodes[pair.1], 0)?;
            ensure!(same >= 4, "only {same} ticks in common");
        }
        // A new process decides as the old one would have.
        let before = nodes[0].kept().last_key_value().map_or(0, |(time, _)| *time);
        nodes[0].node.terminate().await?;
        nodes[0].node = Node::start("one", &nodes[0].config, &scene.log("one-again")).await?;
        nodes[0].ticks(before, 5).await?;
        nodes[1].ticks(before, 5).await?;
        let same = compare(&nodes[0], &nodes[1], before)?;
        ensure!(same >= 3, "only {same} ticks in common after the restart");
        let windows: BTreeSet<_> = nodes[1].kept().into_values().collect();
        ensure!(windows.len() > 1, "every window kept the same rows");
        Ok(())
    })
}
