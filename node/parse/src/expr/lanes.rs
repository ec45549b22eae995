//! Numbers of two operands side by side: the inner loops of comparisons and of arithmetic.

use arrow_array::{Array, Float64Array, Int64Array};
use arrow_buffer::{BooleanBuffer, NullBuffer};

use super::ast::Arithmetic;
use super::datum::{Comparison, Datum};
use super::vector::Vector;

/// The values of one operand: one for each row, or one for all.
#[derive(Clone, Copy)]
pub(super) enum Lane<'a, T> {
    Each(&'a [T]),
    Same(T),
}

/// An operand that is numbers, and where it has none.
pub(super) struct Numbers<'a> {
    kind: NumberLane<'a>,
    nulls: Option<&'a NullBuffer>,
}

#[derive(Clone, Copy)]
enum NumberLane<'a> {
    Ints(Lane<'a, i64>),
    Doubles(Lane<'a, f64>),
}

impl<'a> Numbers<'a> {
    /// The numbers of a vector, if it is of numbers alone.
    pub(super) fn of(vector: &'a Vector) -> Option<Self> {
        let (kind, nulls) = match vector {
            Vector::Int(values) => (NumberLane::Ints(Lane::Each(values.values())), values.nulls()),
            Vector::Double(values) => (NumberLane::Doubles(Lane::Each(values.values())), values.nulls()),
            Vector::Scalar(Datum::Int(n)) => (NumberLane::Ints(Lane::Same(*n)), None),
            Vector::Scalar(Datum::Double(n)) => (NumberLane::Doubles(Lane::Same(*n)), None),
            _ => return None,
        };
        Some(Self { kind, nulls })
    }

    /// The instants of a vector, to be compared with others.
    pub(super) fn of_times(vector: &'a Vector) -> Option<Self> {
        let (lane, nulls) = match vector {
            Vector::Time(values) => (Lane::Each(values.values()), values.nulls()),
            Vector::Scalar(Datum::Time(t)) => (Lane::Same(*t), None),
            _ => return None,
        };
        Some(Self {
            kind: NumberLane::Ints(lane),
            nulls,
        })
    }
}

/// The numbers as doubles; `store` holds them where they are not yet.
#[expect(clippy::cast_precision_loss, reason = "numbers of two kinds meet as doubles")]
fn doubles<'s>(lane: NumberLane<'s>, store: &'s mut Vec<f64>) -> Lane<'s, f64> {
    match lane {
        NumberLane::Doubles(lane) => lane,
        NumberLane::Ints(Lane::Same(n)) => Lane::Same(n as f64),
        NumberLane::Ints(Lane::Each(values)) => {
            store.extend(values.iter().map(|n| *n as f64));
            Lane::Each(store)
        }
    }
}

/// Where the comparison holds. It never does where a number is missing.
pub(super) fn compare(
    comparison: Comparison,
    a: &Numbers<'_>,
    b: &Numbers<'_>,
    rows: usize,
) -> BooleanBuffer {
    let holds = if let (NumberLane::Ints(a), NumberLane::Ints(b)) = (a.kind, b.kind) {
        compare_lanes(comparison, a, b, rows)
    } else {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        compare_lanes(
            comparison,
            doubles(a.kind, &mut left),
            doubles(b.kind, &mut right),
            rows,
        )
    };
    match NullBuffer::union(a.nulls, b.nulls) {
        Some(nulls) => &holds & nulls.inner(),
        None => holds,
    }
}

fn compare_lanes<T: PartialOrd + Copy>(
    comparison: Comparison,
    a: Lane<'_, T>,
    b: Lane<'_, T>,
    rows: usize,
) -> BooleanBuffer {
    match comparison {
        Comparison::Equal => bits(rows, a, b, |a, b| a == b),
        Comparison::NotEqual => bits(rows, a, b, |a, b| a != b),
        Comparison::Less => bits(rows, a, b, |a, b| a < b),
        Comparison::LessOrEqual => bits(rows, a, b, |a, b| a <= b),
        Comparison::Greater => bits(rows, a, b, |a, b| a > b),
        Comparison::GreaterOrEqual => bits(rows, a, b, |a, b| a >= b),
    }
}

fn bits<T: Copy>(rows: usize, a: Lane<'_, T>, b: Lane<'_, T>, holds: impl Fn(T, T) -> bool) -> BooleanBuffer {
    match (a, b) {
        (Lane::Each(a), Lane::Same(b)) => BooleanBuffer::collect_bool(a.len(), |row| holds(a[row], b)),
        (Lane::Same(a), Lane::Each(b)) => BooleanBuffer::collect_bool(b.len(), |row| holds(a, b[row])),
        (Lane::Each(a), Lane::Each(b)) => {
            BooleanBuffer::collect_bool(a.len().min(b.len()), |row| holds(a[row], b[row]))
        }
        (Lane::Same(a), Lane::Same(b)) if holds(a, b) => BooleanBuffer::new_set(rows),
        (Lane::Same(_), Lane::Same(_)) => BooleanBuffer::new_unset(rows),
    }
}

/// The results, null where an operand is, where a whole number is out of range, and for a division by 0.
pub(super) fn calculate(kind: Arithmetic, a: &Numbers<'_>, b: &Numbers<'_>, rows: usize) -> Vector {
    let nulls = NullBuffer::union(a.nulls, b.nulls);
    if let (NumberLane::Ints(a), NumberLane::Ints(b)) = (a.kind, b.kind) {
        let values: Int64Array = results(rows, nulls.as_ref(), a, b, |a, b| of_ints(kind, a, b));
        return Vector::Int(values);
    }
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let (a, b) = (doubles(a.kind, &mut left), doubles(b.kind, &mut right));
    let values: Float64Array = results(rows, nulls.as_ref(), a, b, |a, b| of_doubles(kind, a, b));
    Vector::Double(values)
}

fn results<T: Copy, C: FromIterator<Option<T>>>(
    rows: usize,
    nulls: Option<&NullBuffer>,
    a: Lane<'_, T>,
    b: Lane<'_, T>,
    of: impl Fn(T, T) -> Option<T>,
) -> C {
    let is_valid = |row: usize| nulls.is_none_or(|nulls| nulls.is_valid(row));
    let at = |lane: Lane<'_, T>, row: usize| match lane {
        Lane::Each(values) => values.get(row).copied(),
        Lane::Same(value) => Some(value),
    };
    (0..rows)
        .map(|row| match (is_valid(row), at(a, row), at(b, row)) {
            (true, Some(a), Some(b)) => of(a, b),
            _ => None,
        })
        .collect()
}

pub(super) fn of_ints(kind: Arithmetic, a: i64, b: i64) -> Option<i64> {
    match kind {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Subtract => a.checked_sub(b),
        Arithmetic::Multiply => a.checked_mul(b),
        Arithmetic::Divide => a.checked_div(b),
    }
}

pub(super) fn of_doubles(kind: Arithmetic, a: f64, b: f64) -> Option<f64> {
    let result = match kind {
        Arithmetic::Add => a + b,
        Arithmetic::Subtract => a - b,
        Arithmetic::Multiply => a * b,
        Arithmetic::Divide if b == 0.0 => return None,
        Arithmetic::Divide => a / b,
    };
    Some(result)
}
