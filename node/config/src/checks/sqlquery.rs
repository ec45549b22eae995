//! Receiver `sqlquery`.

use std::collections::HashMap;

use super::receivers::interval;
use super::{at, positive, tls};
use crate::fault::Complaint;
use crate::scalar::Datasource;
use crate::settings::{
    ComponentId, Driver, SqlAggregation, SqlDataType, SqlLog, SqlMetric, SqlQuery, SqlqueryReceiver, Tls,
};

/// In which kinds of pipelines a receiver stands.
pub(super) struct Used {
    pub(super) metrics: bool,
    pub(super) logs: bool,
}

pub(super) fn check(
    path: &[String],
    id: &ComponentId,
    receiver: &SqlqueryReceiver,
    used: &Used,
    found: &mut Vec<Complaint>,
) {
    whom(path, receiver, found);
    interval(path, "collection_interval", receiver.collection_interval, found);
    positive(path, "timeout", receiver.timeout, found);
    if receiver.queries.is_empty() {
        let message = "`queries` is empty; give at least one query, with `sql` and `metrics` or `logs`";
        found.push(Complaint::new(at(path, "queries"), message));
    }
    let queries = at(path, "queries");
    let mut names = HashMap::new();
    for (index, query) in receiver.queries.iter().enumerate() {
        let path = at(&queries, &index.to_string());
        one(&path, receiver.driver, query, found);
        metrics(&path, &query.metrics, &mut names, found);
        for (index, log) in query.logs.iter().enumerate() {
            columns_of_log(&at(&at(&path, "logs"), &index.to_string()), log, found);
        }
        without_pipeline(&path, id, query, used, found);
    }
}

/// Either a datasource, or its parts.
fn whom(path: &[String], receiver: &SqlqueryReceiver, found: &mut Vec<Complaint>) {
    let parts = [
        ("endpoint", receiver.endpoint.is_some()),
        ("username", receiver.username.is_some()),
        ("password", receiver.password.is_some()),
        ("database", receiver.database.is_some()),
        ("tls", receiver.tls != Tls::default()),
    ];
    let Some(datasource) = &receiver.datasource else {
        if receiver.endpoint.is_none() {
            let message = "no server is named; give `datasource`, or `endpoint` and `username`";
            found.push(Complaint::new(path.to_vec(), message));
        } else if receiver.username.is_none() {
            let message = "`endpoint` needs `username` beside it, the role to log in as";
            found.push(Complaint::new(at(path, "endpoint"), message).within(path));
        }
        in_parts(path, receiver, found);
        return;
    };
    for (key, _) in parts.iter().filter(|(_, given)| *given) {
        let hint = match (*key, receiver.driver) {
            ("tls", Driver::Postgres) => " (there it is `sslmode`: `disable` for a server without TLS)",
            _ => "",
        };
        let message =
            format!("`{key}` stands beside `datasource`, which says it already; take one of them away{hint}");
        found.push(Complaint::new(at(path, key), message));
    }
    // What `config show` prints is a valid file too.
    if datasource.is_redacted() {
        return;
    }
    if let Err(wrong) = Datasource::parse(receiver.driver, datasource.expose()) {
        let form = match receiver.driver {
            Driver::Postgres => {
                "`postgresql://user:password@host:5432/database`, or `host=... user=... dbname=...`"
            }
            Driver::Mysql => {
                "`mysql://user:password@host:3306/database`, or `user:password@tcp(host:3306)/database`"
            }
        };
        let message = format!("`datasource`: {wrong}; write {form}");
        found.push(Complaint::new(at(path, "datasource"), message).within(path));
    }
}

fn in_parts(path: &[String], receiver: &SqlqueryReceiver, found: &mut Vec<Complaint>) {
    if receiver
        .endpoint
        .as_ref()
        .is_some_and(|endpoint| endpoint.port == 0)
    {
        found.push(Complaint::new(
            at(path, "endpoint"),
            "`endpoint` needs a port from 1 to 65535",
        ));
    }
    if receiver.username.as_deref() == Some("") {
        found.push(Complaint::new(
            at(path, "username"),
            "`username` is empty; name the role to log in as",
        ));
    }
    tls(path, &receiver.tls, found);
    if receiver.tls.server_name_override.is_some() {
        let message = "`server_name_override` cannot be had for databases: give the certificate's name as the \
                       endpoint's host";
        found.push(Complaint::new(
            at(&at(path, "tls"), "server_name_override"),
            message,
        ));
    }
}

fn one(path: &[String], driver: Driver, query: &SqlQuery, found: &mut Vec<Complaint>) {
    if query.sql.trim().is_empty() {
        found.push(Complaint::new(
            at(path, "sql"),
            "`sql` is empty; write a statement",
        ));
    }
    if query.metrics.is_empty() && query.logs.is_empty() {
        let message = "nothing comes of this query; give it `metrics` or `logs`";
        found.push(Complaint::new(path.to_vec(), message));
    }
    if let Some(own) = query.collection_interval {
        interval(path, "collection_interval", own, found);
    }
    if let Some(timeout) = query.timeout {
        positive(path, "timeout", timeout, found);
    }
    let named = [
        ("sql_columns", &query.sql_columns),
        ("plan_columns", &query.plan_columns),
        ("log_columns", &query.log_columns),
    ];
    for (key, columns) in named {
        for (index, column) in columns.iter().flatten().enumerate() {
            filled(&at(path, key), &index.to_string(), key, column, found);
        }
    }
    let Some(column) = &query.tracking_column else {
        if query.tracking_start_value.is_some() {
            let message = "`tracking_start_value` needs `tracking_column` beside it, the column whose last value is kept";
            found.push(Complaint::new(at(path, "tracking_start_value"), message).within(path));
        }
        return;
    };
    filled(path, "tracking_column", "tracking_column", column, found);
    let mark = match driver {
        Driver::Postgres => "$1",
        Driver::Mysql => "?",
    };
    if !query.sql.contains(mark) {
        let message =
            format!("`tracking_column` needs `{mark}` in `sql`, where the last value seen is put in");
        found.push(Complaint::new(at(path, "tracking_column"), message).within(path));
    }
}

