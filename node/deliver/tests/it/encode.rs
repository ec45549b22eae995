//! The bytes that are written straight from columns, against messages that are built from rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1 as otlp;
use opentelemetry_proto::tonic::resource::v1::Resource as OtlpResource;
use proptest::prelude::*;
use prost::Message;
use ringwatch_catalogue::model::{Event, EventAttribute, Metric, MetricKind, MetricValue, Point};
use ringwatch_catalogue::{Projection, Projections};
use ringwatch_deliver::otlp::{encode_logs, encode_metrics};
use ringwatch_frame::{
    Batch, Books, Cell, ColumnType, Columns, Epoch, Frame, FrameId, FrameMeta, Resource, StreamId, TargetId,
    Tick, Value,
};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
enum Val {
    Null,
    Int(i64),
    Double(f64),
    Text(String),
    Bool(bool),
    Time(i64),
}

/// Name, type, and whether a processor added it as an attribute.
const COLUMNS: [(&str, ColumnType, bool); 8] = [
    ("int", ColumnType::Int, false),
    ("double", ColumnType::Double, false),
    ("text", ColumnType::Text, false),
    ("bool", ColumnType::Bool, false),
    ("time", ColumnType::Time, false),
    ("trace", ColumnType::Text, false),
    ("added.text", ColumnType::Text, true),
    ("added.int", ColumnType::Int, true),
];

type Row = Vec<Val>;

fn val(column: ColumnType) -> BoxedStrategy<Val> {
    let some = match column {
        ColumnType::Int => (-1_000_000_i64..1_000_000).prop_map(Val::Int).boxed(),
        ColumnType::Double => (-1e6..1e6_f64).prop_map(Val::Double).boxed(),
        ColumnType::Text => prop_oneof![Just(String::new()), Just(TRACE.to_owned()), "[a-zä]{1,200}"]
            .prop_map(Val::Text)
            .boxed(),
        ColumnType::Bool => any::<bool>().prop_map(Val::Bool).boxed(),
        ColumnType::Time => (0_i64..2_000_000_000_000_000_000).prop_map(Val::Time).boxed(),
    };
    prop_oneof![1 => Just(Val::Null), 4 => some].boxed()
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row: Vec<_> = COLUMNS.iter().map(|(_, column, _)| val(*column)).collect();
    prop::collection::vec(row, 0..12)
}

fn column_name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["int", "double", "text", "bool", "time", "absent"]).prop_map(str::to_owned)
}

fn scale() -> impl Strategy<Value = Option<f64>> {
    prop::sample::select(vec![None, Some(1024.0), Some(0.001)])
}

/// Keys of attributes, one of which an added column has as well.
fn keys<V: Strategy>(value: V) -> impl Strategy<Value = BTreeMap<String, V::Value>>
where
    V::Value: std::fmt::Debug,
{
    let key =
        prop::sample::select(vec!["db.namespace", "added.text", "state", "mode"]).prop_map(str::to_owned);
    prop::collection::btree_map(key, value, 0..3)
}

fn metric() -> impl Strategy<Value = Metric> {
    let point = (column_name(), scale(), keys("[a-z]{0,5}"));
    let point = point.prop_map(|(column, scale, attributes)| Point {
        column,
        scale,
        attributes,
    });
    let start = prop::sample::select(vec![None, Some("time"), Some("absent"), Some("int")]);
    (
        any::<(bool, bool, bool)>(),
        start,
        prop::collection::vec(point, 0..4),
        keys(column_name()),
    )
        .prop_map(|((sum, monotonic, int), start, points, attributes)| Metric {
            name: "m".into(),
            description: "d".repeat(200),
            unit: "By".into(),
            kind: if sum { MetricKind::Sum } else { MetricKind::Gauge },
            monotonic,
            value: if int {
                MetricValue::Int
            } else {
                MetricValue::Double
            },
            enabled: true,
            start: start.map(Into::into),
            points,
            attributes,
        })
}

fn event() -> impl Strategy<Value = Event> {
    let null = prop::sample::select(vec![None, Some("{}".to_owned())]);
    let attribute = (column_name(), scale(), any::<bool>(), null);
    let trace_parent = prop::sample::select(vec![None, Some("trace".to_owned()), Some("absent".to_owned())]);
    (
        keys("[a-z]{0,5}"),
        prop::collection::vec(attribute, 0..5),
        trace_parent,
    )
        .prop_map(|(constants, attributes, trace_parent)| Event {
            name: "e".into(),
            description: String::new(),
            constants,
            attributes: attributes
                .into_iter()
                .enumerate()
                .map(|(at, (column, scale, text, null))| EventAttribute {
                    key: if at == 0 { "state".into() } else { format!("a{at}") },
                    column,
                    scale,
                    text,
                    null,
                })
                .collect(),
            trace_parent,
        })
}

fn projection() -> impl Strategy<Value = Projection> {
    (prop::collection::vec(metric(), 0..3), prop::option::of(event())).prop_map(|(metrics, event)| {
        Projection {
            scope: "ringwatch.test".into(),
            metrics,
            event,
        }
    })
}

