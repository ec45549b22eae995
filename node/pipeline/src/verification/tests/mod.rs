//! Whole frames through the processor.

mod behaviour;
mod hiding;
mod quality;

use std::sync::Arc;

use arrow_array::RecordBatch;
use prometheus::Registry;
use ringwatch_config::settings::Verification as Settings;
use ringwatch_frame::{
    Batch, Books, Cell, Clock, ColumnType, Columns, Epoch, Frame, FrameId, FrameMeta, Place, StreamId,
    TargetId, Tick,
};

use super::columns::Texts;
use super::{Verification, VerificationControl, VerificationMetrics, VerificationProcessor};
use crate::{Processor, Resolver};

const SECOND: i64 = 1_000_000_000;
/// When the tests begin.
const START: i64 = 1_763_683_200;

/// A processor with its books, its metrics and its handle.
struct World {
    books: Arc<Books>,
    registry: Registry,
    verification: Verification,
    processor: VerificationProcessor,
    control: VerificationControl,
}

fn resolver() -> Resolver {
    Arc::new(|_, stream, place| match (stream, place) {
        ("sqlquery.log", Place::Body) => Some("line".into()),
        (_, Place::Attribute("db.query.text")) => Some("query_text".into()),
        ("sqlquery.numbers", Place::Attribute(name @ ("card_number" | "queryid" | "rows"))) => {
            Some(name.into())
        }
        _ => None,
    })
}

impl World {
    fn new(settings: &Settings) -> Self {
        let registry = Registry::new();
        let metrics = VerificationMetrics::new(&registry).unwrap();
        let clock = Clock::simulated(Tick::from_unix_nanos(START * SECOND));
        let new = Verification::new(
            "verification",
            settings,
            resolver(),
            &metrics,
            &clock,
            (None, None),
        );
        let verification = new.unwrap();
        Self {
            books: Arc::default(),
            registry,
            processor: verification.processor("metrics"),
            control: verification.control(),
            verification,
        }
    }

    fn pass(&mut self, stream: &str, second: i64, rows: RecordBatch) -> RecordBatch {
        let frame = frame(&self.books, stream, second, rows);
        let mut out = Vec::new();
        self.processor.process(Batch::from(frame), &mut out);
        let rows = out[0].frames()[0].batch().clone();
        out.into_iter().for_each(Batch::deliver);
        crate::testing::assert_at_rest(&self.books);
        rows
    }

    /// The sum of the series of a metric that have these labels.
    fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let families = self.registry.gather();
        let Some(family) = families.iter().find(|family| family.name() == name) else {
            return 0.0;
        };
        let has = |metric: &prometheus::proto::Metric, (key, value): &(&str, &str)| {
            metric
                .get_label()
                .iter()
                .any(|label| label.name() == *key && label.value() == *value)
        };
        let series = family
            .get_metric()
            .iter()
            .filter(|metric| labels.iter().all(|label| has(metric, label)));
        series
            .map(|metric| metric.get_counter().get_value() + metric.get_gauge().get_value())
            .sum()
    }
}

fn frame(books: &Arc<Books>, stream: &str, second: i64, rows: RecordBatch) -> Frame {
    frame_of("postgresql", books, stream, second, rows)
}

fn frame_of(source: &str, books: &Arc<Books>, stream: &str, second: i64, rows: RecordBatch) -> Frame {
    let id = FrameId {
        target: TargetId::new("postgresql", "db:5432"),
        stream: StreamId::of_server(stream),
        tick: Tick::from_unix_nanos((START + second) * SECOND),
        epoch: Epoch(0),
    };
    let meta = FrameMeta {
        id,
        source: source.into(),
        resource: Arc::default(),
    };
    Frame::collected(books, meta, rows)
}

fn rows(columns: &[(&str, ColumnType)], cells: &[&[Cell<'_>]]) -> RecordBatch {
    let mut built = Columns::new(columns.iter().copied());
    cells.iter().for_each(|row| built.push(row).unwrap());
    built.finish().unwrap()
}

/// The texts of a column.
fn texts(rows: &RecordBatch, column: &str) -> Vec<Option<String>> {
    let texts = Texts::of(rows.column_by_name(column).unwrap()).unwrap();
    (0..rows.num_rows())
        .map(|row| texts.get(row).map(str::to_owned))
        .collect()
}
