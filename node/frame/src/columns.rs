//! Rows to columns: the one way in which a reading becomes a record batch.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::TimestampNanosecondBuilder;
use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringDictionaryBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};

/// Field metadata: what a column is to those who do not know the stream.
pub const ROLE_KEY: &str = "ringwatch.role";

/// What a column that a processor added is to exporters, without their knowing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// An attribute of every point and record of its row.
    Attribute,
    /// The body of its row's record.
    Body,
    /// The severity of its row's record, as text.
    SeverityText,
    /// The severity of its row's record, as OpenTelemetry numbers it.
    SeverityNumber,
}

impl Role {
    /// How field metadata name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attribute => "attribute",
            Self::Body => "body",
            Self::SeverityText => "severity_text",
            Self::SeverityNumber => "severity_number",
        }
    }
}

/// The role of a column that a processor added; `None` for columns as they were read.
pub fn role_of(field: &Field) -> Option<Role> {
    let role = field.metadata().get(ROLE_KEY)?;
    [
        Role::Attribute,
        Role::Body,
        Role::SeverityText,
        Role::SeverityNumber,
    ]
    .into_iter()
    .find(|known| known.as_str() == role)
}

/// Whether `field` was added by a processor as an attribute, so that exporters project it without knowing it.
pub fn is_attribute(field: &Field) -> bool {
    role_of(field) == Some(Role::Attribute)
}

/// What a column holds. There are no others in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// A whole number (`Int64`).
    Int,
    /// A number (`Float64`).
    Double,
    /// Text, dictionary-encoded (`Dictionary<Int32, Utf8>`), so that each distinct text is there once.
    Text,
    /// True or false (`Boolean`).
    Bool,
    /// An instant (`Timestamp(Nanosecond, UTC)`).
    Time,
}

impl ColumnType {
    /// The Arrow type.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Int => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Text => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
            Self::Bool => DataType::Boolean,
            Self::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        }
    }

    /// The column type of an Arrow type, if a frame can hold it.
    pub fn of(data_type: &DataType) -> Option<Self> {
        [Self::Int, Self::Double, Self::Text, Self::Bool, Self::Time]
            .into_iter()
            .find(|column| column.data_type() == *data_type)
    }

    /// A nullable field of this type, with no role.
    pub fn field(self, name: &str) -> Field {
        Field::new(name, self.data_type(), true)
    }

    /// A nullable field of this type that exporters project as an attribute.
    pub fn attribute_field(self, name: &str) -> Field {
        self.role_field(name, Role::Attribute)
    }

    /// A nullable field of this type with a role.
    pub fn role_field(self, name: &str, role: Role) -> Field {
        let role = HashMap::from([(ROLE_KEY.to_owned(), role.as_str().to_owned())]);
        self.field(name).with_metadata(role)
    }
}

/// One value on its way into a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Nothing there.
    Null,
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// Text.
    Text(&'a str),
    /// True or false.
    Bool(bool),
    /// Nanoseconds since the Unix epoch.
    Time(i64),
}

impl Cell<'_> {
    /// What it is, without its value.
    const fn kind(self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Int(_) => "a whole number",
            Self::Double(_) => "a number",
            Self::Text(_) => "text",
            Self::Bool(_) => "a flag",
            Self::Time(_) => "an instant",
        }
    }
}

/// Why rows could not become columns.
#[derive(Debug, thiserror::Error)]
pub enum ColumnsError {
    /// A value is not of its column's type.
    #[error("column `{column}` holds {expected:?}, but {found} came")]
    Type {
        /// The column.
        column: String,
        /// What it holds.
        expected: ColumnType,
        /// The kind of what came instead. The value itself may be a secret.
        found: &'static str,
    },
    /// A row has more or fewer values than there are columns.
    #[error("a row of {found} values came for {expected} columns")]
    Width {
        /// Number of columns.
        expected: usize,
        /// Number of values.
        found: usize,
    },
    /// Arrow refused the columns, as when there are more than 2^31 distinct texts.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
}