fn frame(books: &Arc<Books>, rows: &[Row], resource: &str, tick: i64) -> Frame {
    let mut columns = Columns::new(COLUMNS.map(|(name, column, _)| (name, column)));
    for row in rows {
        let cells: Vec<_> = row
            .iter()
            .map(|val| match val {
                Val::Null => Cell::Null,
                Val::Int(int) => Cell::Int(*int),
                Val::Double(double) => Cell::Double(*double),
                Val::Text(text) => Cell::Text(text),
                Val::Bool(bit) => Cell::Bool(*bit),
                Val::Time(nanos) => Cell::Time(*nanos),
            })
            .collect();
        columns.push(&cells).unwrap();
    }
    let plain = columns.finish().unwrap();
    let fields = COLUMNS.map(|(name, column, added)| {
        if added {
            column.attribute_field(name)
        } else {
            column.field(name)
        }
    });
    let marked =
        RecordBatch::try_new(Arc::new(Schema::new(fields.to_vec())), plain.columns().to_vec()).unwrap();
    let entries = [
        ("service.name", Value::from(resource)),
        ("port", Value::Int(-1)),
        ("load", Value::Double(0.5)),
        ("primary", Value::Bool(false)),
    ];
    let id = FrameId {
        target: TargetId::new("test", "x:1"),
        stream: StreamId::of_server("s"),
        tick: Tick::from_unix_nanos(tick),
        epoch: Epoch(1),
    };
    let resource = Resource::from_iter(entries.map(|(key, value)| (Arc::from(key), value)));
    Frame::collected(
        books,
        FrameMeta {
            id,
            source: "test".into(),
            resource: Arc::new(resource),
        },
        marked,
    )
}

fn get<'a>(row: &'a Row, name: &str) -> Option<&'a Val> {
    COLUMNS
        .iter()
        .position(|(column, ..)| *column == name)
        .map(|at| &row[at])
}

