//! The values of an expression for all rows of a frame.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampNanosecondType};
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampNanosecondArray,
};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{ArrowError, DataType, TimeUnit};

use super::datum::{Datum, Type};

/// A value for each row.
#[derive(Clone, Debug)]
pub(super) enum Vector {
    /// The same for every row.
    Scalar(Datum<'static>),
    Int(Int64Array),
    Double(Float64Array),
    Bool(BooleanArray),
    Time(TimestampNanosecondArray),
    /// Which text each row has, and the texts.
    Text(Int32Array, StringArray),
    /// Which value each row has, and the values: lists, maps, or values of several types.
    Any(Int32Array, Vec<Datum<'static>>),
}

impl Vector {
    /// The values of a frame's column.
    pub(super) fn of(column: &ArrayRef) -> Result<Self, ArrowError> {
        let wrong = || ArrowError::SchemaError(format!("a frame holds no {}", column.data_type()));
        Ok(match column.data_type() {
            DataType::Int64 => Self::Int(column.as_primitive::<Int64Type>().clone()),
            DataType::Float64 => Self::Double(column.as_primitive::<Float64Type>().clone()),
            DataType::Boolean => Self::Bool(column.as_boolean().clone()),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                Self::Time(column.as_primitive::<TimestampNanosecondType>().clone())
            }
            DataType::Dictionary(_, _) => {
                let dictionary = column.as_dictionary_opt::<Int32Type>().ok_or_else(wrong)?;
                let values = dictionary.values().as_string_opt::<i32>().ok_or_else(wrong)?;
                Self::Text(dictionary.keys().clone(), values.clone())
            }
            _ => return Err(wrong()),
        })
    }

    /// The type of its values, null where it holds no value at all.
    pub(super) fn type_of(&self) -> Type {
        match self {
            Self::Scalar(datum) => datum.type_of(),
            Self::Int(_) => Type::Int,
            Self::Double(_) => Type::Double,
            Self::Bool(_) => Type::Bool,
            Self::Time(_) => Type::Time,
            Self::Text(..) => Type::Text,
            Self::Any(..) => Type::Unknown,
        }
    }

    /// The value of a row; null where there is no such row.
    pub(super) fn cell(&self, row: usize) -> Datum<'_> {
        let cell = match self {
            Self::Scalar(datum) => Some(datum.borrowed()),
            Self::Int(values) => at(values, row).map(Datum::Int),
            Self::Double(values) => at(values, row).map(Datum::Double),
            Self::Time(values) => at(values, row).map(Datum::Time),
            Self::Bool(values) => {
                (row < values.len() && values.is_valid(row)).then(|| Datum::Bool(values.value(row)))
            }
            Self::Text(keys, values) => key_at(keys, row)
                .and_then(|key| text_at(values, key))
                .map(|text| Datum::Text(Cow::Borrowed(text))),
            Self::Any(keys, values) => key_at(keys, row)
                .and_then(|key| values.get(key))
                .map(Datum::borrowed),
        };
        cell.unwrap_or(Datum::Null)
    }

    /// Whether a row has a value.
    pub(super) fn is_present(&self, row: usize) -> bool {
        match self {
            Self::Scalar(datum) => *datum != Datum::Null,
            Self::Int(values) => values.is_valid(row),
            Self::Double(values) => values.is_valid(row),
            Self::Time(values) => values.is_valid(row),
            Self::Bool(values) => values.is_valid(row),
            Self::Text(keys, values) => key_at(keys, row).is_some_and(|key| text_at(values, key).is_some()),
            Self::Any(..) => self.cell(row) != Datum::Null,
        }
    }

