//! Frames for the tests of this crate.

use std::sync::Arc;

use ringwatch_catalogue::model::{
    Aggregation, Event, EventAttribute, Metric, MetricKind, MetricValue, Point,
};
use ringwatch_catalogue::{Projection, Projections};
use ringwatch_frame::{
    Batch, Books, Cell, ColumnType, Columns, Epoch, Frame, FrameId, FrameMeta, Resource, StreamId, TargetId,
    Tick, Value,
};

/// A frame of `rows` rows with columns `n` (whole numbers from 0) and `who` (text), at second `second`.
pub(crate) fn frame(books: &Arc<Books>, stream: StreamId, second: i64, rows: i64) -> Frame {
    let mut columns = Columns::new([("n", ColumnType::Int), ("who", ColumnType::Text)]);
    for row in 0..rows {
        columns
            .push(&[
                Cell::Int(row),
                Cell::Text(if row % 2 == 0 { "ann" } else { "bob" }),
            ])
            .unwrap();
    }
    let resource = [
        (Arc::from("service.name"), Value::from("orders")),
        (Arc::from("service.instance.id"), Value::from("db1:5432")),
        (Arc::from("server.port"), Value::from(5432)),
    ];
    let id = FrameId {
        target: TargetId::new("postgresql", "db1:5432"),
        stream,
        tick: Tick::from_unix_nanos(second * 1_000_000_000),
        epoch: Epoch(1),
    };
    let meta = FrameMeta {
        id,
        source: "postgresql".into(),
        resource: Arc::new(Resource::from_iter(resource)),
    };
    Frame::collected(books, meta, columns.finish().unwrap())
}

/// A batch of `frames` frames of `rows` rows each.
pub(crate) fn batch(books: &Arc<Books>, frames: usize, rows: i64) -> Batch {
    (0..frames)
        .map(|_| frame(books, StreamId::of_server("people"), 1, rows))
        .collect()
}

/// What frames of stream `people` become: a counter, a gauge and a record.
pub(crate) fn projections() -> Arc<Projections> {
    let point = |scale, attributes: &[(&str, &str)]| Point {
        column: "n".into(),
        scale,
        attributes: attributes
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect(),
        only: None,
    };
    let metric = |name: &str, unit: &str, kind, monotonic, value, points| Metric {
        name: name.into(),
        description: format!("What {name} says\nin two lines"),
        unit: unit.into(),
        kind,
        monotonic,
        value,
        enabled: true,
        start: None,
        timestamp: None,
        aggregation: Aggregation::Cumulative,
        points,
        attributes: [("user.name".to_owned(), "who".to_owned())].into(),
    };
    let projection = Projection {
        scope: "ringwatch.postgresql".into(),
        metrics: vec![
            metric(
                "people.calls",
                "{call}",
                MetricKind::Sum,
                true,
                MetricValue::Int,
                vec![point(None, &[("way", "in")]), point(Some(2.0), &[("way", "out")])],
            ),
            metric(
                "people.wait",
                "ms",
                MetricKind::Gauge,
                false,
                MetricValue::Double,
                vec![point(Some(0.5), &[])],
            ),
        ],
        events: vec![Event {
            name: "people.seen".into(),
            description: "Somebody".into(),
            constants: [("db.system.name".to_owned(), "postgresql".to_owned())].into(),
            attributes: vec![EventAttribute {
                key: "user.name".into(),
                column: "who".into(),
                scale: None,
                text: false,
                null: None,
            }],
            trace_parent: None,
            only: None,
            body: None,
            severity_text: None,
            severity_number: None,
            timestamp: None,
        }],
    };
    let mut projections = Projections::default();
    projections.insert("postgresql", "people", projection);
    Arc::new(projections)
}
