use super::*;
use crate::plan::Wants;
use crate::reader::ReaderPlan;

/// A plan with one query of a metric.
pub(crate) fn sql_plan(source: &str, datasource: &str) -> ReaderPlan {
    let yaml = format!(
        "driver: postgres\ndatasource: '{datasource}'\nqueries: [{{sql: own, \
         metrics: [{{metric_name: m.own, value_column: a, monotonic: true}}]}}]"
    );
    plan_of(source, &yaml)
}

/// The plan of these settings.
pub(crate) fn plan_of(source: &str, yaml: &str) -> ReaderPlan {
    let wants = Wants {
        metrics: true,
        logs: true,
    };
    let settings = serde_saphyr::from_str(yaml).unwrap();
    ReaderPlan::Sql(SqlPlan::new(source, &settings, wants).unwrap())
}

/// The queries of the reference configuration, as far as mappings go.
const REFERENCE: &str = "
driver: postgres
datasource: postgresql://u:p@db1/app?sslmode=require
collection_interval: 20s
queries:
  - sql: 'SELECT query_id, calls, mean_exec_time FROM pg_stat_statements ; '
    metrics:
      - {metric_name: db.query.calls, value_column: calls, attribute_columns: [query_id], monotonic: true}
      - {metric_name: db.query.mean_time, value_column: mean_exec_time, value_type: double, unit: ms,
         static_attributes: {a: b}, row_condition: {column: query_id, value: '7'}}
    collection_interval: 30s
    timeout: 10s
  - sql: SELECT 1
    logs: [{body_column: current_query, severity_column: state, timestamp_column: query_start,
            attribute_columns: [pid], static_attributes: {c: d}}]
";

fn sql_of(wants: Wants) -> std::sync::Arc<SqlPlan> {
    SqlPlan::new("sqlquery/x", &serde_saphyr::from_str(REFERENCE).unwrap(), wants).unwrap()
}

#[test]
fn mappings_become_metrics_and_records() {
    use std::time::Duration;

    use ringwatch_catalogue::Projections;
    use ringwatch_catalogue::model::{MetricKind, MetricValue};

    let plan = sql_of(Wants {
        metrics: true,
        logs: true,
    });
    let [performance, history] = plan.queries() else {
        panic!("two queries")
    };
    assert_eq!(
        (performance.name(), history.name()),
        ("sqlquery/x.0", "sqlquery/x.1")
    );
    assert_eq!(performance.timeout(), Duration::from_secs(10));
    assert_eq!(
        (performance.interval(), history.interval()),
        (Duration::from_secs(30), Duration::from_secs(20))
    );
    assert!(
        performance.sql().ends_with("pg_stat_statements"),
        "without its end"
    );
    let mut projections = Projections::default();
    plan.project(&mut projections);
    let projection = projections.get("sqlquery/x", "sqlquery/x.0").unwrap();
    let [calls, mean] = projection.metrics.as_slice() else {
        panic!("two metrics")
    };
    assert_eq!(
        (calls.kind, calls.value, calls.monotonic),
        (MetricKind::Sum, MetricValue::Int, true)
    );
    assert_eq!(calls.start.as_deref(), Some(STARTED));
    assert_eq!(calls.attributes["query_id"], "query_id");
    assert_eq!(
        (mean.kind, mean.unit.as_str(), &mean.start),
        (MetricKind::Gauge, "ms", &None)
    );
    assert_eq!(mean.points[0].attributes["a"], "b");
    assert_eq!(mean.points[0].only.as_ref().unwrap().equals, "7");
    let event = &history.projection().events[0];
    assert_eq!(
        (event.name.as_str(), event.body.as_deref()),
        ("", Some("current_query"))
    );
    assert_eq!(
        (event.severity_text.as_deref(), event.timestamp.as_deref()),
        (Some("state"), Some("query_start"))
    );
    assert_eq!(
        (event.constants["c"].as_str(), event.attributes[0].key.as_str()),
        ("d", "pid")
    );
    assert!(performance.needs_start() && !history.needs_start());
}

#[test]
fn what_nobody_wants_is_not_asked() {
    let names = |metrics, logs| -> Vec<String> {
        let plan = sql_of(Wants { metrics, logs });
        plan.queries()
            .iter()
            .map(|query| query.name().to_owned())
            .collect()
    };
    assert_eq!(names(true, false), ["sqlquery/x.0"]);
    assert_eq!(names(false, true), ["sqlquery/x.1"], "it keeps its number");
}
