//! The contract: the metrics of PostgreSQL as they leave a node. Where the project's reference is beside the checkout,
//! the two are compared.

use std::path::Path;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::sink::{Kind, Series, SeriesId, Value};

/// A metric: name, unit, kind (`gauge`, `sum` that may fall, `counter` that never does), value type, keys of its
/// attributes, and whether it is on by default.
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    unit: &'static str,
    kind: &'static str,
    value: &'static str,
    keys: &'static str,
    pub(crate) on: bool,
}

const fn metric(
    name: &'static str,
    unit: &'static str,
    kind: &'static str,
    value: &'static str,
    keys: &'static str,
    on: bool,
) -> Metric {
    Metric {
        name,
        unit,
        kind,
        value,
        keys,
        on,
    }
}

/// Every metric of PostgreSQL.
#[rustfmt::skip]
pub(crate) const METRICS: [Metric; 43] = [
    metric("postgresql.backends", "1", "sum", "int", "db.namespace", true),
    metric("postgresql.bgwriter.buffers.allocated", "{buffers}", "counter", "int", "", true),
    metric("postgresql.bgwriter.buffers.writes", "{buffers}", "counter", "int", "source", true),
    metric("postgresql.bgwriter.checkpoint.count", "{checkpoints}", "counter", "int", "type", true),
    metric("postgresql.bgwriter.duration", "ms", "counter", "double", "type", true),
    metric("postgresql.bgwriter.maxwritten", "1", "counter", "int", "", true),
    metric("postgresql.blks_hit", "{blks_hit}", "counter", "int", "db.namespace", false),
    metric("postgresql.blks_read", "{blks_read}", "counter", "int", "db.namespace", false),
    metric("postgresql.blocks_read", "1", "counter", "int", "db.collection.name,db.namespace,source", true),
    metric("postgresql.commits", "1", "counter", "int", "db.namespace", true),
    metric("postgresql.connection.max", "{connections}", "gauge", "int", "", true),
    metric("postgresql.database.count", "{databases}", "sum", "int", "", true),
    metric("postgresql.database.locks", "{lock}", "gauge", "int", "db.namespace,lock_type,mode,relation", false),
    metric("postgresql.db_size", "By", "sum", "int", "db.namespace", true),
    metric("postgresql.deadlocks", "{deadlock}", "counter", "int", "db.namespace", false),
    metric("postgresql.function.calls", "{call}", "counter", "int", "db.namespace,function", false),
    metric("postgresql.index.scans", "{scans}", "counter", "int", "db.collection.name,db.namespace,postgresql.index.name", true),
    metric("postgresql.index.size", "By", "gauge", "int", "db.collection.name,db.namespace,postgresql.index.name", true),
    metric("postgresql.operations", "1", "counter", "int", "db.collection.name,db.namespace,operation", true),
    metric("postgresql.query.conflicts", "{query}", "counter", "int", "db.namespace,postgresql.conflict.type", false),
    metric("postgresql.query.execution.time", "s", "counter", "double", "db.namespace", false),
    metric("postgresql.replication.data_delay", "By", "gauge", "int", "replication_client", true),
    metric("postgresql.rollbacks", "1", "counter", "int", "db.namespace", true),
    metric("postgresql.rows", "1", "sum", "int", "db.collection.name,db.namespace,state", true),
    metric("postgresql.sequential_scans", "{sequential_scan}", "counter", "int", "db.collection.name,db.namespace", false),
    metric("postgresql.table.count", "{table}", "sum", "int", "db.namespace", true),
    metric("postgresql.table.size", "By", "sum", "int", "db.collection.name,db.namespace", true),
    metric("postgresql.table.vacuum.count", "{vacuum}", "counter", "int", "db.collection.name,db.namespace", true),
    metric("postgresql.temp.io", "By", "counter", "int", "db.namespace", false),
    metric("postgresql.temp_files", "{temp_file}", "counter", "int", "db.namespace", false),
    metric("postgresql.tup_deleted", "{tup_deleted}", "counter", "int", "db.namespace", false),
    metric("postgresql.tup_fetched", "{tup_fetched}", "counter", "int", "db.namespace", false),
    metric("postgresql.tup_inserted", "{tup_inserted}", "counter", "int", "db.namespace", false),
    metric("postgresql.tup_returned", "{tup_returned}", "counter", "int", "db.namespace", false),
    metric("postgresql.tup_updated", "{tup_updated}", "counter", "int", "db.namespace", false),
    metric("postgresql.vector.insert.duration", "s", "counter", "double", "db.namespace", false),
    metric("postgresql.vector.insert.rows", "{vectors}", "counter", "int", "db.namespace", false),
    metric("postgresql.vector.search.calls", "{search}", "counter", "int", "db.namespace,postgresql.distance.function.name", false),
    metric("postgresql.vector.search.duration", "s", "counter", "double", "db.namespace,postgresql.distance.function.name", false),
    metric("postgresql.vector.search.rows_returned", "{rows}", "counter", "int", "db.namespace,postgresql.distance.function.name", false),
    metric("postgresql.wal.age", "s", "gauge", "int", "", true),
    metric("postgresql.wal.delay", "s", "gauge", "double", "replication_client,operation", false),
    metric("postgresql.wal.lag", "s", "gauge", "int", "replication_client,operation", true),
];

