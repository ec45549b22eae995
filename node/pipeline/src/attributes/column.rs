//! Single columns: made, read, blended and hashed.

use std::sync::Arc;

use arrow_array::types::{
    ArrowDictionaryKeyType, ArrowPrimitiveType, Float64Type, Int32Type, Int64Type, TimestampNanosecondType,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, PrimitiveArray,
    StringArray,
};
use arrow_schema::ArrowError;
use ringwatch_frame::{Cell, ColumnType, Columns, ColumnsError, Value};

use crate::actions::hash;

/// A column with `value` where `present` is set and null elsewhere. Text is one dictionary value.
pub(super) fn constant(value: &Value, present: &[bool]) -> Result<ArrayRef, ArrowError> {
    fn each<T: Copy>(value: T, present: &[bool]) -> impl Iterator<Item = Option<T>> {
        present.iter().map(move |bit| bit.then_some(value))
    }
    Ok(match value {
        Value::Int(number) => Arc::new(each(*number, present).collect::<Int64Array>()),
        Value::Double(number) => Arc::new(each(*number, present).collect::<Float64Array>()),
        Value::Bool(bit) => Arc::new(each(*bit, present).collect::<BooleanArray>()),
        Value::Text(text) => {
            let keys: Int32Array = each(0_i32, present).collect();
            let values = StringArray::from(vec![&**text]);
            Arc::new(DictionaryArray::try_new(keys, Arc::new(values))?)
        }
    })
}

/// The type of a frame's column.
pub(super) fn type_of(column: &ArrayRef) -> Result<ColumnType, ArrowError> {
    ColumnType::of(column.data_type())
        .ok_or_else(|| ArrowError::SchemaError(format!("a frame holds no {}", column.data_type())))
}

/// Row by row `new` where `take` is set, else `old`. Where values of two types come together, the column is text.
pub(super) fn blend(take: &[bool], new: &ArrayRef, old: &ArrayRef) -> Result<ArrayRef, ColumnsError> {
    let (new_type, old_type) = (type_of(new)?, type_of(old)?);
    let column = if new_type == old_type {
        new_type
    } else {
        ColumnType::Text
    };
    let (new, old) = (Reader::new(new)?, Reader::new(old)?);
    let cells = take
        .iter()
        .enumerate()
        .map(|(row, take)| if *take { new.cell(row) } else { old.cell(row) });
    build(column, cells)
}

/// The column with the SHA-256 of each value's text in its place. Each distinct value is hashed once.
pub(super) fn hashed(column: &ArrayRef) -> Result<ArrayRef, ColumnsError> {
    let text = match type_of(column)? {
        ColumnType::Text => Arc::clone(column),
        _ => {
            let reader = Reader::new(column)?;
            build(ColumnType::Text, (0..column.len()).map(|row| reader.cell(row)))?
        }
    };
    let (keys, values) = dictionary(&text)?;
    let hashes: StringArray = values.iter().map(|value| value.map(hash)).collect();
    Ok(Arc::new(DictionaryArray::try_new(
        keys.clone(),
        Arc::new(hashes),
    )?))
}

fn build<'a>(column: ColumnType, cells: impl Iterator<Item = Cell<'a>>) -> Result<ArrayRef, ColumnsError> {
    let mut columns = Columns::new([("", column)]);
    for cell in cells {
        let text = if column == ColumnType::Text {
            text_of(cell)
        } else {
            None
        };
        columns.push(&[text.as_deref().map_or(cell, Cell::Text)])?;
    }
    Ok(Arc::clone(columns.finish()?.column(0)))
}

/// The text of what is there and is not text already.
fn text_of(cell: Cell<'_>) -> Option<String> {
    match cell {
        Cell::Null | Cell::Text(_) => None,
        Cell::Int(number) | Cell::Time(number) => Some(number.to_string()),
        Cell::Double(number) => Some(number.to_string()),
        Cell::Bool(bit) => Some(bit.to_string()),
    }
}

