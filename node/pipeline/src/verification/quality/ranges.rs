//! Numbers that cannot be, and times that have not come yet.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampNanosecondType};
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch};

use super::Fault;
use crate::verification::finding::Check;
use crate::verification::names::Range;
use crate::verification::shape::Shape;

/// Shares are rounded by who computes them.
const MOST_PERCENT: f64 = 100.001;

/// Columns with values that cannot be. `tick` is in nanoseconds; times may be so much after it.
pub(in super::super) fn out_of_range(
    rows: &RecordBatch,
    shape: &Shape,
    tick: i64,
    skew: Duration,
    out: &mut Vec<Fault>,
) {
    let column = |at: usize| rows.columns().get(at);
    for (at, range) in &shape.numbers {
        let Some(column) = column(*at) else { continue };
        let (wrong, what) = count(column, *range);
        if wrong > 0 {
            out.push(fault(shape, *at, wrong, what));
        }
    }
    let latest = tick.saturating_add(i64::try_from(skew.as_nanos()).unwrap_or(i64::MAX));
    for at in &shape.times {
        let times = column(*at).and_then(|column| column.as_primitive_opt::<TimestampNanosecondType>());
        let Some(times) = times else { continue };
        let wrong = match times.nulls() {
            None => times.values().iter().filter(|time| **time > latest).count(),
            Some(_) => times.iter().flatten().filter(|time| *time > latest).count(),
        };
        if wrong > 0 {
            out.push(fault(shape, *at, wrong, "times are after the reading"));
        }
    }
}

fn fault(shape: &Shape, at: usize, rows: usize, what: &str) -> Fault {
    let name = shape.name(at);
    Fault {
        check: Check::Range,
        subject: name.to_owned(),
        rows: rows as u64,
        what: format!("`{name}`: {what}"),
        column: Some(at),
    }
}

fn count(column: &ArrayRef, range: Range) -> (usize, &'static str) {
    if let Some(array) = column.as_primitive_opt::<Float64Type>() {
        let most = if range == Range::Percent {
            MOST_PERCENT
        } else {
            f64::MAX
        };
        let least = if range == Range::Any { f64::MIN } else { 0.0 };
        // This is true of no NaN.
        let is_right = |value: &f64| (least..=most).contains(value);
        let wrong = match array.nulls() {
            None => array.values().iter().filter(|value| !is_right(value)).count(),
            Some(_) => array.iter().flatten().filter(|value| !is_right(value)).count(),
        };
        let what = match range {
            Range::Any => "values are no numbers",
            Range::NotNegative => "values are negative, or no numbers",
            Range::Percent => "values are not from 0 to 100",
        };
        return (wrong, what);
    }
    let Some(array) = column.as_primitive_opt::<Int64Type>() else {
        return (0, "");
    };
    let most = match range {
        Range::Any => return (0, ""),
        Range::NotNegative => i64::MAX,
        Range::Percent => 100,
    };
    let wrong = match array.nulls() {
        None => array
            .values()
            .iter()
            .filter(|value| !(0..=most).contains(*value))
            .count(),
        Some(_) => array
            .iter()
            .flatten()
            .filter(|value| !(0..=most).contains(value))
            .count(),
    };
    (
        wrong,
        if range == Range::Percent {
            "values are not from 0 to 100"
        } else {
            "values are negative"
        },
    )
}

/// The column without values that are no numbers; `None` where there are none of these.
pub(in super::super) fn blanked(column: &ArrayRef) -> Option<ArrayRef> {
    let array = column.as_primitive_opt::<Float64Type>()?;
    let is_number = |value: &f64| value.is_finite();
    if array.values().iter().all(is_number) {
        return None;
    }
    let kept: Float64Array = array.iter().map(|value| value.filter(is_number)).collect();
    Some(Arc::new(kept))
}
