//! What the tests of the processors share.

use std::sync::{Arc, Mutex};

use arrow_array::RecordBatch;
use prometheus::Registry;
use ringwatch_config::settings::{AttributeAction, AttributeActionKind, Scalar};
use ringwatch_frame::{
    Batch, Books, Cell, ColumnType, Columns, DropReason, Epoch, Frame, FrameId, FrameMeta, Resource,
    StreamId, TargetId, Tick,
};

use crate::{Outlet, PipelineMetrics};

pub(crate) fn metrics() -> PipelineMetrics {
    PipelineMetrics::new(&Registry::new()).unwrap()
}

/// A frame whose one column, `n`, counts from `first`.
pub(crate) fn frame(books: &Arc<Books>, first: i64, rows: usize) -> Frame {
    let mut columns = Columns::new([("n", ColumnType::Int)]);
    for n in 0..rows {
        columns.push(&[Cell::Int(first + n as i64)]).unwrap();
    }
    frame_of(books, columns.finish().unwrap(), &Arc::default())
}

pub(crate) fn frame_of(books: &Arc<Books>, batch: RecordBatch, resource: &Arc<Resource>) -> Frame {
    let id = FrameId {
        target: TargetId::new("postgresql", "db:5432"),
        stream: StreamId::of_server("postgresql.activity"),
        tick: Tick::from_unix_nanos(0),
        epoch: Epoch(0),
    };
    let meta = FrameMeta {
        id,
        source: "postgresql".into(),
        resource: Arc::clone(resource),
    };
    Frame::collected(books, meta, batch)
}

pub(crate) fn action(
    key: &str,
    action: AttributeActionKind,
    value: Option<Scalar>,
    from: Option<&str>,
) -> AttributeAction {
    AttributeAction {
        key: key.to_owned(),
        action,
        value,
        from_attribute: from.map(str::to_owned),
    }
}

/// Delivers what it gets and remembers how many rows each batch had.
#[derive(Default)]
pub(crate) struct Delivering {
    pub(crate) batches: Mutex<Vec<u64>>,
}

impl Delivering {
    pub(crate) fn seen(&self) -> Vec<u64> {
        self.batches.lock().unwrap().clone()
    }
}

impl Outlet for Delivering {
    fn accept(&self, batch: Batch) {
        self.batches.lock().unwrap().push(batch.rows());
        batch.deliver();
    }
}

/// Every row has ended, none of them without a word.
pub(crate) fn assert_at_rest(books: &Books) {
    let end = books.snapshot();
    assert!(end.balanced(), "{end:?}");
    assert_eq!((end.in_flight_rows, end.in_flight_bytes), (0, 0), "{end:?}");
    assert_eq!(end.dropped_rows[DropReason::Unaccounted as usize], 0, "{end:?}");
}

/// The rows lost for `reason`.
pub(crate) fn dropped(books: &Books, reason: DropReason) -> u64 {
    books.snapshot().dropped_rows[reason as usize]
}