fn key_value(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn text_value(text: impl Into<String>) -> any_value::Value {
    any_value::Value::StringValue(text.into())
}

/// The value of an attribute, if it has one.
fn attribute(val: &Val, scale: Option<f64>, text: bool, null: Option<&str>) -> Option<any_value::Value> {
    use any_value::Value as Any;
    let value = match val {
        Val::Null => return null.map(text_value),
        Val::Text(text) => text_value(text),
        Val::Bool(bit) => Any::BoolValue(*bit),
        Val::Time(nanos) if text => text_value(
            jiff::Timestamp::from_nanosecond((*nanos).into())
                .unwrap()
                .to_string(),
        ),
        Val::Time(nanos) => Any::IntValue(*nanos),
        Val::Double(double) => Any::DoubleValue(double * scale.unwrap_or(1.0)),
        Val::Int(int) => match scale {
            None => Any::IntValue(*int),
            Some(1024.0) => Any::IntValue(int * 1024),
            Some(scale) => Any::DoubleValue(*int as f64 * scale),
        },
    };
    Some(match value {
        Any::IntValue(int) if text => text_value(int.to_string()),
        Any::DoubleValue(double) if text => text_value(double.to_string()),
        Any::BoolValue(bit) if text => text_value(bit.to_string()),
        value => value,
    })
}

const ADDED: [&str; 2] = ["added.text", "added.int"];

fn added(row: &Row) -> impl Iterator<Item = KeyValue> {
    ADDED
        .into_iter()
        .filter_map(|key| Some(key_value(key, attribute(get(row, key)?, None, false, None)?)))
}

fn point(row: &Row, metric: &Metric, point: &Point, tick: u64) -> Option<otlp::NumberDataPoint> {
    use otlp::number_data_point::Value::{AsDouble, AsInt};
    let value = match (get(row, &point.column)?, metric.value, point.scale) {
        (Val::Int(int), MetricValue::Int, None) => AsInt(*int),
        (Val::Int(int), MetricValue::Int, Some(1024.0)) => AsInt(int * 1024),
        (Val::Int(int), MetricValue::Int, Some(scale)) => AsInt((*int as f64 * scale).round() as i64),
        (Val::Int(int), MetricValue::Double, scale) => AsDouble(*int as f64 * scale.unwrap_or(1.0)),
        (Val::Double(double), MetricValue::Int, scale) => {
            AsInt((double * scale.unwrap_or(1.0)).round() as i64)
        }
        (Val::Double(double), MetricValue::Double, scale) => AsDouble(double * scale.unwrap_or(1.0)),
        _ => return None,
    };
    let start = match metric.start.as_ref().and_then(|name| get(row, name)) {
        Some(Val::Time(nanos)) if metric.kind == MetricKind::Sum => nanos.unsigned_abs(),
        _ => 0,
    };
    let free = |key: &str| !ADDED.contains(&key);
    let fixed = point
        .attributes
        .iter()
        .filter(|(key, _)| free(key) && !metric.attributes.contains_key(*key));
    let own = metric.attributes.iter().filter(|(key, _)| free(key));
    let own =
        own.filter_map(|(key, name)| Some(key_value(key, attribute(get(row, name)?, None, false, None)?)));
    Some(otlp::NumberDataPoint {
        attributes: fixed
            .map(|(key, text)| key_value(key, text_value(text)))
            .chain(own)
            .chain(added(row))
            .collect(),
        start_time_unix_nano: start,
        time_unix_nano: tick,
        value: Some(value),
        ..otlp::NumberDataPoint::default()
    })
}

fn metrics(rows: &[Row], projection: &Projection, tick: u64) -> Vec<otlp::Metric> {
    let all = projection.metrics.iter().map(|metric| {
        let points = metric
            .points
            .iter()
            .flat_map(|entry| rows.iter().filter_map(|row| point(row, metric, entry, tick)));
        let data_points: Vec<_> = points.collect();
        let empty = data_points.is_empty();
        let data = match metric.kind {
            MetricKind::Gauge => otlp::metric::Data::Gauge(otlp::Gauge { data_points }),
            MetricKind::Sum => otlp::metric::Data::Sum(otlp::Sum {
                data_points,
                aggregation_temporality: otlp::AggregationTemporality::Cumulative.into(),
                is_monotonic: metric.monotonic,
            }),
        };
        let (name, description, unit) = (
            metric.name.clone(),
            metric.description.clone(),
            metric.unit.clone(),
        );
        (
            empty,
            otlp::Metric {
                name,
                description,
                unit,
                data: Some(data),
                ..otlp::Metric::default()
            },
        )
    });
    all.filter(|(empty, _)| !empty)
        .map(|(_, metric)| metric)
        .collect()
}

fn records(rows: &[Row], event: &Event, tick: u64) -> Vec<LogRecord> {
    let free = |key: &str| !ADDED.contains(&key);
    let record = |row: &Row| {
        let constants = event
            .constants
            .iter()
            .filter(|(key, _)| free(key) && event.attributes.iter().all(|own| own.key != **key));
        let own = event
            .attributes
            .iter()
            .filter(|own| free(&own.key))
            .filter_map(|own| {
                let value = attribute(get(row, &own.column)?, own.scale, own.text, own.null.as_deref())?;
                Some(key_value(&own.key, value))
            });
        let parent = event.trace_parent.as_ref().and_then(|name| get(row, name));
        let traced = parent.is_some_and(|val| *val == Val::Text(TRACE.into()));
        let bytes = |hex: &str| -> Vec<u8> {
            let pairs = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
            if traced { pairs.collect() } else { Vec::new() }
        };
        LogRecord {
            time_unix_nano: tick,
            observed_time_unix_nano: tick,
            event_name: event.name.clone(),
            attributes: constants
                .map(|(key, text)| key_value(key, text_value(text)))
                .chain(own)
                .chain(added(row))
                .collect(),
            flags: u32::from(traced),
            trace_id: bytes(&TRACE[3..35]),
            span_id: bytes(&TRACE[36..52]),
            ..LogRecord::default()
        }
    };
    rows.iter().map(record).collect()
}

fn resource(name: &str) -> Option<OtlpResource> {
    let attributes = vec![
        key_value("service.name", text_value(name)),
        key_value("port", any_value::Value::IntValue(-1)),
        key_value("load", any_value::Value::DoubleValue(0.5)),
        key_value("primary", any_value::Value::BoolValue(false)),
    ];
    Some(OtlpResource {
        attributes,
        ..OtlpResource::default()
    })
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope {
        name: "ringwatch.test".into(),
        version: "1.2.3".into(),
        ..InstrumentationScope::default()
    })
}

/// Frames of the rows: the first resource's in two parts with another resource's between them.
fn batch(first: &[Row], second: &[Row], cut: usize, books: &Arc<Books>) -> Batch {
    let (head, tail) = frame(books, first, "one", 7).split(cut);
    [Some(head), Some(frame(books, second, "two", 8)), tail]
        .into_iter()
        .flatten()
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn metrics_are_what_rows_say(first in rows(), second in rows(), cut in 1_usize..12, projection in projection()) {
        let books = Arc::new(Books::default());
        let batch = batch(&first, &second, cut, &books);
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
    fn records_are_what_rows_say(first in rows(), second in rows(), cut in 1_usize..12, projection in projection()) {
        let books = Arc::new(Books::default());
        let batch = batch(&first, &second, cut, &books);
        let group = |name: &str, log_records: Vec<LogRecord>| ResourceLogs {
            resource: resource(name),
            scope_logs: vec![ScopeLogs { scope: scope(), log_records, schema_url: String::new() }],
            schema_url: String::new(),
        };
        let of = |rows: &[Row], tick| projection.event.as_ref().map(|event| records(rows, event, tick)).unwrap_or_default();
        let groups = [("one", of(&first, 7)), ("two", of(&second, 8))].into_iter().filter(|(_, all)| !all.is_empty());
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
