//! The figures that are judged.

use arrow_array::RecordBatch;

use crate::verification::columns::Numbers;
use crate::verification::shape::SeriesColumns;

/// The figures of the rows of a frame.
pub(super) struct Values<'a> {
    calls: Option<Numbers<'a>>,
    total: Option<Numbers<'a>>,
    mean: Option<Numbers<'a>>,
}

impl<'a> Values<'a> {
    pub(super) fn of(rows: &'a RecordBatch, columns: &SeriesColumns) -> Self {
        let numbers = |at: Option<usize>| rows.columns().get(at?).and_then(Numbers::of);
        Self {
            calls: numbers(columns.calls),
            total: numbers(columns.total),
            mean: numbers(columns.mean),
        }
    }

    /// The calls of a row, and its time. Where a stream does not count calls, every row has enough.
    pub(super) fn row(&self, row: usize) -> Option<(f64, Option<f64>)> {
        let calls = self.calls.map_or(Some(f64::INFINITY), |calls| calls.get(row))?;
        Some((calls, self.total.and_then(|total| total.get(row))))
    }

    /// The time per call, where total and calls are there; else the mean as it came.
    pub(super) fn mean(&self, row: usize, calls: f64, total: Option<f64>) -> Option<f64> {
        let mean = match (total, calls.is_finite()) {
            (Some(total), true) => Some(total / calls),
            _ => self.mean.and_then(|mean| mean.get(row)),
        };
        mean.filter(|mean| mean.is_finite() && *mean >= 0.0)
    }
}
