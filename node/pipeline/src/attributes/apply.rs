//! Actions on the columns of a frame.

use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_buffer::BooleanBuffer;
use ringwatch_frame::{ColumnsError, Place};
use ringwatch_parse::expr::{PathRef, Places, Table, blend};

use super::column::{constant, hashed};
use crate::actions::{Action, Change, Source, When};

/// The column that holds the attribute of a key, where the catalogue knows one.
type ColumnOf<'a> = &'a dyn Fn(&str) -> Option<Arc<str>>;

struct Catalogue<'a>(ColumnOf<'a>);

impl Places for Catalogue<'_> {
    fn column(&self, place: Place<'_>) -> Option<Arc<str>> {
        match place {
            Place::Attribute(key) => (self.0)(key),
            _ => None,
        }
    }
}

/// The columns after the actions, with as many rows as before.
pub(super) fn apply(
    actions: &[Action],
    batch: &RecordBatch,
    column_of: ColumnOf<'_>,
) -> Result<RecordBatch, ColumnsError> {
    let catalogue = Catalogue(column_of);
    let mut table = Table::new(batch, &catalogue);
    for Action { key, change } in actions {
        let path = PathRef::Attribute(key.as_str().into());
        match change {
            Change::Set(when, source) => set(&mut table, &path, *when, source)?,
            Change::Delete => table.delete(&path),
            Change::Hash => hash(&mut table, &path)?,
        }
    }
    Ok(table.finish(batch)?)
}

/// Sets `path` in the rows where `when` holds and the source has a value.
fn set(table: &mut Table<'_>, path: &PathRef, when: When, source: &Source) -> Result<(), ColumnsError> {
    let old = table.find(path).and_then(|at| table.column(at)).cloned();
    let is_present = |row| old.as_ref().is_some_and(|old| old.is_valid(row));
    let from = match source {
        Source::Value(_) => None,
        Source::Attribute(from) => {
            let from = table.find(&PathRef::Attribute(from.as_str().into()));
            match from.and_then(|from| table.column(from)) {
                Some(from) => Some(Arc::clone(from)),
                None => return Ok(()),
            }
        }
    };
    let has_value = |row| from.as_ref().is_none_or(|from| from.is_valid(row));
    let rows = 0..table.rows();
    let take: Vec<bool> = rows
        .map(|row| when.holds(is_present(row)) && has_value(row))
        .collect();
    let adds_column = old.is_none() && when != When::Present;
    if !adds_column && !take.contains(&true) {
        return Ok(());
    }
    let new = match (source, &from) {
        (Source::Value(value), _) => constant(value, &take)?,
        (_, Some(from)) => Arc::clone(from),
        (Source::Attribute(_), None) => return Ok(()),
    };
    let replaces = |(row, take): (usize, &bool)| *take || (!is_present(row) && !new.is_valid(row));
    let column = match &old {
        Some(old) if !take.iter().enumerate().all(replaces) => {
            blend(&BooleanBuffer::from(take.as_slice()), &new, old)?
        }
        _ => new,
    };
    table.put(path, column)?;
    Ok(())
}

/// Hashes `path` where it is. What the column is to exporters stays as it was.
fn hash(table: &mut Table<'_>, path: &PathRef) -> Result<(), ColumnsError> {
    if let Some(at) = table.find(path)
        && let Some(column) = table.column(at)
    {
        let column = hashed(column)?;
        table.replace(at, column);
    }
    Ok(())
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;
