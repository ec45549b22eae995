//! The columns of a frame while actions change them.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampNanosecondType};
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, RecordBatch,
    RecordBatchOptions, StringArray,
};
use arrow_schema::{ArrowError, FieldRef, Schema};
use ringwatch_config::settings::{AttributeAction, AttributeActionKind};
use ringwatch_frame::{Cell, ColumnType, Columns, Value};

use super::hash::sha256_hex;
use super::value_of;

/// The columns of one frame.
pub(super) struct Table {
    rows: usize,
    columns: Vec<(FieldRef, ArrayRef)>,
}

impl Table {
    /// The columns of `batch`; nothing is copied.
    pub(super) fn of(batch: &RecordBatch) -> Self {
        let fields = batch.schema_ref().fields().iter().cloned();
        Self {
            rows: batch.num_rows(),
            columns: fields.zip(batch.columns().iter().cloned()).collect(),
        }
    }

    /// The columns as they are now.
    pub(super) fn finish(self) -> Result<RecordBatch, ArrowError> {
        let (fields, arrays): (Vec<_>, Vec<_>) = self.columns.into_iter().unzip();
        let rows = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &rows)
    }

    /// Carries one action out.
    pub(super) fn apply(&mut self, action: &AttributeAction) -> Result<(), ArrowError> {
        let at = self
            .columns
            .iter()
            .position(|(field, _)| *field.name() == action.key);
        match (action.action, at) {
            (AttributeActionKind::Delete, Some(at)) => {
                self.columns.remove(at);
            }
            (AttributeActionKind::Hash, Some(at)) => {
                let hashed = hashed(&self.columns[at].1)?;
                self.columns[at] = (text_field(&action.key), hashed);
            }
            (AttributeActionKind::Delete | AttributeActionKind::Hash | AttributeActionKind::Update, None) => {
            }
            (AttributeActionKind::Insert, Some(at)) => self.set(action, at, |present| !present)?,
            (AttributeActionKind::Update, Some(at)) => self.set(action, at, |present| present)?,
            (AttributeActionKind::Upsert, Some(at)) => self.set(action, at, |_| true)?,
            (AttributeActionKind::Insert | AttributeActionKind::Upsert, None) => {
                if let Some((column, array)) = self.wanted(action) {
                    self.columns
                        .push((Arc::new(column.attribute_field(&action.key)), array));
                }
            }
        }
        Ok(())
    }

    /// What the action would set: its value in every row, or another column. `None` where there is no such column.
    fn wanted(&self, action: &AttributeAction) -> Option<(ColumnType, ArrayRef)> {
        if let Some(value) = &action.value {
            return Some(constant(&value_of(value), self.rows));
        }
        let from = action.from_attribute.as_ref()?;
        let (field, array) = self.columns.iter().find(|(field, _)| field.name() == from)?;
        Some((ColumnType::of(field.data_type())?, Arc::clone(array)))
    }

    /// Sets the rows of column `at` in which there is, or is not, a value. Where old and new are of different types,
    /// the column becomes text.
    fn set(
        &mut self,
        action: &AttributeAction,
        at: usize,
        rows: impl Fn(bool) -> bool,
    ) -> Result<(), ArrowError> {
        let Some((column, new)) = self.wanted(action) else {
            return Ok(());
        };
        let old = Arc::clone(&self.columns[at].1);
        let mask: BooleanArray = (0..self.rows).map(|row| Some(rows(old.is_valid(row)))).collect();
        let none = mask.true_count() == 0;
        if none {
            return Ok(());
        }
        let merged = if mask.true_count() == self.rows {
            (column, new)
        } else {
            merge(&mask, &new, column, &old, ColumnType::of(old.data_type()))?
        };
        self.columns[at] = (Arc::new(merged.0.attribute_field(&action.key)), merged.1);
        Ok(())
    }
}

fn text_field(name: &str) -> FieldRef {
    Arc::new(ColumnType::Text.attribute_field(name))
}

