//! The value of a point: a column's number, multiplied and turned into the metric's type.

use ringwatch_catalogue::model::MetricValue;
use ringwatch_frame::Cell;

/// The value of a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    Double(f64),
}

/// The number that `cell` times `scale` is as a value of type `value`. Nothing comes of a null, of what is no
/// number, and of a double that is not finite where whole numbers are wanted. A whole number stays exact where the
/// scale is whole; one that passes the largest stays at the largest.
#[expect(
    clippy::cast_precision_loss,
    reason = "a metric of doubles holds what a double can"
)]
pub(crate) fn scaled(cell: Cell<'_>, scale: Option<f64>, value: MetricValue) -> Option<Number> {
    match (cell, value, scale) {
        (Cell::Int(int), MetricValue::Int, None) => Some(Number::Int(int)),
        (Cell::Int(int), MetricValue::Int, Some(scale)) => match whole(scale) {
            Some(factor) => Some(Number::Int(int.saturating_mul(factor))),
            None => round(int as f64 * scale).map(Number::Int),
        },
        (Cell::Int(int), MetricValue::Double, scale) => {
            Some(Number::Double(int as f64 * scale.unwrap_or(1.0)))
        }
        (Cell::Double(double), MetricValue::Double, scale) => {
            Some(Number::Double(double * scale.unwrap_or(1.0)))
        }
        (Cell::Double(double), MetricValue::Int, scale) => {
            round(double * scale.unwrap_or(1.0)).map(Number::Int)
        }
        (Cell::Null | Cell::Text(_) | Cell::Bool(_) | Cell::Time(_), _, _) => None,
    }
}

/// `scale` as a whole number, if it is one that a double holds exactly.
pub(super) fn whole(scale: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    (scale.fract() == 0.0 && scale.abs() <= EXACT).then_some(scale as i64)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast stops at the largest whole number, as is wanted"
)]
fn round(double: f64) -> Option<i64> {
    double.is_finite().then_some(double.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_what_the_metric_holds() {
        let big = (1_i64 << 60) + 1;
        let table = [
            (Cell::Int(big), None, MetricValue::Int, Some(Number::Int(big))),
            (
                Cell::Int(big),
                Some(2.0),
                MetricValue::Int,
                Some(Number::Int(big * 2)),
            ),
            (
                Cell::Int(big),
                Some(1024.0),
                MetricValue::Int,
                Some(Number::Int(i64::MAX)),
            ),
            (Cell::Int(7), Some(0.001), MetricValue::Int, Some(Number::Int(0))),
            (
                Cell::Int(1500),
                Some(0.001),
                MetricValue::Int,
                Some(Number::Int(2)),
            ),
            (
                Cell::Int(1500),
                Some(0.001),
                MetricValue::Double,
                Some(Number::Double(1.5)),
            ),
            (Cell::Int(3), None, MetricValue::Double, Some(Number::Double(3.0))),
            (
                Cell::Double(2.5),
                None,
                MetricValue::Double,
                Some(Number::Double(2.5)),
            ),
            (Cell::Double(2.5), None, MetricValue::Int, Some(Number::Int(3))),
            (
                Cell::Double(-1e300),
                None,
                MetricValue::Int,
                Some(Number::Int(i64::MIN)),
            ),
            (Cell::Double(f64::NAN), None, MetricValue::Int, None),
            (
                Cell::Double(f64::INFINITY),
                Some(2.0),
                MetricValue::Double,
                Some(Number::Double(f64::INFINITY)),
            ),
            (Cell::Null, None, MetricValue::Int, None),
            (Cell::Text("7"), None, MetricValue::Int, None),
            (Cell::Bool(true), None, MetricValue::Int, None),
        ];
        for (cell, scale, value, wanted) in table {
            assert_eq!(
                scaled(cell, scale, value),
                wanted,
                "{cell:?} x {scale:?} as {value:?}"
            );
        }
    }
}