enum Builder {
    Int(Int64Builder),
    Double(Float64Builder),
    Text(StringDictionaryBuilder<Int32Type>),
    Bool(BooleanBuilder),
    Time(TimestampNanosecondBuilder),
}

impl Builder {
    fn new(column: ColumnType) -> Self {
        match column {
            ColumnType::Int => Self::Int(Int64Builder::new()),
            ColumnType::Double => Self::Double(Float64Builder::new()),
            ColumnType::Text => Self::Text(StringDictionaryBuilder::new()),
            ColumnType::Bool => Self::Bool(BooleanBuilder::new()),
            ColumnType::Time => Self::Time(TimestampNanosecondBuilder::new().with_timezone("UTC")),
        }
    }

    /// Takes the cell, or says that it does not fit. A whole number fits where a number is held.
    fn append(&mut self, cell: Cell<'_>) -> Result<bool, ArrowError> {
        match (self, cell) {
            (Self::Int(b), Cell::Null) => b.append_null(),
            (Self::Int(b), Cell::Int(v)) => b.append_value(v),
            (Self::Double(b), Cell::Null) => b.append_null(),
            (Self::Double(b), Cell::Double(v)) => b.append_value(v),
            #[expect(
                clippy::cast_precision_loss,
                reason = "a number column holds what a double can"
            )]
            (Self::Double(b), Cell::Int(v)) => b.append_value(v as f64),
            (Self::Text(b), Cell::Null) => b.append_null(),
            (Self::Text(b), Cell::Text(v)) => b.append(v).map(|_| ())?,
            (Self::Bool(b), Cell::Null) => b.append_null(),
            (Self::Bool(b), Cell::Bool(v)) => b.append_value(v),
            (Self::Time(b), Cell::Null) => b.append_null(),
            (Self::Time(b), Cell::Time(v)) => b.append_value(v),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Int(mut b) => Arc::new(b.finish()),
            Self::Double(mut b) => Arc::new(b.finish()),
            Self::Text(mut b) => Arc::new(b.finish()),
            Self::Bool(mut b) => Arc::new(b.finish()),
            Self::Time(mut b) => Arc::new(b.finish()),
        }
    }
}

/// Takes rows, gives columns.
pub struct Columns {
    schema: SchemaRef,
    types: Vec<ColumnType>,
    builders: Vec<Builder>,
}

impl Columns {
    /// Empty columns of these names and types.
    pub fn new<'a>(columns: impl IntoIterator<Item = (&'a str, ColumnType)>) -> Self {
        let (fields, types): (Vec<_>, Vec<_>) = columns
            .into_iter()
            .map(|(name, column)| (column.field(name), column))
            .unzip();
        Self {
            schema: Arc::new(Schema::new(fields)),
            builders: types.iter().map(|column| Builder::new(*column)).collect(),
            types,
        }
    }

    /// Adds one row.
    ///
    /// # Errors
    /// When the row does not fit the columns. The columns must not be used after an error.
    pub fn push(&mut self, row: &[Cell<'_>]) -> Result<(), ColumnsError> {
        if row.len() != self.builders.len() {
            return Err(ColumnsError::Width {
                expected: self.builders.len(),
                found: row.len(),
            });
        }
        for (at, (builder, cell)) in self.builders.iter_mut().zip(row).enumerate() {
            if !builder.append(*cell)? {
                return Err(ColumnsError::Type {
                    column: self.schema.field(at).name().clone(),
                    expected: self.types[at],
                    found: cell.kind(),
                });
            }
        }
        Ok(())
    }

    /// The columns as a record batch.
    ///
    /// # Errors
    /// When Arrow refuses them.
    pub fn finish(self) -> Result<RecordBatch, ColumnsError> {
        let arrays = self.builders.into_iter().map(Builder::finish).collect();
        Ok(RecordBatch::try_new(self.schema, arrays)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_does_not_fit_is_not_told() {
        let mut columns = Columns::new([("calls", ColumnType::Int)]);
        let refused = columns.push(&[Cell::Text("secret4711")]).unwrap_err();
        assert_eq!(refused.to_string(), "column `calls` holds Int, but text came");
    }
}