/// A column whose type is known.
enum Reader<'a> {
    Int(&'a Int64Array),
    Double(&'a Float64Array),
    Bool(&'a BooleanArray),
    Time(&'a PrimitiveArray<TimestampNanosecondType>),
    Text(&'a Int32Array, &'a StringArray),
}

impl<'a> Reader<'a> {
    fn new(column: &'a ArrayRef) -> Result<Self, ArrowError> {
        Ok(match type_of(column)? {
            ColumnType::Int => Self::Int(primitive::<Int64Type>(column)?),
            ColumnType::Double => Self::Double(primitive::<Float64Type>(column)?),
            ColumnType::Time => Self::Time(primitive::<TimestampNanosecondType>(column)?),
            ColumnType::Bool => Self::Bool(column.as_any().downcast_ref().ok_or_else(mismatch)?),
            ColumnType::Text => {
                let (keys, values) = dictionary(column)?;
                Self::Text(keys, values)
            }
        })
    }

    fn cell(&self, row: usize) -> Cell<'a> {
        fn at<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, row: usize) -> Option<T::Native> {
            array.is_valid(row).then(|| array.value(row))
        }
        let cell = match self {
            Self::Int(array) => at(array, row).map(Cell::Int),
            Self::Double(array) => at(array, row).map(Cell::Double),
            Self::Time(array) => at(array, row).map(Cell::Time),
            Self::Bool(array) => array.is_valid(row).then(|| Cell::Bool(array.value(row))),
            Self::Text(keys, values) => at(keys, row)
                .and_then(|key| usize::try_from(key).ok())
                .filter(|key| values.is_valid(*key))
                .map(|key| Cell::Text(values.value(key))),
        };
        cell.unwrap_or(Cell::Null)
    }
}

fn primitive<T: ArrowPrimitiveType>(column: &ArrayRef) -> Result<&PrimitiveArray<T>, ArrowError> {
    column.as_any().downcast_ref().ok_or_else(mismatch)
}

fn dictionary(column: &ArrayRef) -> Result<(&PrimitiveArray<Int32Type>, &StringArray), ArrowError> {
    fn parts<K: ArrowDictionaryKeyType>(
        array: &DictionaryArray<K>,
    ) -> Option<(&PrimitiveArray<K>, &StringArray)> {
        Some((array.keys(), array.values().as_any().downcast_ref()?))
    }
    column
        .as_any()
        .downcast_ref::<DictionaryArray<Int32Type>>()
        .and_then(parts)
        .ok_or_else(mismatch)
}

fn mismatch() -> ArrowError {
    ArrowError::SchemaError("a column is not of the type that it says".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(column: ColumnType, cells: &[Cell<'_>]) -> ArrayRef {
        let mut columns = Columns::new([("c", column)]);
        for cell in cells {
            columns.push(&[*cell]).unwrap();
        }
        Arc::clone(columns.finish().unwrap().column(0))
    }

    fn cells(array: &ArrayRef) -> Vec<Cell<'_>> {
        let reader = Reader::new(array).unwrap();
        (0..array.len()).map(|row| reader.cell(row)).collect()
    }

    #[test]
    fn a_constant_text_is_held_once() {
        let array = constant(&"x".into(), &[true, false, true]).unwrap();
        assert_eq!(cells(&array), [Cell::Text("x"), Cell::Null, Cell::Text("x")]);
        assert_eq!(dictionary(&array).unwrap().1.len(), 1);
        assert_eq!(constant(&Value::Int(1), &[]).unwrap().len(), 0);
    }

    #[test]
    fn columns_of_two_types_become_text() {
        let ints = column(ColumnType::Int, &[Cell::Int(1), Cell::Null, Cell::Int(3)]);
        let texts = column(ColumnType::Text, &[Cell::Text("a"), Cell::Text("b"), Cell::Null]);
        let times = column(ColumnType::Time, &[Cell::Time(5), Cell::Time(6), Cell::Time(7)]);
        let take = [false, true, true];
        let mixed = blend(&take, &texts, &ints).unwrap();
        assert_eq!(cells(&mixed), [Cell::Text("1"), Cell::Text("b"), Cell::Null]);
        assert_eq!(
            cells(&blend(&take, &ints, &ints).unwrap()),
            [Cell::Int(1), Cell::Null, Cell::Int(3)]
        );
        assert_eq!(
            cells(&blend(&take, &ints, &times).unwrap()),
            [Cell::Text("5"), Cell::Null, Cell::Text("3")]
        );
        assert_eq!(
            cells(&blend(&take, &times, &times).unwrap()),
            [Cell::Time(5), Cell::Time(6), Cell::Time(7)]
        );
    }

    #[test]
    fn values_are_hashed_once_each_and_slices_too() {
        let texts = column(
            ColumnType::Text,
            &[Cell::Text("x"), Cell::Text("abc"), Cell::Null, Cell::Text("abc")],
        );
        let abc = hash("abc");
        let hashes = hashed(&texts).unwrap();
        assert_eq!(dictionary(&hashes).unwrap().1.len(), 2);
        assert_eq!(
            cells(&hashes)[1..],
            [Cell::Text(&abc), Cell::Null, Cell::Text(&abc)]
        );
        assert_eq!(cells(&hashed(&texts.slice(3, 1)).unwrap()), [Cell::Text(&abc)]);
        let numbers = hashed(&column(ColumnType::Int, &[Cell::Int(7), Cell::Null])).unwrap();
        assert_eq!(cells(&numbers), [Cell::Text(&hash("7")), Cell::Null]);
    }
}
