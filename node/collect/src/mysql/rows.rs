//! The catalogue's rows off the wire, where all values are text, checked against what the catalogue says.

use std::borrow::Cow;

use arrow_array::RecordBatch;
use ringwatch_frame::{Cell, ColumnType, Columns};
use sqlx::mysql::MySqlRow;
use sqlx::{Column as _, Row as _};

use crate::fault::{Fault, FaultKind};
use crate::session::Expected;

/// The most rows that one frame holds.
const MOST_ROWS: usize = 100_000;

/// Takes rows, gives a batch.
pub(super) struct Rows<'a> {
    expected: &'a [Expected<'a>],
    columns: Columns,
    count: usize,
}

impl<'a> Rows<'a> {
    /// No rows yet.
    pub(super) fn new(expected: &'a [Expected<'a>]) -> Self {
        let columns = Columns::new(expected.iter().map(|column| (column.name, column.kind)));
        Self {
            expected,
            columns,
            count: 0,
        }
    }

    /// Adds one row.
    pub(super) fn push(&mut self, row: &MySqlRow) -> Result<(), Fault> {
        if self.count == 0 {
            self.check(row)?;
        }
        self.count += 1;
        if self.count > MOST_ROWS {
            let message = format!("the answer has more than {MOST_ROWS} rows");
            return Err(Fault::new(FaultKind::TooManyRows, &message));
        }
        let texts = texts(row)?;
        let mut cells = Vec::with_capacity(texts.len());
        for (text, column) in texts.iter().zip(self.expected) {
            let cell = cell(text.as_deref(), column.kind);
            // The value itself may be secret.
            let shape = || format!("column `{}`: what came is no {:?}", column.name, column.kind);
            cells.push(cell.ok_or_else(|| Fault::new(FaultKind::Shape, &shape()))?);
        }
        self.columns
            .push(&cells)
            .map_err(|e| Fault::new(FaultKind::Shape, &e.to_string()))
    }

    /// All rows.
    pub(super) fn finish(self) -> Result<RecordBatch, Fault> {
        self.columns
            .finish()
            .map_err(|e| Fault::new(FaultKind::Shape, &e.to_string()))
    }

    fn check(&self, row: &MySqlRow) -> Result<(), Fault> {
        let names = self.expected.iter().map(|column| column.name);
        if row.columns().iter().map(|column| column.name()).eq(names) {
            return Ok(());
        }
        Err(Fault::new(
            FaultKind::Shape,
            "the answer has other columns than the catalogue says",
        ))
    }
}

/// The values of a row as the server wrote them.
pub(super) fn texts(row: &MySqlRow) -> Result<Vec<Option<Cow<'_, str>>>, Fault> {
    let text = |at: usize| {
        let bytes: Option<&[u8]> = row
            .try_get_unchecked(at)
            .map_err(|e| Fault::new(FaultKind::Shape, &e.to_string()))?;
        Ok(bytes.map(String::from_utf8_lossy))
    };
    (0..row.len()).map(text).collect()
}

/// `text` as a value of this type; `None` when it is none.
fn cell(text: Option<&str>, kind: ColumnType) -> Option<Cell<'_>> {
    let Some(text) = text else { return Some(Cell::Null) };
    Some(match kind {
        ColumnType::Text => Cell::Text(text),
        ColumnType::Int => Cell::Int(text.parse().ok()?),
        ColumnType::Double => Cell::Double(text.parse().ok()?),
        ColumnType::Bool => Cell::Bool(text.parse::<i64>().ok()? != 0),
        ColumnType::Time => Cell::Time(text.parse::<i64>().ok()?.checked_mul(1000)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_values_or_a_fault_and_never_another_value() {
        for (text, kind, expected) in [
            (None, ColumnType::Int, Some(Cell::Null)),
            (Some("12"), ColumnType::Int, Some(Cell::Int(12))),
            (Some("18446744073709551615"), ColumnType::Int, None),
            (Some("1.5"), ColumnType::Int, None),
            (Some("0.0125"), ColumnType::Double, Some(Cell::Double(0.0125))),
            (Some("1"), ColumnType::Bool, Some(Cell::Bool(true))),
            (Some("3"), ColumnType::Time, Some(Cell::Time(3000))),
            (Some("9223372036854775807"), ColumnType::Time, None),
            (Some("x"), ColumnType::Text, Some(Cell::Text("x"))),
        ] {
            assert_eq!(cell(text, kind), expected, "{text:?} {kind:?}");
        }
    }
}
