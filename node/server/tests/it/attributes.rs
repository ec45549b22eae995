//! Processor `attributes` before the encoder: attributes are changed by the names under which they go out.

use std::collections::BTreeMap;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message;
use ringwatch_catalogue::model::{
    Aggregation, Event, EventAttribute, Metric, MetricKind, MetricValue, Point,
};
use ringwatch_catalogue::{Projection, Projections};
use ringwatch_config::settings::AttributeActionKind::{Delete, Hash, Insert, Update, Upsert};
use ringwatch_config::settings::{
    AttributeAction, AttributeActionKind, AttributesProcessor as Settings, Scalar,
};
use ringwatch_deliver::otlp::{encode_logs, encode_metrics};
use ringwatch_frame::{
    Batch, Books, Cell, ColumnType, Columns, Epoch, Frame, FrameId, FrameMeta, Place, StreamId, TargetId,
    Tick,
};
use ringwatch_pipeline::{AttributesProcessor, Processor};

const QUERY: &str = "select secret";
const KEYS: [(&str, &str); 3] = [
    ("db.namespace", "datname"),
    ("db.query.text", "query_text"),
    ("user.name", "rolname"),
];

fn projections() -> Arc<Projections> {
    let attribute = |(key, column): &(&str, &str)| EventAttribute {
        key: (*key).into(),
        column: (*column).into(),
        scale: None,
        text: false,
        null: None,
    };
    let projection = Projection {
        scope: "ringwatch.postgresql".into(),
        metrics: vec![Metric {
            name: "calls".into(),
            description: String::new(),
            unit: "1".into(),
            kind: MetricKind::Gauge,
            monotonic: false,
            value: MetricValue::Int,
            enabled: true,
            start: None,
            timestamp: None,
            aggregation: Aggregation::Cumulative,
            points: vec![Point {
                column: "calls".into(),
                scale: None,
                attributes: BTreeMap::new(),
                only: None,
            }],
            attributes: KEYS
                .iter()
                .map(|(key, column)| ((*key).into(), (*column).into()))
                .collect(),
        }],
        events: vec![Event {
            name: "query".into(),
            description: String::new(),
            body: None,
            severity_text: None,
            severity_number: None,
            timestamp: None,
            constants: [("db.system.name".to_owned(), "postgresql".to_owned())].into(),
            attributes: KEYS.iter().map(attribute).collect(),
            trace_parent: None,
            only: None,
        }],
    };
    let mut projections = Projections::default();
    projections.insert("postgresql", "queries", projection);
    Arc::new(projections)
}

fn frame(books: &Arc<Books>) -> Frame {
    let text = ColumnType::Text;
    let mut columns = Columns::new([
        ("datname", text),
        ("query_text", text),
        ("rolname", text),
        ("calls", ColumnType::Int),
    ]);
    let row = [
        Cell::Text("billing"),
        Cell::Text(QUERY),
        Cell::Text("ann"),
        Cell::Int(7),
    ];
    columns.push(&row).unwrap();
    let id = FrameId {
        target: TargetId::new("postgresql", "db:5432"),
        stream: StreamId::of_server("queries"),
        tick: Tick::from_unix_nanos(1),
        epoch: Epoch(1),
    };
    let meta = FrameMeta {
        id,
        source: "postgresql".into(),
        resource: Arc::default(),
    };
    Frame::collected(books, meta, columns.finish().unwrap())
}

fn step(key: &str, action: AttributeActionKind, value: Option<&str>, from: Option<&str>) -> AttributeAction {
    AttributeAction {
        key: key.into(),
        action,
        value: value.map(|value| Scalar::Text(value.into())),
        from_attribute: from.map(Into::into),
    }
}