    /// As a column; `None` where it holds lists, maps or nothing. Values of several types become text.
    pub(super) fn to_column(&self, rows: usize) -> Result<Option<ArrayRef>, ArrowError> {
        Ok(Some(match self {
            Self::Scalar(datum) => {
                let Some(column) = repeat(datum, rows)? else {
                    return Ok(None);
                };
                column
            }
            Self::Int(values) => Arc::new(values.clone()),
            Self::Double(values) => Arc::new(values.clone()),
            Self::Bool(values) => Arc::new(values.clone()),
            Self::Time(values) => Arc::new(values.clone()),
            Self::Text(keys, values) => text_column(keys.clone(), values.clone())?,
            Self::Any(keys, values) if are_numbers(values) => {
                Arc::new(spread::<_, Float64Array>(values, Some(keys), double_of))
            }
            Self::Any(keys, values) => {
                let texts = values.iter().map(|value| match value {
                    Datum::List(_) | Datum::Map(_) => None,
                    scalar => scalar.to_text(),
                });
                text_column(keys.clone(), texts.collect())?
            }
        }))
    }

    /// For which rows there is a value that a column can hold; `None` for all.
    pub(super) fn present(&self, rows: usize) -> Option<BooleanBuffer> {
        let bits = |nulls: Option<&NullBuffer>| nulls.map(|nulls| nulls.inner().clone());
        match self {
            Self::Scalar(Datum::Null | Datum::List(_) | Datum::Map(_)) => {
                Some(BooleanBuffer::new_unset(rows))
            }
            Self::Scalar(_) => None,
            Self::Int(values) => bits(values.nulls()),
            Self::Double(values) => bits(values.nulls()),
            Self::Bool(values) => bits(values.nulls()),
            Self::Time(values) => bits(values.nulls()),
            Self::Text(keys, values) if values.null_count() == 0 => bits(keys.nulls()),
            Self::Text(..) => Some(BooleanBuffer::collect_bool(rows, |row| self.is_present(row))),
            Self::Any(keys, values) => {
                let fits: Vec<bool> = values.iter().map(|value| value.to_value().is_some()).collect();
                let fits = |row| key_at(keys, row).and_then(|key| fits.get(key)) == Some(&true);
                Some(BooleanBuffer::collect_bool(rows, fits))
            }
        }
    }

    /// Whether lists or maps are among its values.
    pub(super) fn is_nested(&self) -> bool {
        let is_nested = |datum: &Datum<'_>| matches!(datum, Datum::List(_) | Datum::Map(_));
        match self {
            Self::Scalar(datum) => is_nested(datum),
            Self::Any(_, values) => values.iter().any(is_nested),
            _ => false,
        }
    }
}

impl Datum<'_> {
    /// The same value, not copied where it is text.
    pub(super) fn borrowed(&self) -> Datum<'_> {
        match self {
            Datum::Text(text) => Datum::Text(Cow::Borrowed(text)),
            other => other.clone(),
        }
    }
}

/// The values that `values` are, by `keys` if they are there, else one for each row. Values of one type
/// become a typed vector.
pub(super) fn gather(values: Vec<Datum<'_>>, keys: Option<&Int32Array>) -> Vector {
    match common_type(&values) {
        Type::Null => Vector::Scalar(Datum::Null),
        Type::Int => Vector::Int(spread(&values, keys, |v| match v {
            Datum::Int(n) => Some(*n),
            _ => None,
        })),
        Type::Time => {
            let times: TimestampNanosecondArray = spread(&values, keys, |v| match v {
                Datum::Time(t) => Some(*t),
                _ => None,
            });
            Vector::Time(times.with_timezone("UTC"))
        }
        Type::Double => Vector::Double(spread(&values, keys, double_of)),
        Type::Bool => Vector::Bool(spread(&values, keys, |v| match v {
            Datum::Bool(b) => Some(*b),
            _ => None,
        })),
        Type::Text => {
            let mut texts = TextColumn::with_capacity(values.len(), 0);
            for value in &values {
                texts.push(match value {
                    Datum::Text(text) => Some(text),
                    _ => None,
                });
            }
            Vector::Text(
                keys.map_or_else(|| counting(values.len()), Clone::clone),
                texts.finish(),
            )
        }
        _ => {
            let keys = keys.map_or_else(|| counting(values.len()), Clone::clone);
            Vector::Any(keys, values.into_iter().map(Datum::into_owned).collect())
        }
    }
}

