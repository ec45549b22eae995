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

    /// The calls of a row. Where a stream does not count them, every row has enough.
    pub(super) fn calls(&self, row: usize) -> Option<f64> {
        match self.calls {
            Some(calls) => calls.get(row),
            None => Some(f64::INFINITY),
        }
    }

    /// The time per call since the reading before, where total and calls are there; else the mean as it came.
    pub(super) fn mean(&self, row: usize, calls: f64) -> Option<f64> {
        let mean = match (self.total, calls.is_finite()) {
            (Some(total), true) => total.get(row).map(|total| total / calls),
            _ => self.mean.and_then(|mean| mean.get(row)),
        };
        mean.filter(|mean| mean.is_finite() && *mean >= 0.0)
    }
}
