//! Typed looks at columns.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, StringArray};
use xxhash_rust::xxh3::xxh3_64;

/// A column of numbers.
#[derive(Clone, Copy)]
pub(super) enum Numbers<'a> {
    Int(&'a Int64Array),
    Double(&'a Float64Array),
}

impl<'a> Numbers<'a> {
    /// The column as numbers, if it holds some.
    pub(super) fn of(column: &'a ArrayRef) -> Option<Self> {
        if let Some(array) = column.as_primitive_opt::<Float64Type>() {
            return Some(Self::Double(array));
        }
        column.as_primitive_opt::<Int64Type>().map(Self::Int)
    }

    /// The number of a row; `None` for null.
    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "figures are compared with tolerance")]
    pub(super) fn get(self, row: usize) -> Option<f64> {
        match self {
            Self::Int(array) => array.is_valid(row).then(|| array.value(row) as f64),
            Self::Double(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// A column of texts: for each row the number of its text.
#[derive(Clone, Copy)]
pub(super) struct Texts<'a> {
    pub(super) keys: &'a Int32Array,
    pub(super) values: &'a StringArray,
}

impl<'a> Texts<'a> {
    /// The column as texts, if it holds some.
    pub(super) fn of(column: &'a ArrayRef) -> Option<Self> {
        let dictionary = column.as_dictionary_opt::<Int32Type>()?;
        Some(Self {
            keys: dictionary.keys(),
            values: dictionary.values().as_string_opt::<i32>()?,
        })
    }

    /// Which text a row has; `None` for null.
    #[inline]
    pub(super) fn key(self, row: usize) -> Option<usize> {
        let key = self.keys.is_valid(row).then(|| self.keys.value(row))?;
        let key = usize::try_from(key).ok()?;
        (key < self.values.len() && self.values.is_valid(key)).then_some(key)
    }

    /// The text of a row.
    pub(super) fn get(self, row: usize) -> Option<&'a str> {
        self.key(row).map(|key| self.values.value(key))
    }
}

/// Mixes the values of `column` into the hashes of its rows. Each text is hashed once.
pub(super) fn mix_in(column: &ArrayRef, hashes: &mut [u64]) {
    if let Some(array) = column.as_primitive_opt::<Int64Type>() {
        for (row, hash) in hashes.iter_mut().enumerate().take(array.len()) {
            let value = if array.is_valid(row) {
                array.value(row).cast_unsigned()
            } else {
                NULL
            };
            *hash = mix(*hash, value);
        }
    } else if let Some(texts) = Texts::of(column) {
        let of_texts: Vec<u64> = texts
            .values
            .iter()
            .map(|text| text.map_or(NULL, |text| xxh3_64(text.as_bytes())))
            .collect();
        for (row, hash) in hashes.iter_mut().enumerate().take(texts.keys.len()) {
            let key = texts.key(row).and_then(|key| of_texts.get(key).copied());
            *hash = mix(*hash, key.unwrap_or(NULL));
        }
    } else if let Some(array) = column.as_any().downcast_ref::<BooleanArray>() {
        for (row, hash) in hashes.iter_mut().enumerate().take(array.len()) {
            *hash = mix(*hash, u64::from(array.is_valid(row) && array.value(row)));
        }
    }
}

/// What stands for null.
const NULL: u64 = 0x9ae1_6a3b_2f90_404f;

/// The finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
/// 2014).
pub(super) fn mix(hash: u64, value: u64) -> u64 {
    let mut z = hash.rotate_left(5) ^ value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ringwatch_frame::{Cell, ColumnType, Columns};

    use super::*;

    #[test]
    fn rows_of_the_same_values_have_the_same_hash_and_others_have_not() {
        let mut columns = Columns::new([
            ("n", ColumnType::Int),
            ("t", ColumnType::Text),
            ("b", ColumnType::Bool),
        ]);
        let (a, b) = (Cell::Text("a"), Cell::Text("b"));
        for row in [
            [Cell::Int(1), a, Cell::Bool(true)],
            [Cell::Int(1), a, Cell::Bool(true)],
            [Cell::Int(2), a, Cell::Bool(true)],
            [Cell::Int(1), b, Cell::Bool(true)],
            [Cell::Int(1), a, Cell::Bool(false)],
            [Cell::Null, a, Cell::Bool(true)],
            [Cell::Int(1), Cell::Null, Cell::Bool(true)],
        ] {
            columns.push(&row).unwrap();
        }
        let batch = columns.finish().unwrap();
        let mut hashes = vec![7; 7];
        batch
            .columns()
            .iter()
            .for_each(|column| mix_in(column, &mut hashes));
        assert_eq!(hashes[0], hashes[1]);
        let distinct: std::collections::BTreeSet<u64> = hashes.into_iter().collect();
        assert_eq!(distinct.len(), 6);
        let texts = Texts::of(batch.column(1)).unwrap();
        assert_eq!(
            (texts.get(0), texts.get(3), texts.get(6)),
            (Some("a"), Some("b"), None)
        );
        let numbers = Numbers::of(batch.column(0)).unwrap();
        assert_eq!((numbers.get(2), numbers.get(5)), (Some(2.0), None));
        assert!(Numbers::of(&(Arc::clone(batch.column(1)))).is_none());
    }
}
