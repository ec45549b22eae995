//! Fingerprints: which rows are of one kind.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampNanosecondArray,
};
use arrow_schema::Schema;
use ringwatch_frame::{Place, Role, role_of};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Names of a statement's identifier, as columns and attributes have them.
const IDENTIFIERS: [&str; 4] = ["queryid", "query_id", "digest", "db.query.fingerprint"];
/// Names of a statement's text, the normalised one first.
const TEXTS: [&str; 7] = [
    "db.query.normalized",
    "db.query.text",
    "digest_text",
    "query_text",
    "db.statement",
    "query",
    "sql_text",
];
/// What stands for null where several columns make a fingerprint together.
const NULL: u64 = 0x9ae1_6a3b_2f90_404f;

/// This bit of a fingerprint says that it is of the whole row, for want of anything that tells kinds of rows
/// apart.
const WHOLE_ROW: u64 = 1 << 40;

/// Whether a fingerprint, or the key of one, is that of a whole row.
pub(super) fn is_whole_row(fingerprint: u64) -> bool {
    fingerprint & WHOLE_ROW != 0
}

/// The key under which a fingerprint of a stream is remembered.
pub(super) fn key_of(fingerprint: u64, stream: u64) -> u64 {
    fingerprint ^ (stream & !WHOLE_ROW)
}

/// Which column of a frame goes out as a place of points and records.
pub(super) type ColumnOf<'a> = &'a dyn Fn(Place<'_>) -> Option<Arc<str>>;

/// Where the fingerprints of rows of one schema come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// All these columns together.
    Together(Vec<usize>),
    /// For each row the first of these columns that is not null, else the whole row.
    First(Vec<usize>),
}

impl Source {
    /// The columns of `key` that rows of `schema` have; where they have none, what says best which statement
    /// it was.
    pub(super) fn bind(key: &[String], schema: &Schema, column_of: ColumnOf<'_>) -> Self {
        let named = |name: &str| schema.fields().iter().position(|field| field.name() == name);
        let find = |name: &str| {
            named(name).or_else(|| column_of(Place::Attribute(name)).and_then(|column| named(&column)))
        };
        let together: Vec<usize> = key.iter().filter_map(|name| find(name)).collect();
        if !together.is_empty() {
            return Self::Together(together);
        }
        let with_role = |role| {
            schema
                .fields()
                .iter()
                .position(|field| role_of(field) == Some(role))
        };
        let body = with_role(Role::Body)
            .or_else(|| column_of(Place::Body).and_then(|column| named(&column)))
            .or_else(|| named("body"));
        let mut first = Vec::new();
        for at in IDENTIFIERS.into_iter().chain(TEXTS).filter_map(find).chain(body) {
            if !first.contains(&at) {
                first.push(at);
            }
        }
        Self::First(first)
    }

    /// The fingerprint of each row.
    pub(super) fn hashes(&self, rows: &RecordBatch, out: &mut Vec<u64>) {
        out.clear();
        out.resize(rows.num_rows(), 0);
        let column = |at: &usize| rows.columns().get(*at);
        match self {
            Self::Together(columns) => {
                combine(columns.iter().filter_map(column), out);
                out.iter_mut().for_each(|hash| *hash &= !WHOLE_ROW);
            }
            Self::First(columns) => {
                let mut missing: Option<Vec<bool>> = None;
                for column in columns.iter().filter_map(column) {
                    fill(column, out, &mut missing);
                    if missing.as_ref().is_some_and(|missing| !missing.contains(&true)) {
                        return;
                    }
                }
                let mut whole = vec![0; rows.num_rows()];
                combine(rows.columns().iter(), &mut whole);
                for (row, hash) in whole.into_iter().enumerate() {
                    if missing.as_ref().is_none_or(|missing| missing[row]) {
                        out[row] = hash | WHOLE_ROW;
                    }
                }
            }
        }
    }
}

/// The hash of several columns, row by row.
fn combine<'a>(columns: impl Iterator<Item = &'a ArrayRef>, out: &mut [u64]) {
    for column in columns {
        each(column, |row, hash| {
            if let Some(place) = out.get_mut(row) {
                *place = xxh3_64_with_seed(&hash.unwrap_or(NULL).to_le_bytes(), *place);
            }
        });
    }
}

/// Puts the hashes of `column` where none is yet, and notes where none is still.
fn fill(column: &ArrayRef, out: &mut [u64], missing: &mut Option<Vec<bool>>) {
    let missing = missing.get_or_insert_with(|| vec![true; out.len()]);
    each(column, |row, hash| {
        if let (Some(hash), Some(missing @ true)) = (hash, missing.get_mut(row)) {
            *missing = false;
            out[row] = hash & !WHOLE_ROW;
        }
    });
}

/// Calls `note` with the hash of each row's value, `None` for null. A text that is in a dictionary is hashed
/// once. Values of different types are different also where they look alike.
fn each(column: &ArrayRef, mut note: impl FnMut(usize, Option<u64>)) {
    let any = column.as_any();
    if let Some(array) = any.downcast_ref::<Int64Array>() {
        return numbers(array, |at| number(array.value(at).cast_unsigned(), 1), note);
    }
    if let Some(array) = any.downcast_ref::<DictionaryArray<Int32Type>>() {
        return texts(array, note);
    }
    if let Some(array) = any.downcast_ref::<Float64Array>() {
        return numbers(array, |at| number(array.value(at).to_bits(), 2), note);
    }
    if let Some(array) = any.downcast_ref::<BooleanArray>() {
        return numbers(array, |at| number(u64::from(array.value(at)), 3), note);
    }
    if let Some(array) = any.downcast_ref::<TimestampNanosecondArray>() {
        return numbers(array, |at| number(array.value(at).cast_unsigned(), 4), note);
    }
    // a frame holds nothing else
    (0..column.len()).for_each(|row| note(row, None));
}

fn numbers(array: &dyn Array, hash: impl Fn(usize) -> u64, mut note: impl FnMut(usize, Option<u64>)) {
    match array.nulls() {
        None => (0..array.len()).for_each(|row| note(row, Some(hash(row)))),
        Some(nulls) => (0..array.len()).for_each(|row| note(row, nulls.is_valid(row).then(|| hash(row)))),
    }
}

fn number(bits: u64, kind: u64) -> u64 {
    xxh3_64_with_seed(&bits.to_le_bytes(), kind)
}

fn texts(array: &DictionaryArray<Int32Type>, mut note: impl FnMut(usize, Option<u64>)) {
    let Some(values) = array.values().as_any().downcast_ref::<StringArray>() else {
        return (0..array.len()).for_each(|row| note(row, None));
    };
    let keys = array.keys();
    let mut hashes: Vec<Option<u64>> = vec![None; values.len()];
    for row in 0..keys.len() {
        let value = keys
            .is_valid(row)
            .then(|| keys.value(row))
            .and_then(|key| usize::try_from(key).ok())
            .filter(|value| *value < values.len() && values.is_valid(*value));
        note(
            row,
            value.map(|value| *hashes[value].get_or_insert_with(|| xxh3_64(values.value(value).as_bytes()))),
        );
    }
}

#[cfg(test)]
#[path = "fingerprint_tests.rs"]
mod tests;
