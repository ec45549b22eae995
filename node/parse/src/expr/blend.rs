//! Two columns to one, row by row.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, BooleanArray, Int32Array, StringArray};
use arrow_buffer::BooleanBuffer;
use arrow_schema::ArrowError;
use ringwatch_frame::{Cell, ColumnType, Columns, ColumnsError};

use super::vector::{Vector, text_column};

/// Row by row `new` where `take` is set, else `old`. Where values of two types come together, the column is
/// text.
///
/// # Errors
/// When a column is of a type that no frame holds, or the columns are not of one length.
pub fn blend(take: &BooleanBuffer, new: &ArrayRef, old: &ArrayRef) -> Result<ArrayRef, ColumnsError> {
    if new.len() != take.len() || old.len() != take.len() {
        let message = "columns of different lengths cannot be blended";
        return Err(ArrowError::InvalidArgumentError(message.into()).into());
    }
    if new.data_type() != old.data_type() {
        return as_texts(take, new, old);
    }
    let (new_vector, old_vector) = (Vector::of(new)?, Vector::of(old)?);
    if let (Vector::Text(new_keys, new_texts), Vector::Text(old_keys, old_texts)) = (new_vector, old_vector) {
        return Ok(texts(take, (&new_keys, &new_texts), (&old_keys, &old_texts))?);
    }
    let take = BooleanArray::new(take.clone(), None);
    Ok(arrow_select::zip::zip(&take, new, old)?)
}

/// Both dictionaries one behind the other, so that no text is looked at. A text that is in both is there
/// twice.
fn texts(
    take: &BooleanBuffer,
    (new_keys, new_texts): (&Int32Array, &StringArray),
    (old_keys, old_texts): (&Int32Array, &StringArray),
) -> Result<ArrayRef, ArrowError> {
    let behind = i32::try_from(old_texts.len()).map_err(|_| ArrowError::DictionaryKeyOverflowError)?;
    if i32::try_from(old_texts.len() + new_texts.len()).is_err() {
        return Err(ArrowError::DictionaryKeyOverflowError);
    }
    let both = arrow_select::concat::concat(&[old_texts, new_texts])?;
    let key = |row: usize| {
        let (keys, offset) = if take.value(row) {
            (new_keys, behind)
        } else {
            (old_keys, 0)
        };
        keys.is_valid(row).then(|| keys.value(row) + offset)
    };
    let keys: Int32Array = (0..take.len()).map(key).collect();
    text_column(keys, both.as_string::<i32>().clone())
}

/// The column as text; times are nanoseconds since the Unix epoch.
///
/// # Errors
/// When no frame holds a column of its type.
pub fn texts_of(column: &ArrayRef) -> Result<ArrayRef, ColumnsError> {
    if matches!(Vector::of(column)?, Vector::Text(..)) {
        return Ok(Arc::clone(column));
    }
    as_texts(&BooleanBuffer::new_set(column.len()), column, column)
}

fn as_texts(take: &BooleanBuffer, new: &ArrayRef, old: &ArrayRef) -> Result<ArrayRef, ColumnsError> {
    let (new, old) = (Vector::of(new)?, Vector::of(old)?);
    let mut columns = Columns::new([("", ColumnType::Text)]);
    for row in 0..take.len() {
        let from = if take.value(row) { &new } else { &old };
        let value = from.cell(row);
        let text = value.to_text();
        columns.push(&[text.as_deref().map_or(Cell::Null, Cell::Text)])?;
    }
    Ok(Arc::clone(columns.finish()?.column(0)))
}

/// The column with nothing where `keep` is not set.
pub(super) fn only(keep: &BooleanBuffer, column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    arrow_select::nullif::nullif(column, &BooleanArray::new(!keep, None))
}

/// The column with other texts in the dictionary, if it is of texts; `of` gives `None` for those that stay.
pub(super) fn retexted(
    column: &ArrayRef,
    of: impl FnOnce(&Int32Array, &StringArray) -> Option<StringArray>,
) -> Result<Option<ArrayRef>, ArrowError> {
    let Some(dictionary) = column.as_dictionary_opt::<Int32Type>() else {
        return Ok(None);
    };
    let Some(texts) = dictionary.values().as_string_opt::<i32>() else {
        return Ok(None);
    };
    match of(dictionary.keys(), texts) {
        Some(texts) => text_column(dictionary.keys().clone(), texts).map(Some),
        None => Ok(None),
    }
}
