//! A wide frame, as a busy server's statements are: 18 columns, of which five are text, and three points a row.

use std::sync::Arc;

use arrow_array::RecordBatch;
use ringwatch_catalogue::model::{
    Aggregation, Event, EventAttribute, Metric, MetricKind, MetricValue, Point,
};
use ringwatch_catalogue::{Projection, Projections};
use ringwatch_frame::{
    Batch, Books, Cell, ColumnType, Columns, Epoch, Frame, FrameId, FrameMeta, Resource, StreamId, TargetId,
    Tick, Value,
};

const TEXTS: [&str; 5] = ["database", "user", "query", "host", "state"];
const NUMBERS: usize = 13;

/// The rows as columns, as the collector makes them.
pub(crate) fn columns(rows: usize, names: &[String], texts: &[String]) -> RecordBatch {
    let all = TEXTS.iter().map(|name| (*name, ColumnType::Text));
    let all = all.chain(names.iter().map(|name| (name.as_str(), ColumnType::Int)));
    let mut columns = Columns::new(all);
    let mut cells = Vec::with_capacity(TEXTS.len() + NUMBERS);
    for row in 0..rows {
        cells.clear();
        cells.extend((0..TEXTS.len()).map(|column| Cell::Text(&texts[(row * (column + 1)) % texts.len()])));
        cells.extend((0..NUMBERS).map(|column| Cell::Int(i64::try_from(row * column).unwrap_or(0))));
        if columns.push(&cells).is_err() {
            break;
        }
    }
    columns
        .finish()
        .unwrap_or_else(|_| RecordBatch::new_empty(Arc::new(arrow_schema::Schema::empty())))
}

/// The names of the number columns.
pub(crate) fn names() -> Vec<String> {
    (0..NUMBERS).map(|column| format!("n{column}")).collect()
}

/// A hundred distinct texts of the length of a statement.
pub(crate) fn texts() -> Vec<String> {
    (0..100)
        .map(|n| format!("SELECT a, b, c FROM orders WHERE id = $1 AND shard = {n} ORDER BY created_at"))
        .collect()
}

/// One frame of so many rows.
pub(crate) fn batch(rows: usize) -> Batch {
    frame("wide", columns(rows, &names(), &texts())).into()
}

/// A frame of these columns.
pub(crate) fn frame(stream: &str, columns: RecordBatch) -> Frame {
    let id = FrameId {
        target: TargetId::new("postgresql", "db1:5432"),
        stream: StreamId::of_server(stream),
        tick: Tick::from_unix_nanos(1_763_683_200_000_000_000),
        epoch: Epoch(1),
    };
    let resource = Resource::from_iter([(Arc::from("service.name"), Value::from("orders"))]);
    let meta = FrameMeta {
        id,
        source: "postgresql".into(),
        resource: Arc::new(resource),
    };
    Frame::collected(&Arc::new(Books::default()), meta, columns)
}

/// A counter of one point a row.
pub(crate) fn metric(name: &str, column: &str, value: MetricValue, attributes: &[(&str, &str)]) -> Metric {
    Metric {
        name: name.into(),
        description: "A counter".into(),
        unit: "1".into(),
        kind: MetricKind::Sum,
        monotonic: true,
        value,
        enabled: true,
        start: None,
        timestamp: None,
        aggregation: Aggregation::Cumulative,
        points: vec![Point {
            column: column.into(),
            scale: None,
            attributes: [].into(),
            only: None,
        }],
        attributes: attributes
            .iter()
            .map(|(key, column)| ((*key).to_owned(), (*column).to_owned()))
            .collect(),
    }
}

/// Three points a row, or a record with all columns.
pub(crate) fn projections() -> Projections {
    let keys = TEXTS.map(|name| (format!("db.{name}"), name));
    let keys: Vec<(&str, &str)> = keys.iter().map(|(key, name)| (key.as_str(), *name)).collect();
    let metric = |name: &str, column: &str| metric(name, column, MetricValue::Int, &keys);
    let columns = TEXTS.iter().map(|name| (*name).to_owned()).chain(names());
    let attributes = columns.map(|column| EventAttribute {
        key: format!("db.{column}"),
        column,
        scale: None,
        text: false,
        null: None,
    });
    let event = Event {
        name: "wide".into(),
        description: String::new(),
        constants: [].into(),
        attributes: attributes.collect(),
        trace_parent: None,
        only: None,
        body: None,
        severity_text: None,
        severity_number: None,
        timestamp: None,
    };
    let metrics = vec![metric("a", "n1"), metric("b", "n2"), metric("c", "n3")];
    let mut projections = Projections::default();
    projections.insert(
        "postgresql",
        "wide",
        Projection {
            scope: "ringwatch.postgresql".into(),
            metrics,
            events: vec![event],
        },
    );
    projections
}
