//! The statements of a busy server as metrics: each row has a text of its own.

use std::sync::Arc;

use arrow_array::RecordBatch;
use ringwatch_catalogue::model::MetricValue;
use ringwatch_catalogue::{Projection, Projections};
use ringwatch_frame::{Batch, Cell, ColumnType, Columns};

use crate::wide;

/// One frame of so many rows.
pub(crate) fn batch(rows: usize) -> Batch {
    wide::frame("statements", columns(rows)).into()
}

fn columns(rows: usize) -> RecordBatch {
    let mut columns = Columns::new([
        ("queryid", ColumnType::Text),
        ("query", ColumnType::Text),
        ("calls", ColumnType::Int),
        ("rows", ColumnType::Int),
        ("total_exec_time", ColumnType::Double),
    ]);
    for row in 0..i64::try_from(rows).unwrap_or(0) {
        let id = format!("{:019}", row * 7_919_797_919);
        let text = format!(
            "SELECT o.id, o.customer_id, o.total, c.name FROM orders AS o JOIN customers AS c ON c.id = o.customer_id \
             WHERE o.created_at > $1 AND o.status = $2 AND c.region_{row} = $3 ORDER BY o.created_at DESC LIMIT $4"
        );
        let cells = [
            Cell::Text(&id),
            Cell::Text(&text),
            Cell::Int(row),
            Cell::Int(row * 3),
            Cell::Double(0.5),
        ];
        if columns.push(&cells).is_err() {
            break;
        }
    }
    columns
        .finish()
        .unwrap_or_else(|_| RecordBatch::new_empty(Arc::new(arrow_schema::Schema::empty())))
}

/// Three points a row.
pub(crate) fn projections() -> Projections {
    let keys = [("db.query.id", "queryid"), ("db.query.text", "query")];
    let metrics = vec![
        wide::metric("calls", "calls", MetricValue::Int, &keys),
        wide::metric("rows", "rows", MetricValue::Int, &keys),
        wide::metric("time", "total_exec_time", MetricValue::Double, &keys),
    ];
    let mut projections = Projections::default();
    projections.insert(
        "postgresql",
        "statements",
        Projection {
            scope: "ringwatch.postgresql".into(),
            metrics,
            events: Vec::new(),
        },
    );
    projections
}
