//! The values of one counter.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch};

use super::DeltaError;
use super::rows::column;

/// Sums of the same doubles in another order differ by less than this part of their size.
const ROUNDING: f64 = 1e-9;

/// A column of numbers. A null, and a double that is no number, is nothing known.
#[derive(Clone, Debug)]
pub(super) enum Numbers {
    Int(Int64Array),
    Double(Float64Array),
}

impl Numbers {
    pub(super) fn read(batch: &RecordBatch, name: &str) -> Result<Self, DeltaError> {
        let column = column(batch, name)?;
        if let Some(ints) = column.as_primitive_opt::<Int64Type>() {
            return Ok(Self::Int(ints.clone()));
        }
        let doubles = column.as_primitive_opt::<Float64Type>();
        doubles
            .map(|doubles| Self::Double(doubles.clone()))
            .ok_or_else(|| DeltaError::Type(name.to_owned()))
    }

    fn int(array: &Int64Array, at: usize) -> Option<i64> {
        array.is_valid(at).then(|| array.value(at))
    }

    fn double(array: &Float64Array, at: usize) -> Option<f64> {
        array
            .is_valid(at)
            .then(|| array.value(at))
            .filter(|value| value.is_finite())
    }

    /// Whether the value is known and not zero.
    pub(super) fn is_not_zero(&self, at: usize) -> bool {
        match self {
            Self::Int(a) => Self::int(a, at).is_some_and(|value| value != 0),
            Self::Double(a) => Self::double(a, at).is_some_and(|value| value != 0.0),
        }
    }

    /// Whether the value at `at` is less than the one of `before` at `was`, by more than rounding.
    pub(super) fn fell(&self, at: usize, before: &Self, was: usize) -> bool {
        match (self, before) {
            (Self::Int(a), Self::Int(b)) => {
                matches!((Self::int(a, at), Self::int(b, was)), (Some(now), Some(then)) if now < then)
            }
            (Self::Double(a), Self::Double(b)) => {
                let both = (Self::double(a, at), Self::double(b, was));
                matches!(both, (Some(now), Some(then)) if now < then - then.abs() * ROUNDING)
            }
            _ => false,
        }
    }

    /// Whether the value grew since `before`, or is over zero where there was none.
    pub(super) fn grew(&self, at: usize, before: Option<(&Self, usize)>) -> bool {
        match (self, before) {
            (Self::Int(a), None) => Self::int(a, at).is_some_and(|value| value > 0),
            (Self::Double(a), None) => Self::double(a, at).is_some_and(|value| value > 0.0),
            (Self::Int(a), Some((Self::Int(b), was))) => {
                matches!((Self::int(a, at), Self::int(b, was)), (Some(now), Some(then)) if now > then.max(0))
            }
            (Self::Double(a), Some((Self::Double(b), was))) => {
                matches!((Self::double(a, at), Self::double(b, was)), (Some(now), Some(then)) if now > then.max(0.0))
            }
            _ => false,
        }
    }

    /// For each place, what the value grew by since its place in `before`, or all of it where there is none. Never
    /// negative; null where one of the two is unknown.
    pub(super) fn deltas(
        &self,
        before: &Self,
        places: impl Iterator<Item = (usize, Option<usize>)>,
    ) -> ArrayRef {
        match (self, before) {
            (Self::Int(a), Self::Int(b)) => {
                let delta = |(at, was): (usize, Option<usize>)| {
                    let then = was.map_or(Some(0), |was| Self::int(b, was))?;
                    Some(Self::int(a, at)?.saturating_sub(then.max(0)).max(0))
                };
                Arc::new(places.map(delta).collect::<Int64Array>())
            }
            (Self::Double(a), Self::Double(b)) => {
                let delta = |(at, was): (usize, Option<usize>)| {
                    let then = was.map_or(Some(0.0), |was| Self::double(b, was))?;
                    Some((Self::double(a, at)? - then.max(0.0)).max(0.0))
                };
                Arc::new(places.map(delta).collect::<Float64Array>())
            }
            (Self::Int(_), _) => Arc::new(places.map(|_| None).collect::<Int64Array>()),
            (Self::Double(_), _) => Arc::new(places.map(|_| None).collect::<Float64Array>()),
        }
    }

    /// The values at the first place of each group, each put together from those of its whole group.
    pub(super) fn folded(&self, groups: &[Vec<usize>], how: Fold) -> ArrayRef {
        match self {
            Self::Int(a) => {
                let join = |x: i64, y: i64| match how {
                    Fold::Sum => x.saturating_add(y),
                    Fold::Largest => x.max(y),
                    Fold::Smallest => x.min(y),
                };
                let one = |group: &Vec<usize>| group.iter().filter_map(|at| Self::int(a, *at)).reduce(join);
                Arc::new(groups.iter().map(one).collect::<Int64Array>())
            }
            Self::Double(a) => {
                let join = |x: f64, y: f64| match how {
                    Fold::Sum => x + y,
                    Fold::Largest => x.max(y),
                    Fold::Smallest => x.min(y),
                };
                let one =
                    |group: &Vec<usize>| group.iter().filter_map(|at| Self::double(a, *at)).reduce(join);
                Arc::new(groups.iter().map(one).collect::<Float64Array>())
            }
        }
    }
}

/// How the values of rows with the same key become one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fold {
    Sum,
    Largest,
    Smallest,
}
