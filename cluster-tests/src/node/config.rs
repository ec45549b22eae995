//! Configurations of nodes. They are written as JSON, which is YAML too.

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::{Place, Ports};
use crate::postgres::{MONITOR, MONITOR_PASSWORD};

/// How often a node reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Every {
    /// Metrics.
    pub collection: &'static str,
    /// `pg_stat_statements`; empty: not at all.
    pub statements: &'static str,
    /// Active sessions; empty: not at all.
    pub activity: &'static str,
}

impl Every {
    /// Everything each second.
    pub const SECOND: Self = Self {
        collection: "1s",
        statements: "1s",
        activity: "1s",
    };
    /// Metrics alone, each second.
    pub const SECOND_METRICS: Self = Self {
        collection: "1s",
        statements: "",
        activity: "",
    };
}

/// A configuration without its ports. The fields are free to be changed.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Section `cluster`, but for where the node listens.
    pub cluster: Map<String, Value>,
    /// Section `receivers`.
    pub receivers: Map<String, Value>,
    /// Section `processors`.
    pub processors: Map<String, Value>,
    /// Section `exporters`.
    pub exporters: Map<String, Value>,
    /// Processors of each pipeline, in order.
    pub order: Vec<String>,
    /// Whether there is a logs pipeline.
    pub logs: bool,
}

impl NodeConfig {
    /// A node that reads `endpoints` as the monitoring role and sends to the receiver at `sink`.
    pub fn new(endpoints: &[String], sink: &str, every: Every) -> Self {
        let targets: Vec<Value> = endpoints.iter().map(|e| json!({ "endpoint": e })).collect();
        let mut receiver = json!({
            "targets": targets,
            "username": MONITOR,
            "password": MONITOR_PASSWORD,
            "tls": { "insecure": true },
            "collection_interval": every.collection,
            "timeout": "2s",
        });
        if !every.statements.is_empty() {
            receiver["statements"] = json!({ "interval": every.statements });
        }
        if !every.activity.is_empty() {
            receiver["activity"] = json!({ "interval": every.activity });
        }
        let otlp = json!({
            "endpoint": sink,
            "tls": { "insecure": true },
            "timeout": "2s",
            "retry_on_failure": { "initial_interval": "200ms", "max_interval": "1s" },
            "sending_queue": { "queue_size": 10_000 },
        });
        Self {
            cluster: Map::new(),
            receivers: Map::from_iter([("postgresql".into(), receiver)]),
            processors: Map::from_iter([("batch".into(), json!({ "timeout": "100ms" }))]),
            exporters: Map::from_iter([("otlp".into(), otlp)]),
            order: vec!["batch".into()],
            logs: !(every.statements.is_empty() && every.activity.is_empty()),
        }
    }

    /// Sets one key of the receiver.
    #[must_use]
    pub fn receiver(mut self, key: &str, value: Value) -> Self {
        self.receivers["postgresql"][key] = value;
        self
    }

    /// Sets one key of the OTLP exporter.
    #[must_use]
    pub fn otlp(mut self, key: &str, value: Value) -> Self {
        self.exporters["otlp"][key] = value;
        self
    }

    /// The file's text.
    ///
    /// # Errors
    /// Never for values that JSON can hold.
    pub fn text(&self, ports: &Ports, place: &Place) -> Result<String> {
        let pipeline = json!({
            "receivers": self.receivers.keys().collect::<Vec<_>>(),
            "processors": self.order,
            "exporters": self.exporters.keys().collect::<Vec<_>>(),
        });
        let mut pipelines = Map::from_iter([("metrics".to_owned(), pipeline.clone())]);
        if self.logs {
            pipelines.insert("logs".into(), pipeline);
        }
        let local = |port: u16| format!("{}:{port}", place.address);
        let mut cluster = self.cluster.clone();
        cluster.insert("grpc".into(), json!({ "listen": local(ports.grpc) }));
        if let Some(gossip) = cluster.get_mut("gossip") {
            gossip["listen"] = json!(local(ports.gossip));
            if let Some(front) = place.front {
                gossip["advertise"] = json!(format!("{front}:{}", ports.gossip));
                cluster["grpc"]["advertise"] = json!(format!("{front}:{}", ports.grpc));
            }
        }
        Ok(serde_json::to_string_pretty(&json!({
            "cluster": cluster,
            "receivers": self.receivers,
            "processors": self.processors,
            "exporters": self.exporters,
            "extensions": { "health_check": { "endpoint": local(ports.health) } },
            "service": {
                "extensions": ["health_check"],
                "pipelines": pipelines,
                "telemetry": {
                    "logs": { "level": "info", "encoding": "json" },
                    "metrics": { "address": local(ports.metrics) },
                },
            },
        }))?)
    }
}