/// A column that holds `value` in every row; a text is there once.
fn constant(value: &Value, rows: usize) -> (ColumnType, ArrayRef) {
    match value {
        Value::Text(text) => {
            let keys = Int32Array::from(vec![0; rows]);
            let one: ArrayRef = Arc::new(StringArray::from(vec![&**text]));
            (ColumnType::Text, Arc::new(DictionaryArray::new(keys, one)))
        }
        Value::Int(number) => (ColumnType::Int, Arc::new(Int64Array::from(vec![*number; rows]))),
        Value::Double(number) => (
            ColumnType::Double,
            Arc::new(Float64Array::from(vec![*number; rows])),
        ),
        Value::Bool(bit) => (ColumnType::Bool, Arc::new(BooleanArray::from(vec![*bit; rows]))),
    }
}

/// New values where the mask is set, old ones elsewhere.
fn merge(
    mask: &BooleanArray,
    new: &ArrayRef,
    new_type: ColumnType,
    old: &ArrayRef,
    old_type: Option<ColumnType>,
) -> Result<(ColumnType, ArrayRef), ArrowError> {
    let common = if old_type == Some(new_type) {
        new_type
    } else {
        ColumnType::Text
    };
    let mut columns = Columns::new([("merged", common)]);
    for row in 0..mask.len() {
        let from = if mask.value(row) { new } else { old };
        let text;
        let cell = match cell(from, row) {
            Cell::Null => Cell::Null,
            cell if common != ColumnType::Text => cell,
            Cell::Text(text) => Cell::Text(text),
            other => {
                text = written(other);
                Cell::Text(&text)
            }
        };
        columns
            .push(&[cell])
            .map_err(|error| ArrowError::ComputeError(error.to_string()))?;
    }
    let batch = columns
        .finish()
        .map_err(|error| ArrowError::ComputeError(error.to_string()))?;
    Ok((common, Arc::clone(batch.column(0))))
}

/// The value of a row, whatever the column's type.
pub(super) fn cell(array: &ArrayRef, row: usize) -> Cell<'_> {
    if array.is_null(row) {
        return Cell::Null;
    }
    match ColumnType::of(array.data_type()) {
        Some(ColumnType::Int) => Cell::Int(array.as_primitive::<Int64Type>().value(row)),
        Some(ColumnType::Double) => Cell::Double(array.as_primitive::<Float64Type>().value(row)),
        Some(ColumnType::Bool) => Cell::Bool(array.as_boolean().value(row)),
        Some(ColumnType::Time) => Cell::Time(array.as_primitive::<TimestampNanosecondType>().value(row)),
        Some(ColumnType::Text) => {
            let dictionary = array.as_dictionary::<Int32Type>();
            let texts = dictionary.values().as_string::<i32>();
            dictionary
                .key(row)
                .map_or(Cell::Null, |key| Cell::Text(texts.value(key)))
        }
        None => Cell::Null,
    }
}

/// A value as text; a null is empty.
pub(super) fn written(cell: Cell<'_>) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Int(number) | Cell::Time(number) => number.to_string(),
        Cell::Double(number) => number.to_string(),
        Cell::Bool(bit) => bit.to_string(),
        Cell::Text(text) => text.to_owned(),
    }
}

/// The hashes of the values; of texts, one for each distinct one.
fn hashed(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    if let Some(dictionary) = array.as_dictionary_opt::<Int32Type>() {
        let texts = dictionary.values().as_string::<i32>();
        let hashes: StringArray = texts.iter().map(|text| text.map(sha256_hex)).collect();
        return Ok(Arc::new(DictionaryArray::try_new(
            dictionary.keys().clone(),
            Arc::new(hashes),
        )?));
    }
    let mut columns = Columns::new([("hashed", ColumnType::Text)]);
    for row in 0..array.len() {
        let hash = (!array.is_null(row)).then(|| sha256_hex(&written(cell(array, row))));
        let cell = hash.as_deref().map_or(Cell::Null, Cell::Text);
        columns
            .push(&[cell])
            .map_err(|error| ArrowError::ComputeError(error.to_string()))?;
    }
    let batch = columns
        .finish()
        .map_err(|error| ArrowError::ComputeError(error.to_string()))?;
    Ok(Arc::clone(batch.column(0)))
}
