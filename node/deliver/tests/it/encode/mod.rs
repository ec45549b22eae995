//! The bytes that are written straight from columns, against messages that are built from rows.

mod given;
mod wanted;

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1 as otlp;
use proptest::prelude::*;
use prost::Message;
use ringwatch_catalogue::Projections;
use ringwatch_deliver::otlp::{encode_logs, encode_metrics};
use ringwatch_frame::Books;

use given::{Row, batch, projection, rows, written};
use wanted::{metrics, records, resource, scope};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn metrics_are_what_rows_say(first in rows(), second in rows(), written in written(), cut in 1_usize..24, projection in projection()) {
        let books = Arc::new(Books::default());
        let batch = batch(&first, &second, &written, cut, &books);
        let (head, tail) = first.split_at(cut.min(first.len()));
        let group = |name: &str, metrics: Vec<otlp::Metric>| otlp::ResourceMetrics {
            resource: resource(name),
            scope_metrics: vec![otlp::ScopeMetrics { scope: scope(), metrics, schema_url: String::new() }],
            schema_url: String::new(),
        };
        let one = [metrics(head, &projection, 7), metrics(tail, &projection, 7)].concat();
        let two = metrics(&second, &projection, 8);
        let groups = [("one", one), ("two", two)].into_iter().filter(|(_, metrics)| !metrics.is_empty());
        let wanted = ExportMetricsServiceRequest { resource_metrics: groups.map(|(name, all)| group(name, all)).collect() };
        let points = |metric: &otlp::Metric| match &metric.data {
            Some(otlp::metric::Data::Gauge(gauge)) => gauge.data_points.len(),
            Some(otlp::metric::Data::Sum(sum)) => sum.data_points.len(),
            _ => 0,
        };
        let all = wanted.resource_metrics.iter().flat_map(|group| &group.scope_metrics[0].metrics);
        let count: usize = all.map(points).sum();

        let mut projections = Projections::default();
        projections.insert("test", "s", projection);
        let mut bytes = Vec::new();
        let encoded = encode_metrics(&batch, &projections, "1.2.3", &mut bytes);
        prop_assert_eq!(ExportMetricsServiceRequest::decode(bytes.as_slice()).unwrap(), wanted);
        prop_assert_eq!((encoded.items, encoded.rows), (count as u64, batch.rows()));
        batch.deliver();
    }

    #[test]
    fn records_are_what_rows_say(first in rows(), second in rows(), written in written(), cut in 1_usize..24, projection in projection()) {
        let books = Arc::new(Books::default());
        let batch = batch(&first, &second, &written, cut, &books);
        let (head, tail) = first.split_at(cut.min(first.len()));
        let group = |name: &str, log_records: Vec<LogRecord>| ResourceLogs {
            resource: resource(name),
            scope_logs: vec![ScopeLogs { scope: scope(), log_records, schema_url: String::new() }],
            schema_url: String::new(),
        };
        let of = |rows: &[Row], tick| records(rows, &projection.events, &written, tick);
        let groups = [("one", [of(head, 7), of(tail, 7)].concat()), ("two", of(&second, 8))].into_iter().filter(|(_, all)| !all.is_empty());
        let wanted = ExportLogsServiceRequest { resource_logs: groups.map(|(name, all)| group(name, all)).collect() };
        let count: usize = wanted.resource_logs.iter().map(|group| group.scope_logs[0].log_records.len()).sum();

        let mut projections = Projections::default();
        projections.insert("test", "s", projection);
        let mut bytes = Vec::new();
        let encoded = encode_logs(&batch, &projections, "1.2.3", &mut bytes);
        prop_assert_eq!(ExportLogsServiceRequest::decode(bytes.as_slice()).unwrap(), wanted);
        prop_assert_eq!(encoded.items, count as u64);
        batch.deliver();
    }
}
