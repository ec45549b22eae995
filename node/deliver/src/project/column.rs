//! One column of a frame, by its type.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampNanosecondType};
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampNanosecondArray,
};
use ringwatch_frame::Cell;

/// A column that frames hold. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Column<'a> {
    Int(&'a Int64Array),
    Double(&'a Float64Array),
    Text {
        keys: &'a DictionaryArray<Int32Type>,
        texts: &'a StringArray,
    },
    Bool(&'a BooleanArray),
    Time(&'a TimestampNanosecondArray),
}

impl<'a> Column<'a> {
    /// The column `name`, if the frame has it.
    pub(crate) fn find(batch: &'a RecordBatch, name: &str) -> Option<Self> {
        Self::of(batch.column_by_name(name)?)
    }

    /// `array` by its type; `None` for a type that frames do not hold.
    pub(crate) fn of(array: &'a ArrayRef) -> Option<Self> {
        if let Some(ints) = array.as_primitive_opt::<Int64Type>() {
            return Some(Self::Int(ints));
        }
        if let Some(doubles) = array.as_primitive_opt::<Float64Type>() {
            return Some(Self::Double(doubles));
        }
        if let Some(keys) = array.as_dictionary_opt::<Int32Type>() {
            return Some(Self::Text {
                keys,
                texts: keys.values().as_string_opt::<i32>()?,
            });
        }
        if let Some(bits) = array.as_boolean_opt() {
            return Some(Self::Bool(bits));
        }
        array
            .as_primitive_opt::<TimestampNanosecondType>()
            .map(Self::Time)
    }

    /// The value in `row`, which is below the number of rows.
    pub(crate) fn cell(self, row: usize) -> Cell<'a> {
        match self {
            Self::Int(ints) if ints.is_valid(row) => Cell::Int(ints.value(row)),
            Self::Double(doubles) if doubles.is_valid(row) => Cell::Double(doubles.value(row)),
            Self::Bool(bits) if bits.is_valid(row) => Cell::Bool(bits.value(row)),
            Self::Time(times) if times.is_valid(row) => Cell::Time(times.value(row)),
            Self::Text { keys, texts } => match keys.key(row) {
                Some(key) if texts.is_valid(key) => Cell::Text(texts.value(key)),
                _ => Cell::Null,
            },
            _ => Cell::Null,
        }
    }

    /// How many rows have a value, as far as the column tells without being read.
    pub(crate) fn valid(self) -> usize {
        let array: &dyn Array = match self {
            Self::Int(array) => array,
            Self::Double(array) => array,
            Self::Text { keys, .. } => keys,
            Self::Bool(array) => array,
            Self::Time(array) => array,
        };
        array.len() - array.null_count()
    }

    /// Whether this is the very column that `other` is.
    pub(crate) fn is(self, other: Self) -> bool {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => std::ptr::eq(a, b),
            (Self::Double(a), Self::Double(b)) => std::ptr::eq(a, b),
            (Self::Text { keys: a, .. }, Self::Text { keys: b, .. }) => std::ptr::eq(a, b),
            (Self::Bool(a), Self::Bool(b)) => std::ptr::eq(a, b),
            (Self::Time(a), Self::Time(b)) => std::ptr::eq(a, b),
            _ => false,
        }
    }

    /// The instant in `row` in nanoseconds since the Unix epoch; 0 where there is none.
    pub(crate) fn nanos(self, row: usize) -> u64 {
        match self.cell(row) {
            Cell::Time(nanos) => u64::try_from(nanos).unwrap_or(0),
            _ => 0,
        }
    }
}
