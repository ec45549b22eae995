//! Encoding allocates by the column, not by the row.

use std::sync::Arc;

use ringwatch_catalogue::Projections;
use ringwatch_deliver::otlp::{Encoded, encode_logs, encode_metrics};
use ringwatch_frame::{Batch, Books, StreamId};

use crate::testing::{frame, projections};

type Encode = fn(&Batch, &Projections, &str, &mut Vec<u8>) -> Encoded;

/// How many allocations a frame of so many rows takes.
fn allocations(rows: i64, encode: Encode) -> u64 {
    let projections = projections();
    let batch = Batch::from(frame(
        &Arc::new(Books::default()),
        StreamId::of_server("people"),
        1,
        rows,
    ));
    let seen = allocation_counter::measure(|| {
        assert!(encode(&batch, &projections, "1", &mut Vec::new()).items > 0);
    });
    batch.deliver();
    seen.count_total
}

#[test]
fn a_hundred_times_the_rows_take_hardly_more_allocations() {
    for encode in [encode_metrics as Encode, encode_logs] {
        let (few, many) = (allocations(100, encode), allocations(10_000, encode));
        assert!(
            many < few + 30,
            "{few} for a hundred rows, {many} for ten thousand"
        );
    }
}
