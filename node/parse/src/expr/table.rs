//! The columns of a frame while processors change them.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_buffer::BooleanBuffer;
use arrow_schema::{ArrowError, Field, FieldRef, Schema};
use ringwatch_frame::{ColumnType, ColumnsError, ROLE_KEY, Role, is_attribute, role_of};

use super::blend::{blend, only};
use super::path::{PathRef, Places, locate_column};

/// Columns that change; the rows stay what they are.
///
/// A column that is added goes out as an attribute of its row, or as the part of a log record that its role
/// says. One that is there keeps its name and its role, so that it does not go out twice.
pub struct Table<'a> {
    rows: usize,
    fields: Vec<FieldRef>,
    columns: Vec<ArrayRef>,
    places: &'a dyn Places,
    is_changed: bool,
}

impl<'a> Table<'a> {
    /// The columns of `batch`, which `places` explains.
    pub fn new(batch: &RecordBatch, places: &'a dyn Places) -> Self {
        Self {
            rows: batch.num_rows(),
            fields: batch.schema_ref().fields().to_vec(),
            columns: batch.columns().to_vec(),
            places,
            is_changed: false,
        }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Whether any column is another than at first.
    pub fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// The columns, in order.
    pub fn columns(&self) -> &[ArrayRef] {
        &self.columns
    }

    pub(super) fn fields(&self) -> &[FieldRef] {
        &self.fields
    }

    pub(super) fn places(&self) -> &dyn Places {
        self.places
    }

    /// Which column holds `path`: one that a processor added, else the one that the projection names, else by
    /// its name.
    pub fn find(&self, path: &PathRef) -> Option<usize> {
        locate_column(path, &self.fields, self.places)
    }

    /// A column by its number.
    pub fn column(&self, at: usize) -> Option<&ArrayRef> {
        self.columns.get(at)
    }

    /// All attributes of points and records: their keys and the numbers of their columns.
    pub fn attributes(&self) -> Vec<(Arc<str>, usize)> {
        let added = self
            .fields
            .iter()
            .enumerate()
            .filter(|(_, field)| is_attribute(field));
        let mut found: Vec<(Arc<str>, usize)> = added
            .map(|(at, field)| (Arc::from(field.name().as_str()), at))
            .collect();
        for (key, column) in self.places.attributes() {
            let is_known = found.iter().any(|(known, _)| *known == key);
            let at = self.fields.iter().position(|field| *field.name() == *column);
            if let (false, Some(at)) = (is_known, at) {
                found.push((key, at));
            }
        }
        found.sort_by_key(|(_, at)| *at);
        found
    }

    /// Takes `path` out. What was added may have stood in place of the projection's column, which goes as
    /// well.
    pub fn delete(&mut self, path: &PathRef) {
        while let Some(at) = self.find(path) {
            self.remove(at);
        }
    }

    /// Takes a column out.
    pub(super) fn remove(&mut self, at: usize) {
        if at < self.fields.len() && at < self.columns.len() {
            self.fields.remove(at);
            self.columns.remove(at);
            self.is_changed = true;
        }
    }

    /// Sets `path` to `values` in the rows of `take`. Setting all rows gives the column the type of the
    /// values; where old and new values of different types would stand in one column, it becomes text.
    ///
    /// # Errors
    /// When the columns do not fit together.
    pub fn set(
        &mut self,
        path: &PathRef,
        take: &BooleanBuffer,
        values: ArrayRef,
    ) -> Result<(), ColumnsError> {
        let takes_all = take.count_set_bits() == self.rows;
        let at = self.find(path);
        let column = match at.and_then(|at| self.columns.get(at)) {
            _ if takes_all => values,
            Some(old) => blend(take, &values, old)?,
            None => only(take, &values)?,
        };
        self.put(path, column)?;
        Ok(())
    }

    /// Puts `column` where `path` is, or adds it.
    ///
    /// # Errors
    /// When a frame holds no column of its type.
    pub fn put(&mut self, path: &PathRef, column: ArrayRef) -> Result<(), ArrowError> {
        let Some(role) = path.role() else {
            match self.find(path) {
                Some(at) => self.replace(at, column),
                None => self.add(path.column_name(), Role::Attribute, column)?,
            }
            return Ok(());
        };
        // the projection's own column may be an attribute as well, so it stays as it is
        let has_role = |field: &FieldRef| role_of(field) == Some(role);
        let is_named = |field: &FieldRef| role_of(field).is_none() && field.name() == path.column_name();
        let at = self.fields.iter().position(has_role);
        match at.or_else(|| self.fields.iter().position(is_named)) {
            Some(at) => {
                self.replace(at, column);
                self.give_role(at, role);
            }
            None => self.add(path.column_name(), role, column)?,
        }
        Ok(())
    }

    fn add(&mut self, name: &str, role: Role, column: ArrayRef) -> Result<(), ArrowError> {
        let field = type_of(&column)?.role_field(name, role);
        self.fields.push(Arc::new(field));
        self.columns.push(column);
        self.is_changed = true;
        Ok(())
    }

    /// Adds an attribute.
    pub(super) fn add_attribute(&mut self, key: &str, column: ArrayRef) -> Result<(), ArrowError> {
        self.add(key, Role::Attribute, column)
    }

    /// Puts `column` in place of another.
    pub fn replace(&mut self, at: usize, column: ArrayRef) {
        let (Some(field), Some(old)) = (self.fields.get_mut(at), self.columns.get_mut(at)) else {
            return;
        };
        if field.data_type() != column.data_type() || !field.is_nullable() {
            let changed = Field::clone(field).with_data_type(column.data_type().clone());
            *field = Arc::new(changed.with_nullable(true));
        }
        *old = column;
        self.is_changed = true;
    }

    fn give_role(&mut self, at: usize, role: Role) {
        if let Some(field) = self
            .fields
            .get_mut(at)
            .filter(|field| role_of(field) != Some(role))
        {
            let mut metadata = field.metadata().clone();
            metadata.insert(ROLE_KEY.to_owned(), role.as_str().to_owned());
            *field = Arc::new(Field::clone(field).with_metadata(metadata));
        }
    }

    /// The columns as a record batch again.
    ///
    /// # Errors
    /// When Arrow refuses them.
    pub fn finish(self, before: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        if !self.is_changed {
            return Ok(before.clone());
        }
        let same = before.schema_ref().fields().iter().eq(&self.fields);
        let schema = if same {
            before.schema()
        } else {
            let metadata = before.schema_ref().metadata().clone();
            Arc::new(Schema::new_with_metadata(self.fields, metadata))
        };
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(schema, self.columns, &options)
    }
}

/// The type of a frame's column.
fn type_of(column: &ArrayRef) -> Result<ColumnType, ArrowError> {
    ColumnType::of(column.data_type())
        .ok_or_else(|| ArrowError::SchemaError(format!("a frame holds no {}", column.data_type())))
}
