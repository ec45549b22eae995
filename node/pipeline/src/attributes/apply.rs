//! Actions on the columns of a frame.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, Field, FieldRef, Schema};
use ringwatch_frame::{ColumnsError, is_attribute};

use super::column::{blend, constant, hashed, type_of};
use crate::actions::{Action, Change, Source, When};

/// The column that holds the attribute of a key, where the catalogue knows one.
type ColumnOf<'a> = &'a dyn Fn(&str) -> Option<Arc<str>>;

/// The columns after the actions, with as many rows as before.
pub(super) fn apply(
    actions: &[Action],
    batch: &RecordBatch,
    column_of: ColumnOf<'_>,
) -> Result<RecordBatch, ColumnsError> {
    let fields = batch.schema_ref().fields().iter().cloned();
    let mut table = Table {
        rows: batch.num_rows(),
        columns: fields.zip(batch.columns().iter().cloned()).collect(),
        column_of,
    };
    for Action { key, change } in actions {
        match change {
            Change::Set(when, source) => table.set(key, *when, source)?,
            Change::Delete => table.delete(key),
            Change::Hash => table.hash(key)?,
        }
    }
    Ok(table.finish(batch)?)
}

struct Table<'a> {
    rows: usize,
    columns: Vec<(FieldRef, ArrayRef)>,
    column_of: ColumnOf<'a>,
}

impl Table<'_> {
    /// Where the attribute `key` is: in a column that a processor added under this name, else in the column that the
    /// catalogue names, else in the column of this name.
    fn find(&self, key: &str) -> Option<usize> {
        let named = |name: &str| self.columns.iter().position(|(field, _)| field.name() == name);
        let is_added = |(field, _): &(FieldRef, ArrayRef)| field.name() == key && is_attribute(field);
        self.columns
            .iter()
            .position(is_added)
            .or_else(|| (self.column_of)(key).map_or_else(|| named(key), |column| named(&column)))
    }

    /// Takes `key` out. What was added may have stood in place of the catalogue's column, which goes as well.
    fn delete(&mut self, key: &str) {
        while let Some(at) = self.find(key) {
            self.columns.remove(at);
        }
    }

    /// Sets `key` in the rows where `when` holds and the source has a value.
    fn set(&mut self, key: &str, when: When, source: &Source) -> Result<(), ColumnsError> {
        let at = self.find(key);
        let is_present = |row| at.is_some_and(|at| self.columns[at].1.is_valid(row));
        let from = match source {
            Source::Value(_) => None,
            Source::Attribute(from) => match self.find(from) {
                Some(from) => Some(Arc::clone(&self.columns[from].1)),
                None => return Ok(()),
            },
        };
        let has_value = |row| from.as_ref().is_none_or(|from| from.is_valid(row));
        let take: Vec<bool> = (0..self.rows)
            .map(|row| when.holds(is_present(row)) && has_value(row))
            .collect();
        let adds_column = at.is_none() && when != When::Present;
        if !adds_column && !take.contains(&true) {
            return Ok(());
        }
        let new = match (source, from) {
            (Source::Value(value), _) => constant(value, &take)?,
            (_, Some(from)) => from,
            (Source::Attribute(_), None) => return Ok(()),
        };
        let replaces = |(row, take): (usize, &bool)| *take || (!is_present(row) && !new.is_valid(row));
        let column = match at {
            Some(at) if !take.iter().enumerate().all(replaces) => blend(&take, &new, &self.columns[at].1)?,
            _ => new,
        };
        self.put(at, key, column)?;
        Ok(())
    }

    /// Puts `column` at its place, or adds it as an attribute. What is there keeps its name and its role, so that
    /// it does not go out twice.
    fn put(&mut self, at: Option<usize>, key: &str, column: ArrayRef) -> Result<(), ArrowError> {
        match at {
            Some(at) => self.replace(at, column),
            None => {
                let field = Arc::new(type_of(&column)?.attribute_field(key));
                self.columns.push((field, column));
            }
        }
        Ok(())
    }

    fn replace(&mut self, at: usize, column: ArrayRef) {
        let field = Field::clone(&self.columns[at].0)
            .with_data_type(column.data_type().clone())
            .with_nullable(true);
        self.columns[at] = (Arc::new(field), column);
    }

    /// Hashes `key` where it is. What the column is to exporters stays as it was.
    fn hash(&mut self, key: &str) -> Result<(), ColumnsError> {
        let Some(at) = self.find(key) else { return Ok(()) };
        let column = hashed(&self.columns[at].1)?;
        self.replace(at, column);
        Ok(())
    }

    fn finish(self, before: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let (fields, columns): (Vec<_>, Vec<_>) = self.columns.into_iter().unzip();
        let schema = Schema::new_with_metadata(fields, before.schema_ref().metadata().clone());
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(Arc::new(schema), columns, &options)
    }
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;
