//! What rows must have.

use arrow_array::{Array, RecordBatch};

use super::Fault;
use crate::verification::columns::Texts;
use crate::verification::finding::Check;
use crate::verification::shape::Shape;

/// Rows that lack what every row must have. A row without a statement, as that of a process that runs none,
/// is not judged.
pub(in super::super) fn missing(rows: &RecordBatch, shape: &Shape, out: &mut Vec<Fault>) {
    let column = |at: usize| rows.columns().get(at);
    let statements = shape.statement.and_then(column).and_then(Texts::of);
    for (name, at) in &shape.required {
        let Some(required) = column(*at).filter(|column| column.null_count() > 0) else {
            continue;
        };
        let has_statement =
            |row: usize| statements.is_none_or(|texts| texts.get(row).is_some_and(|text| !text.is_empty()));
        let lacks = (0..rows.num_rows()).filter(|row| required.is_null(*row) && has_statement(*row));
        let lacks = lacks.count();
        if lacks > 0 {
            out.push(Fault {
                check: Check::Missing,
                subject: name.to_string(),
                rows: lacks as u64,
                what: format!("rows have no `{name}`"),
                column: None,
            });
        }
    }
}
