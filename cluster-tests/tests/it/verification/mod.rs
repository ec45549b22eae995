//! Verification on real servers: what must not leave does not, what is odd is found, and what was found wrongly is
//! told so.

mod feedback;
mod secrets;

use std::time::Duration;

use anyhow::Result;
use ringwatch_cluster_tests::node::{Every, Node, NodeConfig};
use ringwatch_cluster_tests::postgres::{MONITOR, MONITOR_PASSWORD, Server, Wish};
use ringwatch_cluster_tests::scene::Scene;
use ringwatch_cluster_tests::sink::Sink;
use serde_json::{Value, json};

/// Longer than a few readings at a second's interval take.
const SOON: Duration = Duration::from_secs(30);

/// A server with a table of documents, a receiver, and a node that reads the documents and verifies them.
struct Verified {
    node: Node,
    server: Server,
    sink: Sink,
}

impl Verified {
    async fn start(scene: &Scene, documents: &[(&str, String)], queries: Value) -> Result<Self> {
        let server = scene
            .server("postgres", &Wish::default().with("log_statement=none"))
            .await?;
        let table =
            "create table documents (id serial, kind text, body text); grant select on documents to monitor";
        server.execute("postgres", table).await?;
        let mut session = server.connect("postgres").await?;
        for (kind, body) in documents {
            let insert = sqlx::query("insert into documents (kind, body) values ($1, $2)");
            insert.bind(kind).bind(body).execute(&mut session).await?;
        }
        let sink = scene.sink().await?;
        let mut config = NodeConfig::new(&[], &sink.endpoint(), Every::SECOND_METRICS);
        config.receivers.clear();
        config
            .receivers
            .insert("sqlquery/documents".into(), asking(&server, &queries));
        config.logs = true;
        config
            .processors
            .insert("plan_extractor".into(), json!({ "max_plan_size_kb": 2048 }));
        config.processors.insert("verification".into(), everything());
        config.order = ["plan_extractor", "verification", "batch"]
            .map(str::to_owned)
            .to_vec();
        let node = scene.node(&config).await?;
        Ok(Self { node, server, sink })
    }
}

/// All checks, as the reference configuration switches them on.
fn everything() -> Value {
    json!({
        "quality_validation": { "enabled": true },
        "pii_detection": { "enabled": true, "scan_query_text": true, "scan_attributes": true },
        "health_monitoring": { "enabled": true, "alert_threshold_ms": 5000 },
    })
}

fn asking(server: &Server, queries: &Value) -> Value {
    json!({
        "driver": "postgres",
        "datasource": format!(
            "postgresql://{MONITOR}:{MONITOR_PASSWORD}@{}/postgres?sslmode=disable",
            server.endpoint()
        ),
        "collection_interval": "2s",
        "timeout": "5s",
        "queries": queries,
    })
}
