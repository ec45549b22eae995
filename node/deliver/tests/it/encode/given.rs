//! Rows and projections of all kinds, and the frames that they become.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use proptest::prelude::*;
use ringwatch_catalogue::Projection;
use ringwatch_catalogue::model::{
    Aggregation, Event, EventAttribute, Metric, MetricKind, MetricValue, Only, Point,
};
use ringwatch_frame::{
    Batch, Books, Cell, ColumnType, Columns, Epoch, Frame, FrameId, FrameMeta, Resource, Role, StreamId,
    TargetId, Tick, Value,
};

pub(super) const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Val {
    Null,
    Int(i64),
    Double(f64),
    Text(String),
    Bool(bool),
    Time(i64),
}

/// Name, type, and whether a processor added it as an attribute.
const COLUMNS: [(&str, ColumnType, bool); 10] = [
    ("int", ColumnType::Int, false),
    ("double", ColumnType::Double, false),
    ("text", ColumnType::Text, false),
    ("bool", ColumnType::Bool, false),
    ("time", ColumnType::Time, false),
    ("trace", ColumnType::Text, false),
    ("level", ColumnType::Text, false),
    ("number", ColumnType::Int, false),
    ("added.text", ColumnType::Text, true),
    ("added.int", ColumnType::Int, true),
];
/// The columns that projections may name, and one that is not there.
const NAMES: [&str; 8] = [
    "int", "double", "text", "bool", "time", "level", "number", "absent",
];

pub(super) type Row = Vec<Val>;
/// The columns that a processor wrote for a place.
pub(super) type Written = HashMap<&'static str, Role>;

fn val((name, column): (&str, ColumnType)) -> BoxedStrategy<Val> {
    let some = match (name, column) {
        ("level", _) => prop::sample::select(vec!["", "7", "99", "INFO"])
            .prop_map(|text| Val::Text(text.into()))
            .boxed(),
        ("number", _) => (-3_i64..40).prop_map(Val::Int).boxed(),
        (_, ColumnType::Int) => (-1_000_000_i64..1_000_000).prop_map(Val::Int).boxed(),
        (_, ColumnType::Double) => (-1e6..1e6_f64).prop_map(Val::Double).boxed(),
        (_, ColumnType::Text) => {
            prop_oneof![Just(String::new()), Just(TRACE.to_owned()), "[a-z\u{e4}]{1,200}"]
                .prop_map(Val::Text)
                .boxed()
        }
        (_, ColumnType::Bool) => any::<bool>().prop_map(Val::Bool).boxed(),
        (_, ColumnType::Time) => (0_i64..2_000_000_000_000_000_000).prop_map(Val::Time).boxed(),
    };
    prop_oneof![1 => Just(Val::Null), 4 => some].boxed()
}

pub(super) fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row: Vec<_> = COLUMNS
        .iter()
        .map(|(name, column, _)| val((name, *column)))
        .collect();
    prop::collection::vec(row, 0..24)
}

/// Each place may be written in a column of any type; a column has one role.
pub(super) fn written() -> impl Strategy<Value = Written> {
    let column = || prop::option::of(prop::sample::select(NAMES.to_vec()));
    (column(), column(), column()).prop_map(|(text, number, body)| {
        let roles = [
            (body, Role::Body),
            (number, Role::SeverityNumber),
            (text, Role::SeverityText),
        ];
        roles
            .into_iter()
            .filter_map(|(column, role)| Some((column?, role)))
            .collect()
    })
}

fn column_name() -> impl Strategy<Value = String> {
    prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned)
}

fn maybe_column() -> impl Strategy<Value = Option<String>> {
    prop::option::of(column_name())
}

fn scale() -> impl Strategy<Value = Option<f64>> {
    prop::sample::select(vec![None, Some(1024.0), Some(0.001)])
}

fn only() -> impl Strategy<Value = Option<Only>> {
    let equals = prop::sample::select(vec!["", "7", "INFO", "true", "false"]);
    let only = (column_name(), equals).prop_map(|(column, equals)| Only {
        column,
        equals: equals.into(),
    });
    prop_oneof![2 => Just(None), 1 => only.prop_map(Some)]
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
    let point = (column_name(), scale(), keys("[a-z]{0,5}"), only());
    let point = point.prop_map(|(column, scale, attributes, only)| Point {
        column,
        scale,
        attributes,
        only,
    });
    (
        any::<(bool, bool, bool, bool)>(),
        (maybe_column(), maybe_column()),
        prop::collection::vec(point, 0..4),
        keys(column_name()),
    )
        .prop_map(
            |((sum, monotonic, int, delta), (start, timestamp), points, attributes)| Metric {
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
                start,
                timestamp,
                aggregation: if delta {
                    Aggregation::Delta
                } else {
                    Aggregation::Cumulative
                },
                points,
                attributes,
            },
        )
}

fn event() -> impl Strategy<Value = Event> {
    let null = prop::sample::select(vec![None, Some("{}".to_owned())]);
    let attribute = (column_name(), scale(), any::<bool>(), null);
    let trace_parent = prop::sample::select(vec![None, Some("trace".to_owned()), Some("absent".to_owned())]);
    let places = (maybe_column(), maybe_column(), maybe_column(), maybe_column());
    (
        prop::sample::select(vec!["", "e"]),
        keys("[a-z]{0,5}"),
        prop::collection::vec(attribute, 0..5),
        trace_parent,
        places,
        only(),
    )
        .prop_map(
            |(name, constants, attributes, trace_parent, places, only)| Event {
                name: name.into(),
                description: String::new(),
                body: places.0,
                severity_text: places.1,
                severity_number: places.2,
                timestamp: places.3,
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
                only,
            },
        )
}

pub(super) fn projection() -> impl Strategy<Value = Projection> {
    let events = prop::collection::vec(event(), 0..3);
    (prop::collection::vec(metric(), 0..3), events).prop_map(|(metrics, events)| Projection {
        scope: "ringwatch.test".into(),
        metrics,
        events,
    })
}

fn frame(books: &Arc<Books>, rows: &[Row], written: &Written, resource: &str, tick: i64) -> Frame {
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
    let fields = COLUMNS.map(|(name, column, added)| match written.get(name) {
        Some(role) => column.role_field(name, *role),
        None if added => column.attribute_field(name),
        None => column.field(name),
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

/// Frames of the rows: the first resource's in two parts with another resource's between them.
pub(super) fn batch(
    first: &[Row],
    second: &[Row],
    written: &Written,
    cut: usize,
    books: &Arc<Books>,
) -> Batch {
    let (head, tail) = frame(books, first, written, "one", 7).split(cut);
    [Some(head), Some(frame(books, second, written, "two", 8)), tail]
        .into_iter()
        .flatten()
        .collect()
}

/// The value of column `name`, if there is one.
pub(super) fn get<'a>(row: &'a Row, name: &str) -> Option<&'a Val> {
    COLUMNS
        .iter()
        .position(|(column, ..)| *column == name)
        .map(|at| &row[at])
}
