//! What the simulated servers are read for.

use std::sync::Arc;

use ringwatch_catalogue::model::Engine;
use ringwatch_config::settings::PostgresqlReceiver;

use crate::plan::{ReceiverPlan, Wants};
use crate::reader::ReaderPlan;
use crate::target::{Targets, targets_of};

/// The targets at these hosts.
pub(super) fn specs(plan: &Arc<ReceiverPlan>, hosts: &[&str]) -> Targets {
    let all = targets_of(&ReaderPlan::Engine(Arc::clone(plan)));
    let of = |host: &&str| {
        all.iter()
            .find(|spec| spec.endpoint.host == **host)
            .cloned()
            .unwrap()
    };
    hosts.iter().map(of).collect()
}

/// A stream of deltas.
const CALLS: &str = "
  - name: calls
    summary: s
    scope: server
    cadence: collection
    sql: [{text: calls}]
    columns: [{name: id, type: int, summary: s}, {name: calls, type: int, summary: s}]
    delta: {key: [id], counters: [calls], changed: calls}
    metrics:
      - {name: m.calls, description: d, unit: '1', kind: gauge, value_type: int,
         enabled: true, points: [{column: calls}]}
";

/// A plan with a stream for each lane, one that needs an extension and one of deltas.
pub(super) fn plan() -> Arc<ReceiverPlan> {
    let stream = |name: &str, scope: &str, cadence: &str, more: &str| {
        format!(
            "  - {{name: {name}, summary: s, scope: {scope}, cadence: {cadence}, sql: [{{text: '{}{name}'}}], \
             columns: [{{name: a, type: int, summary: a}}], {more}}}\n",
            if more.contains("extension") {
                "@extension@."
            } else {
                ""
            }
        )
    };
    let metric = |name: &str| {
        format!(
            "metrics: [{{name: m.{name}, description: d, unit: '1', kind: gauge, value_type: int, enabled: true, points: [{{column: a}}]}}]"
        )
    };
    let engine = format!(
        "engine: postgresql\nstreams:\n{}{}{}{}{}{CALLS}",
        stream(
            "activity",
            "server",
            "activity",
            "event: {name: e, description: d, attributes: []}"
        ),
        stream(
            "server",
            "server",
            "collection",
            &format!("requires: [{{role: pg_monitor}}], {}", metric("server"))
        ),
        stream("tables", "database", "collection", &metric("tables")),
        stream("indexes", "database", "collection", &metric("indexes")),
        stream(
            "statements",
            "server",
            "statements",
            "requires: [{extension: pgss}]"
        ),
    );
    let engine: Engine = serde_saphyr::from_str(&engine).unwrap();
    let many = (0..40).map(|host| format!("{{endpoint: 'h{host}:1'}}"));
    let hosts: Vec<String> = ('a'..='z')
        .map(|host| format!("{{endpoint: '{host}:1'}}"))
        .chain(many)
        .collect();
    let settings = format!(
        "username: u\nactivity: {{}}\nstatements: {{}}\ntargets: [{}]",
        hosts.join(", ")
    );
    let settings: PostgresqlReceiver = serde_saphyr::from_str(&settings).unwrap();
    ReceiverPlan::new(
        &engine,
        "postgresql/test",
        &settings,
        Wants {
            metrics: true,
            logs: true,
        },
    )
}
