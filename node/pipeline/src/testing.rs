//! What tests of processors share.

use std::sync::{Arc, Mutex};

use ringwatch_frame::{
    Batch, Books, Cell, ColumnType, Columns, Epoch, Frame, FrameId, FrameMeta, Resource, StreamId, TargetId,
    Tick,
};
use serde::de::DeserializeOwned;

use crate::Outlet;

/// Settings from YAML.
pub(crate) fn settings<T: DeserializeOwned>(yaml: &str) -> T {
    serde_saphyr::from_str(yaml).unwrap()
}

/// An outlet that remembers and delivers.
#[derive(Default)]
pub(crate) struct Collected(Mutex<Vec<u64>>);

impl Collected {
    pub(crate) fn rows(&self) -> u64 {
        self.0.lock().unwrap().iter().sum()
    }

    pub(crate) fn batches(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Outlet for Collected {
    fn accept(&self, batch: Batch) {
        self.0.lock().unwrap().push(batch.rows());
        batch.deliver();
    }
}

/// A frame of `rows` rows with the columns `calls` (int), `mean` (double) and `query` (text, null in every third row).
pub(crate) fn frame(books: &Arc<Books>, rows: usize) -> Frame {
    let columns = [
        ("calls", ColumnType::Int),
        ("mean", ColumnType::Double),
        ("query", ColumnType::Text),
    ];
    let mut columns = Columns::new(columns);
    for row in 0..rows {
        let query = if row % 3 == 2 {
            Cell::Null
        } else {
            Cell::Text(["select ?", "update ?"][row % 3])
        };
        columns
            .push(&[Cell::Int(row as i64), Cell::Double(row as f64 / 2.0), query])
            .unwrap();
    }
    let id = FrameId {
        target: TargetId::new("postgresql", "db1:5432"),
        stream: StreamId::of_server("postgresql.statements"),
        tick: Tick::from_unix_nanos(0),
        epoch: Epoch(1),
    };
    let resource: Resource = [("server.address".into(), "db1".into())].into_iter().collect();
    let meta = FrameMeta {
        id,
        source: "postgresql".into(),
        resource: Arc::new(resource),
    };
    Frame::collected(books, meta, columns.finish().unwrap())
}