/// Texts on their way into a column, which holds at most 2 GiB of them; what comes beyond is null.
pub(super) struct TextColumn {
    texts: StringBuilder,
    left: usize,
}

impl TextColumn {
    pub(super) fn with_capacity(count: usize, bytes: usize) -> Self {
        Self {
            texts: StringBuilder::with_capacity(count, bytes),
            left: i32::MAX.unsigned_abs() as usize,
        }
    }

    pub(super) fn push(&mut self, text: Option<&str>) {
        match text.filter(|text| text.len() <= self.left) {
            Some(text) => {
                self.left -= text.len();
                self.texts.append_value(text);
            }
            None => self.texts.append_null(),
        }
    }

    pub(super) fn finish(mut self) -> StringArray {
        self.texts.finish()
    }
}

/// The one type of all values that are not null, `Unknown` where there are several.
fn common_type(values: &[Datum<'_>]) -> Type {
    let types = values
        .iter()
        .map(Datum::type_of)
        .filter(|kind| *kind != Type::Null);
    types
        .reduce(|a, b| match (a, b) {
            (a, b) if a == b => a,
            _ => Type::Unknown,
        })
        .unwrap_or(Type::Null)
}

/// Whether all values are numbers, of one kind or both.
fn are_numbers(values: &[Datum<'_>]) -> bool {
    values
        .iter()
        .all(|value| value.type_of().is_number() || *value == Datum::Null)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "whole numbers among numbers are numbers"
)]
fn double_of(value: &Datum<'_>) -> Option<f64> {
    match value {
        Datum::Double(n) => Some(*n),
        Datum::Int(n) => Some(*n as f64),
        _ => None,
    }
}

fn spread<'v, T, C: FromIterator<Option<T>>>(
    values: &'v [Datum<'v>],
    keys: Option<&Int32Array>,
    of: impl Fn(&Datum<'v>) -> Option<T>,
) -> C {
    match keys {
        None => values.iter().map(of).collect(),
        Some(keys) => (0..keys.len())
            .map(|row| key_at(keys, row).and_then(|key| values.get(key)).and_then(&of))
            .collect(),
    }
}

/// 0, 1, 2 and so on.
fn counting(rows: usize) -> Int32Array {
    (0..i32::try_from(rows).unwrap_or(i32::MAX))
        .collect::<Vec<_>>()
        .into()
}

/// A column with `datum` in every row; `None` where no column holds it.
pub(super) fn repeat(datum: &Datum<'_>, rows: usize) -> Result<Option<ArrayRef>, ArrowError> {
    Ok(Some(match datum {
        Datum::Null | Datum::List(_) | Datum::Map(_) => return Ok(None),
        Datum::Int(n) => Arc::new(Int64Array::from_value(*n, rows)),
        Datum::Double(n) => Arc::new(Float64Array::from_value(*n, rows)),
        Datum::Time(t) => Arc::new(TimestampNanosecondArray::from_value(*t, rows).with_timezone("UTC")),
        Datum::Bool(b) => Arc::new(BooleanArray::from(vec![*b; rows])),
        Datum::Text(text) => text_column(
            Int32Array::from_value(0, rows),
            StringArray::from_iter_values([text]),
        )?,
    }))
}

/// A text column of these keys and texts.
pub(super) fn text_column(keys: Int32Array, values: StringArray) -> Result<ArrayRef, ArrowError> {
    Ok(Arc::new(DictionaryArray::try_new(keys, Arc::new(values))?))
}

fn at<T: arrow_array::ArrowPrimitiveType>(
    values: &arrow_array::PrimitiveArray<T>,
    row: usize,
) -> Option<T::Native> {
    (row < values.len() && values.is_valid(row)).then(|| values.value(row))
}

/// Which value a row has.
pub(super) fn key_at(keys: &Int32Array, row: usize) -> Option<usize> {
    at(keys, row).and_then(|key| usize::try_from(key).ok())
}

/// The text with this key.
pub(super) fn text_at(values: &StringArray, key: usize) -> Option<&str> {
    (key < values.len() && values.is_valid(key)).then(|| values.value(key))
}
