//! Single columns: made of one value, and hashed.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, StringArray,
};
use arrow_schema::ArrowError;
use ringwatch_frame::{ColumnsError, Value};
use ringwatch_parse::expr::texts_of;

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

/// The column with the SHA-256 of each value's text in its place. Each distinct value is hashed once.
pub(super) fn hashed(column: &ArrayRef) -> Result<ArrayRef, ColumnsError> {
    let mismatch = || ArrowError::SchemaError("a column is not of the type that it says".into());
    let texts = texts_of(column)?;
    let dictionary = texts.as_dictionary_opt::<Int32Type>().ok_or_else(mismatch)?;
    let values = dictionary.values().as_string_opt::<i32>().ok_or_else(mismatch)?;
    let hashes: StringArray = values.iter().map(|value| value.map(hash)).collect();
    let keys = dictionary.keys().clone();
    Ok(Arc::new(DictionaryArray::try_new(keys, Arc::new(hashes))?))
}

#[cfg(test)]
mod tests {
    use ringwatch_frame::{Cell, ColumnType, Columns};

    use super::*;

    fn column(column: ColumnType, cells: &[Cell<'_>]) -> ArrayRef {
        let mut columns = Columns::new([("c", column)]);
        for cell in cells {
            columns.push(&[*cell]).unwrap();
        }
        Arc::clone(columns.finish().unwrap().column(0))
    }

    fn distinct(column: &ArrayRef) -> usize {
        column.as_dictionary::<Int32Type>().values().len()
    }

    #[test]
    fn a_constant_text_is_held_once() {
        let array = constant(&"x".into(), &[true, false, true]).unwrap();
        let expected = column(ColumnType::Text, &[Cell::Text("x"), Cell::Null, Cell::Text("x")]);
        assert_eq!((&array, distinct(&array)), (&expected, 1));
        assert_eq!(constant(&Value::Int(1), &[]).unwrap().len(), 0);
    }

    #[test]
    fn values_are_hashed_once_each_and_slices_too() {
        let cells = [Cell::Text("x"), Cell::Text("abc"), Cell::Null, Cell::Text("abc")];
        let texts = column(ColumnType::Text, &cells);
        let (x, abc, seven) = (hash("x"), hash("abc"), hash("7"));
        let hashes = hashed(&texts).unwrap();
        let expected = [Cell::Text(&x), Cell::Text(&abc), Cell::Null, Cell::Text(&abc)];
        let expected = column(ColumnType::Text, &expected);
        assert_eq!((&hashes, distinct(&hashes)), (&expected, 2));
        assert_eq!(&hashed(&texts.slice(3, 1)).unwrap(), &expected.slice(3, 1));
        let numbers = hashed(&column(ColumnType::Int, &[Cell::Int(7), Cell::Null])).unwrap();
        assert_eq!(
            &numbers,
            &column(ColumnType::Text, &[Cell::Text(&seven), Cell::Null])
        );
    }
}
