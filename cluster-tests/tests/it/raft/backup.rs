//! `state export`, `state import`, `state inspect`.

use anyhow::{Context as _, Result, ensure};
use ringwatch_cluster_tests::cluster::client;
use ringwatch_cluster_tests::cluster::group::WELL;
use ringwatch_cluster_tests::node::{Every, Node, NodeConfig};
use ringwatch_cluster_tests::scene::scenario;
use serde_json::{Value, json};

use super::printed;
use crate::cluster::Watching;
use crate::story::SOON;

/// What a restored state must have of the old one: what was changed at run time, and the open circuit.
fn kept(state: &Value, target: &str) -> (String, bool) {
    let breakers = state["breakers"].as_array().into_iter().flatten();
    let open = breakers
        .map(Value::to_string)
        .any(|b| b.contains(target) && b.to_lowercase().contains("open"));
    (state["dataset"].to_string(), open)
}

#[test]
fn a_state_is_exported_and_comes_back_elsewhere() -> Result<()> {
    scenario("raft_backup", async |scene| {
        let guarded = |config: &mut NodeConfig| {
            config.processors.insert("circuit_breaker".into(), json!({}));
            config.order.insert(0, "circuit_breaker".into());
        };
        let mut all = Watching::start(scene, 3, 3, |shape| shape.adapt = guarded).await?;
        all.cluster.whole(3, 0, WELL).await?;
        all.asked(0, &["flags", "set", "plans", "off"], 0)?;
        all.asked(1, &["breaker", "open", &all.id(1), "--for", "10m"], 0)?;
        all.asked(2, &["targets", "add", "postgresql", "127.0.0.9:1"], 0)?;
        all.cluster.same_state(SOON).await?;
        let file = scene.log("state").with_extension("json");
        let path = file.to_str().context("an odd path")?;
        let text = all.asked(1, &["state", "export"], 0)?;
        std::fs::write(&file, &text)?;
        let exported: Value = serde_json::from_str(&text)?;
        ensure!(
            text.contains("127.0.0.9:1") && text.contains(&all.id(1)),
            "{text}"
        );
        let inspected = all.asked(0, &["state", "inspect"], 0)?;
        ensure!(
            all.cluster.seats().iter().all(|s| inspected.contains(s.id())),
            "{inspected}"
        );
        all.asked(0, &["state", "import", path], 1)?;

        // A cluster of one, somewhere else.
        let mut config = NodeConfig::new(&all.targets[..1], &all.sink.endpoint(), Every::SECOND_METRICS);
        guarded(&mut config);
        let mut alone = Node::start("alone", &config, &scene.log("alone")).await?;
        let grpc = alone.ports().grpc;
        printed(&client(grpc, &["state", "import", path])?, 0)?;
        let again = printed(&client(grpc, &["state", "export"])?, 0)?;
        let restored: Value = serde_json::from_str(&again)?;
        let (of_old, of_new) = (kept(&exported, &all.id(1)), kept(&restored, &all.id(1)));
        ensure!(
            of_old == of_new && of_new.1,
            "exported {exported}, restored {restored}"
        );
        alone.terminate().await?;
        all.cluster.end().await
    })
}
