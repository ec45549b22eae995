//! Rows: their keys, and one row for each key.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampNanosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch, TimestampNanosecondArray, UInt64Array};
use arrow_select::take::take_record_batch;
use ringwatch_catalogue::model::Delta;

use super::DeltaError;
use super::numbers::{Fold, Numbers};

/// The column of this name.
pub(super) fn column(batch: &RecordBatch, name: &str) -> Result<ArrayRef, DeltaError> {
    batch
        .column_by_name(name)
        .cloned()
        .ok_or_else(|| DeltaError::Column(name.to_owned()))
}

/// The key of every row, exact.
pub(super) fn keys(spec: &Delta, batch: &RecordBatch) -> Result<Vec<Vec<u8>>, DeltaError> {
    key_bytes(batch, &spec.key)
}

/// The values of these columns of every row as bytes that are equal when the values are.
pub(crate) fn key_bytes(batch: &RecordBatch, columns: &[String]) -> Result<Vec<Vec<u8>>, DeltaError> {
    let mut keys = vec![Vec::with_capacity(columns.len() * 9); batch.num_rows()];
    for name in columns {
        let column = column(batch, name)?;
        for (at, key) in keys.iter_mut().enumerate() {
            push_value(key, &column, at);
        }
    }
    Ok(keys)
}

fn push_value(key: &mut Vec<u8>, column: &ArrayRef, at: usize) {
    if column.is_null(at) {
        key.push(0);
    } else if let Some(array) = column.as_primitive_opt::<Int64Type>() {
        key.push(1);
        key.extend(array.value(at).to_le_bytes());
    } else if let Some(array) = column.as_dictionary_opt::<Int32Type>() {
        let text = array
            .downcast_dict::<arrow_array::StringArray>()
            .map_or("", |texts| texts.value_at(at));
        key.push(2);
        key.extend((text.len() as u64).to_le_bytes());
        key.extend(text.as_bytes());
    } else if let Some(array) = column.as_boolean_opt() {
        key.push(if array.value(at) { 3 } else { 4 });
    } else if let Some(array) = column.as_primitive_opt::<Float64Type>() {
        key.push(5);
        key.extend(array.value(at).to_bits().to_le_bytes());
    } else if let Some(nanos) = instant(column, at) {
        key.push(6);
        key.extend(nanos.to_le_bytes());
    }
}

/// A text of a dictionary by its row.
trait ValueAt<'a> {
    fn value_at(&self, at: usize) -> &'a str;
}

impl<'a> ValueAt<'a> for arrow_array::TypedDictionaryArray<'a, Int32Type, arrow_array::StringArray> {
    fn value_at(&self, at: usize) -> &'a str {
        self.values()
            .value(usize::try_from(self.keys().value(at)).unwrap_or(0))
    }
}

/// An instant in nanoseconds, or a whole number that stands for one.
pub(super) fn instant(column: &ArrayRef, at: usize) -> Option<i64> {
    if column.is_null(at) {
        return None;
    }
    if let Some(array) = column.as_primitive_opt::<TimestampNanosecondType>() {
        return Some(array.value(at));
    }
    column
        .as_primitive_opt::<Int64Type>()
        .map(|array| array.value(at))
}

/// The largest value of a column that is the same in all rows.
pub(super) fn newest(batch: &RecordBatch, name: Option<&String>) -> Result<Option<i64>, DeltaError> {
    let Some(name) = name else { return Ok(None) };
    let column = column(batch, name)?;
    Ok((0..batch.num_rows()).filter_map(|at| instant(&column, at)).max())
}

/// One row for each key, with its key. Counters of rows with the same key are summed; everything else is that of
/// the first. A reading without doubles comes back as it is.
pub(super) fn without_doubles(
    spec: &Delta,
    keys: Vec<Vec<u8>>,
    batch: &RecordBatch,
) -> Result<(Vec<Vec<u8>>, RecordBatch), DeltaError> {
    let mut place: HashMap<Vec<u8>, usize> = HashMap::with_capacity(keys.len());
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut unique = Vec::with_capacity(keys.len());
    for (at, key) in keys.into_iter().enumerate() {
        if let Some(group) = place.get(&key) {
            groups[*group].push(at);
        } else {
            place.insert(key.clone(), groups.len());
            groups.push(vec![at]);
            unique.push(key);
        }
    }
    if groups.len() == batch.num_rows() {
        return Ok((unique, batch.clone()));
    }
    let firsts = UInt64Array::from_iter_values(groups.iter().map(|group| group[0] as u64));
    let rows = take_record_batch(batch, &firsts)?;
    let schema = rows.schema();
    let mut columns = rows.columns().to_vec();
    let lists = [
        (&spec.never_falls, Fold::Largest),
        (&spec.never_rises, Fold::Smallest),
        (&spec.counters, Fold::Sum),
    ];
    for (names, how) in lists {
        for name in names {
            columns[schema.index_of(name)?] = Numbers::read(batch, name)?.folded(&groups, how);
        }
    }
    if let Some(name) = &spec.since {
        let since = column(batch, name)?;
        let earliest = |group: &Vec<usize>| group.iter().filter_map(|at| instant(&since, *at)).min();
        let at = schema.index_of(name)?;
        if schema.field(at).data_type() == &ringwatch_frame::ColumnType::Time.data_type() {
            let array = groups.iter().map(earliest).collect::<TimestampNanosecondArray>();
            columns[at] = Arc::new(array.with_timezone("UTC"));
        }
    }
    Ok((unique, RecordBatch::try_new(schema, columns)?))
}