/// Whether a series is as the contract says of its metric.
pub(crate) fn check(id: &SeriesId, series: &Series) -> Result<()> {
    let Some(wanted) = METRICS.iter().find(|m| m.name == id.metric) else {
        anyhow::bail!("no metric of the contract: {id:?}");
    };
    let kind = match series.kind {
        Kind::Gauge => "gauge",
        Kind::Sum { monotonic: false } => "sum",
        Kind::Sum { monotonic: true } => "counter",
        Kind::Foreign => "foreign",
    };
    let values = series.points.values().map(|point| match point.value {
        Value::Int(_) => "int",
        Value::Double(_) => "double",
        _ => "no number",
    });
    let keys: Vec<&str> = id
        .attributes
        .split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, _)| key)
        .collect();
    ensure!(series.unit == wanted.unit, "{id:?}: unit {}", series.unit);
    ensure!(kind == wanted.kind, "{id:?}: kind {kind}");
    ensure!(
        values.into_iter().all(|v| v == wanted.value),
        "{id:?}: a value is not {}",
        wanted.value
    );
    let mut wanted_keys: Vec<&str> = wanted.keys.split(',').filter(|key| !key.is_empty()).collect();
    wanted_keys.sort_unstable();
    // A lock on what all databases share is in none of them.
    if wanted.name == "postgresql.database.locks" && !keys.contains(&"db.namespace") {
        wanted_keys.retain(|key| *key != "db.namespace");
    }
    ensure!(keys == wanted_keys, "{id:?}: attributes {keys:?}");
    let starts = series.points.iter().all(|(time, p)| {
        if kind == "counter" {
            p.start > 0 && p.start <= *time
        } else {
            true
        }
    });
    ensure!(starts, "{id:?}: a counter without its start");
    Ok(())
}

#[test]
fn the_contract_is_the_reference() -> Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/reference/postgresql_metrics.csv");
    let Ok(text) = std::fs::read_to_string(&file) else {
        println!("skipped: {} is not there", file.display());
        return Ok(());
    };
    let lines: Vec<&str> = text.lines().skip(1).collect();
    ensure!(
        lines.len() == METRICS.len(),
        "{} metrics in the reference",
        lines.len()
    );
    for (line, metric) in lines.into_iter().zip(&METRICS) {
        let fields: Vec<&str> = line.split(',').collect();
        let [name, unit, kind, monotonic, value, attributes, on, ..] = fields[..] else {
            anyhow::bail!("odd line {line}");
        };
        let kind = match (kind, monotonic) {
            ("sum", "true") => "counter",
            (kind, _) => kind,
        };
        let keys: Vec<&str> = attributes
            .split(';')
            .filter_map(|key| key.split('{').next())
            .collect();
        let same = (metric.name, metric.unit, metric.kind, metric.value) == (name, unit, kind, value);
        ensure!(
            same && metric.keys == keys.join(",") && metric.on == (on == "true"),
            "{} differs: {line}",
            metric.name
        );
    }
    Ok(())
}
