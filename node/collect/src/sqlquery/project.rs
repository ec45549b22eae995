//! What the rows of a user's statement become.

use std::collections::BTreeMap;

use ringwatch_catalogue::Projection;
use ringwatch_catalogue::model::{
    Aggregation, Event, EventAttribute, Metric, MetricKind, MetricValue, Only, Point,
};
use ringwatch_config::settings::{SqlAggregation, SqlDataType, SqlLog, SqlMetric, SqlQuery, SqlValueType};

use super::STARTED;
use crate::plan::Wants;

/// The instrumentation scope.
const SCOPE: &str = "ringwatch.sqlquery";

/// What the rows of `query` become, of what is wanted.
pub(super) fn projection(query: &SqlQuery, wants: Wants) -> Projection {
    let metrics = query.metrics.iter().filter(|_| wants.metrics).map(metric);
    let events = query.logs.iter().filter(|_| wants.logs).map(event);
    Projection {
        scope: SCOPE.into(),
        metrics: metrics.collect(),
        events: events.collect(),
    }
}

/// Whether one of its sums counts from the server's start.
pub(super) fn needs_start(projection: &Projection) -> bool {
    let started = |metric: &Metric| metric.start.as_deref() == Some(STARTED);
    projection.metrics.iter().any(started)
}

fn metric(metric: &SqlMetric) -> Metric {
    let sum = metric
        .data_type
        .map_or(metric.monotonic, |kind| kind == SqlDataType::Sum);
    let aggregation = match metric.aggregation {
        SqlAggregation::Cumulative => Aggregation::Cumulative,
        SqlAggregation::Delta => Aggregation::Delta,
    };
    let counts = sum && aggregation == Aggregation::Cumulative;
    let start = metric.start_ts_column.clone();
    let only = metric.row_condition.as_ref().map(|condition| Only {
        column: condition.column.clone(),
        equals: condition.value.clone(),
    });
    Metric {
        name: metric.metric_name.clone(),
        description: metric.description.clone(),
        unit: metric.unit.clone(),
        kind: if sum { MetricKind::Sum } else { MetricKind::Gauge },
        monotonic: sum && metric.monotonic,
        value: match metric.value_type {
            SqlValueType::Int => MetricValue::Int,
            SqlValueType::Double => MetricValue::Double,
        },
        enabled: true,
        start: start.or_else(|| counts.then(|| STARTED.to_owned())),
        timestamp: metric.ts_column.clone(),
        aggregation,
        points: vec![Point {
            column: metric.value_column.clone(),
            scale: None,
            attributes: metric.static_attributes.clone(),
            only,
        }],
        attributes: same_names(&metric.attribute_columns),
    }
}

fn same_names(columns: &[String]) -> BTreeMap<String, String> {
    columns.iter().map(|name| (name.clone(), name.clone())).collect()
}

fn event(log: &SqlLog) -> Event {
    let attribute = |name: &String| EventAttribute {
        key: name.clone(),
        column: name.clone(),
        scale: None,
        text: false,
        null: None,
    };
    Event {
        name: String::new(),
        description: String::new(),
        body: Some(log.body_column.clone()),
        severity_text: log.severity_column.clone(),
        severity_number: None,
        timestamp: log.timestamp_column.clone(),
        constants: log.static_attributes.clone(),
        attributes: log.attribute_columns.iter().map(attribute).collect(),
        trace_parent: None,
        only: None,
    }
}
