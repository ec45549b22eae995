//! What several rows share is evaluated once.

use arrow_array::{Array, Int32Array};
use arrow_buffer::BooleanBuffer;

use super::datum::Datum;
use super::vector::{Vector, gather, key_at, text_at};

/// Which of the `count` values rows refer to; `None` where it is not worth asking.
pub(super) fn used(keys: &Int32Array, count: usize) -> Option<Vec<bool>> {
    if count <= keys.len() {
        return None;
    }
    let mut used = vec![false; count];
    for row in 0..keys.len() {
        if let Some(bit) = key_at(keys, row).and_then(|key| used.get_mut(key)) {
            *bit = true;
        }
    }
    Some(used)
}

/// For which rows a value decides so. What several rows share is asked once.
pub(super) fn decide(
    values: &Vector,
    rows: usize,
    mut holds: impl FnMut(&Datum<'_>) -> bool,
) -> BooleanBuffer {
    let keys = match values {
        Vector::Scalar(datum) if holds(datum) => return BooleanBuffer::new_set(rows),
        Vector::Scalar(_) => return BooleanBuffer::new_unset(rows),
        Vector::Text(keys, _) | Vector::Any(keys, _) => keys,
        _ => return BooleanBuffer::collect_bool(rows, |row| holds(&values.cell(row))),
    };
    let count = distinct_count(values);
    let used = used(keys, count);
    let is_used = |key: usize| used.as_ref().is_none_or(|used| used.get(key) == Some(&true));
    let decided: Vec<bool> = (0..count)
        .map(|key| is_used(key) && holds(&distinct(values, key)))
        .collect();
    let of_key = |key: i32| usize::try_from(key).ok().and_then(|key| decided.get(key)) == Some(&true);
    let all = keys.values();
    let bits = BooleanBuffer::collect_bool(all.len(), |row| of_key(all[row]));
    match keys.nulls() {
        Some(nulls) => &bits & nulls.inner(),
        None => bits,
    }
}

fn distinct_count(values: &Vector) -> usize {
    match values {
        Vector::Text(_, values) => values.len(),
        Vector::Any(_, values) => values.len(),
        _ => 0,
    }
}

/// One of the values that rows share.
fn distinct(values: &Vector, key: usize) -> Datum<'_> {
    match values {
        Vector::Text(_, values) => text_at(values, key).map_or(Datum::Null, Datum::text),
        Vector::Any(_, values) => values.get(key).map_or(Datum::Null, Datum::borrowed),
        _ => Datum::Null,
    }
}

/// `of` of the arguments, for each row, or for each value that rows share where there is one such argument
/// alone.
pub(super) fn lift(
    arguments: &[Vector],
    rows: usize,
    mut of: impl for<'v> FnMut(&[Datum<'v>]) -> Datum<'v>,
) -> Vector {
    let mut varying = arguments
        .iter()
        .enumerate()
        .filter(|(_, vector)| !matches!(vector, Vector::Scalar(_)));
    let (first, second) = (varying.next(), varying.next());
    let mut cells: Vec<Datum<'_>> = arguments.iter().map(|vector| vector.cell(0)).collect();
    match (first, second) {
        (None, _) => Vector::Scalar(of(&cells).into_owned()),
        (Some((at, values @ (Vector::Text(keys, _) | Vector::Any(keys, _)))), None) => {
            let count = distinct_count(values);
            let used = used(keys, count);
            let is_used = |key: usize| used.as_ref().is_none_or(|used| used.get(key) == Some(&true));
            let results = (0..count).map(|key| {
                if !is_used(key) {
                    return Datum::Null;
                }
                if let Some(cell) = cells.get_mut(at) {
                    *cell = distinct(values, key);
                }
                of(&cells)
            });
            // a null key has no value to ask for, though the answer for null may be one
            let results: Vec<_> = results.collect();
            if keys.null_count() == 0 {
                return gather(results, Some(keys));
            }
            if let Some(cell) = cells.get_mut(at) {
                *cell = Datum::Null;
            }
            with_null(results, of(&cells), keys)
        }
        _ => {
            let row = |row: usize| {
                for (cell, vector) in cells.iter_mut().zip(arguments) {
                    *cell = vector.cell(row);
                }
                of(&cells)
            };
            gather((0..rows).map(row).collect(), None)
        }
    }
}

/// The results by `keys`, and `null` where a key is missing.
fn with_null<'v>(mut results: Vec<Datum<'v>>, null: Datum<'v>, keys: &Int32Array) -> Vector {
    if null == Datum::Null {
        return gather(results, Some(keys));
    }
    let last = i32::try_from(results.len()).unwrap_or(i32::MAX);
    results.push(null);
    let keys: Int32Array = keys.iter().map(|key| Some(key.unwrap_or(last))).collect();
    gather(results, Some(&keys))
}