/// What goes out as attributes of the point and of the record, sorted and without constants, after these
/// actions.
fn exported(actions: &[AttributeAction]) -> Vec<(String, String)> {
    let (books, projections) = (Arc::new(Books::default()), projections());
    let known = Arc::clone(&projections);
    let resolver = Arc::new(move |source: &str, stream: &str, place: Place<'_>| {
        known.get(source, stream)?.column_of(place).map(Arc::from)
    });
    let settings = Settings {
        actions: actions.to_vec(),
    };
    let mut processor = AttributesProcessor::new("attributes", &settings, resolver).unwrap();
    let mut out: Vec<Batch> = Vec::new();
    processor.process(frame(&books).into(), &mut out);
    let batch = out.remove(0);
    let (mut logs, mut metrics) = (Vec::new(), Vec::new());
    assert_eq!(encode_logs(&batch, &projections, "1", &mut logs).items, 1);
    assert_eq!(encode_metrics(&batch, &projections, "1", &mut metrics).items, 1);
    batch.deliver();
    let logs = ExportLogsServiceRequest::decode(logs.as_slice()).unwrap();
    let mut record = texts(&logs.resource_logs[0].scope_logs[0].log_records[0].attributes);
    record.retain(|(key, _)| key != "db.system.name");
    let metrics = ExportMetricsServiceRequest::decode(metrics.as_slice()).unwrap();
    let Some(Data::Gauge(gauge)) = &metrics.resource_metrics[0].scope_metrics[0].metrics[0].data else {
        panic!("a gauge was encoded");
    };
    assert_eq!(
        texts(&gauge.data_points[0].attributes),
        record,
        "both signals say the same"
    );
    record
}

fn texts(attributes: &[KeyValue]) -> Vec<(String, String)> {
    let text = |attribute: &KeyValue| {
        let Some(Value::StringValue(text)) = attribute.value.clone().and_then(|any| any.value) else {
            panic!("{attribute:?} is no text");
        };
        (attribute.key.clone(), text)
    };
    let mut texts: Vec<_> = attributes.iter().map(text).collect();
    texts.sort();
    texts
}

#[test]
fn attributes_are_changed_by_the_names_under_which_they_go_out() {
    let hash = "7902699be42c8a8e46fbbb4501726517e86b22c56a189f7625a6da49081b2451";
    let (namespace, query, user) = (
        ("db.namespace", "billing"),
        ("db.query.text", QUERY),
        ("user.name", "ann"),
    );
    let seven = step("db.query.text", Update, Some("7"), None);
    for (actions, expected) in [
        (vec![], vec![namespace, query, user]),
        (
            vec![step("db.query.text", Delete, None, None)],
            vec![namespace, user],
        ),
        (
            vec![seven, step("db.query.text", Hash, None, None)],
            vec![namespace, ("db.query.text", hash), user],
        ),
        (
            vec![step("user.name", Delete, None, None)],
            vec![namespace, query],
        ),
        (
            vec![step("db.namespace", Insert, Some("x"), None)],
            vec![namespace, query, user],
        ),
        (
            vec![step("db.namespace", Update, Some("x"), None)],
            vec![("db.namespace", "x"), query, user],
        ),
        (
            vec![step("db.namespace", Upsert, None, Some("user.name"))],
            vec![("db.namespace", "ann"), query, user],
        ),
        (
            vec![
                step("db.query.text", Delete, None, None),
                step("db.query.text", Insert, Some("x"), None),
            ],
            vec![namespace, ("db.query.text", "x"), user],
        ),
        (
            vec![step("a.owner", Insert, None, Some("user.name"))],
            vec![("a.owner", "ann"), namespace, query, user],
        ),
        (
            vec![step("query_text", Delete, None, None)],
            vec![namespace, user],
        ),
    ] {
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(key, text)| (key.to_owned(), text.to_owned()))
            .collect();
        assert_eq!(exported(&actions), expected, "{actions:?}");
    }
    let hashed = exported(&[step("db.query.text", Hash, None, None)]);
    assert!(
        hashed[1].0 == "db.query.text" && hashed[1].1.len() == 64,
        "{hashed:?}"
    );
}