/// A name that may not be empty: the value of `key` in `path`, which the file calls `called`.
fn filled(path: &[String], key: &str, called: &str, name: &str, found: &mut Vec<Complaint>) {
    if name.is_empty() {
        let message = format!("`{called}` is empty; name a column of the select list");
        found.push(Complaint::new(at(path, key), message));
    }
}

fn metrics<'a>(
    path: &[String],
    metrics: &'a [SqlMetric],
    names: &mut HashMap<&'a str, &'a SqlMetric>,
    found: &mut Vec<Complaint>,
) {
    let path = at(path, "metrics");
    let mut series: HashMap<_, usize> = HashMap::new();
    for (index, metric) in metrics.iter().enumerate() {
        let path = at(&path, &index.to_string());
        named(&path, metric, found);
        kind(&path, metric, found);
        if metric.metric_name.is_empty() {
            continue;
        }
        let condition = metric
            .row_condition
            .as_ref()
            .map(|only| (&only.column, &only.value));
        let attributes = (&metric.attribute_columns, &metric.static_attributes);
        let first = *series
            .entry((&metric.metric_name, condition, attributes))
            .or_insert(index);
        let described = *names.entry(&metric.metric_name).or_insert(metric);
        let name = at(&path, "metric_name");
        if first != index {
            let message = format!(
                "the same metric, with the same attributes, as `metrics[{first}]`; give it another name, \
                 a `row_condition` or other `static_attributes`"
            );
            found.push(Complaint::new(name, message).within(&path));
        } else if description(described) != description(metric) {
            let message = "the same metric stands above with another unit, value type or data type; \
                           one metric has one of each";
            found.push(Complaint::new(name, message).within(&path));
        }
    }
}

/// What all points of a metric share.
fn description(metric: &SqlMetric) -> impl PartialEq + use<'_> {
    (
        metric.unit.as_str(),
        metric.value_type,
        is_sum(metric),
        metric.monotonic,
        metric.aggregation,
    )
}

fn is_sum(metric: &SqlMetric) -> bool {
    metric
        .data_type
        .map_or(metric.monotonic, |kind| kind == SqlDataType::Sum)
}

fn named(path: &[String], metric: &SqlMetric, found: &mut Vec<Complaint>) {
    if metric.metric_name.is_empty() {
        let message = "`metric_name` is empty; name the metric";
        found.push(Complaint::new(at(path, "metric_name"), message));
    }
    filled(path, "value_column", "value_column", &metric.value_column, found);
    for (index, column) in metric.attribute_columns.iter().enumerate() {
        let path = at(path, "attribute_columns");
        filled(&path, &index.to_string(), "attribute_columns", column, found);
    }
    let single = [
        ("start_ts_column", &metric.start_ts_column),
        ("ts_column", &metric.ts_column),
    ];
    for (key, column) in single {
        if let Some(column) = column {
            filled(path, key, key, column, found);
        }
    }
    if let Some(only) = &metric.row_condition {
        filled(
            &at(path, "row_condition"),
            "column",
            "column",
            &only.column,
            found,
        );
    }
}

fn kind(path: &[String], metric: &SqlMetric, found: &mut Vec<Complaint>) {
    if metric.monotonic && metric.data_type == Some(SqlDataType::Gauge) {
        let message =
            "`monotonic: true` contradicts `data_type: gauge`, which may fall; take one of them away";
        found.push(Complaint::new(at(path, "monotonic"), message).within(path));
    }
    if metric.aggregation == SqlAggregation::Delta && !is_sum(metric) {
        let message = "`aggregation: delta` is for sums; add `data_type: sum`";
        found.push(Complaint::new(at(path, "aggregation"), message).within(path));
    }
}

fn columns_of_log(path: &[String], log: &SqlLog, found: &mut Vec<Complaint>) {
    filled(path, "body_column", "body_column", &log.body_column, found);
    let single = [
        ("severity_column", &log.severity_column),
        ("timestamp_column", &log.timestamp_column),
    ];
    for (key, column) in single {
        if let Some(column) = column {
            filled(path, key, key, column, found);
        }
    }
    for (index, column) in log.attribute_columns.iter().enumerate() {
        let path = at(path, "attribute_columns");
        filled(&path, &index.to_string(), "attribute_columns", column, found);
    }
}

/// What a query yields needs a pipeline of its kind to go somewhere.
fn without_pipeline(
    path: &[String],
    id: &ComponentId,
    query: &SqlQuery,
    used: &Used,
    found: &mut Vec<Complaint>,
) {
    let kinds = [
        ("metrics", !query.metrics.is_empty(), used.metrics),
        ("logs", !query.logs.is_empty(), used.logs),
    ];
    for (key, wanted, there) in kinds {
        if wanted && !there && (used.metrics || used.logs) {
            let message = format!(
                "the query yields {key}, and `{id}` is in no {key} pipeline; add it to one, such as \
                 `{key}/queries` under `service.pipelines`, or take `{key}` away"
            );
            found.push(Complaint::new(at(path, key), message));
        }
    }
}
