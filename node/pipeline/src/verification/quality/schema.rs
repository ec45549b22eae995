//! Whether a stream keeps its columns and their types.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array};
use arrow_schema::{Schema, SchemaRef};
use ringwatch_frame::{ColumnType, role_of};

use crate::verification::columns::Texts;

/// How many streams of targets are remembered.
const REMEMBERED: usize = 16_384;
/// After so many readings with other columns they are the columns.
pub(in super::super) const SETTLED: u32 = 3;
/// A whole number up to this is one in floating point too.
const EXACT: u64 = 1 << 53;

/// What is remembered of the columns of one stream of one target.
struct Known {
    schema: SchemaRef,
    /// The last that came, where it is another, and how often.
    other: Option<(SchemaRef, u32)>,
}

/// The columns of streams as they were first seen.
#[derive(Default)]
pub(in super::super) struct Schemas(HashMap<u64, Known>);

/// What is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Difference {
    /// Columns of another type: their place, name, and the type that they had.
    pub(in super::super) types: Vec<(usize, String, ColumnType)>,
    /// Columns that are gone.
    pub(in super::super) gone: Vec<String>,
    /// In how many readings one after the other they came like this.
    pub(in super::super) times: u32,
}

impl Schemas {
    /// What is other in `schema` than before. Further columns are no fault, and neither are those that
    /// processors add.
    pub(in super::super) fn differs(&mut self, key: u64, schema: &SchemaRef) -> Option<Difference> {
        if self.0.len() >= REMEMBERED && !self.0.contains_key(&key) {
            self.0.clear();
        }
        let known = self.0.entry(key).or_insert_with(|| Known {
            schema: Arc::clone(schema),
            other: None,
        });
        if Arc::ptr_eq(&known.schema, schema) {
            return None;
        }
        let (types, gone) = compare(&known.schema, schema);
        if types.is_empty() && gone.is_empty() {
            // Compared by address from now on.
            known.schema = Arc::clone(schema);
            known.other = None;
            return None;
        }
        let times = match &known.other {
            Some((other, times)) if Arc::ptr_eq(other, schema) || other == schema => times + 1,
            _ => 1,
        };
        known.other = Some((Arc::clone(schema), times));
        Some(Difference { types, gone, times })
    }

    /// Lets the columns that came last be those of the stream.
    pub(in super::super) fn accept(&mut self, key: u64) {
        if let Some(known) = self.0.get_mut(&key)
            && let Some((other, _)) = known.other.take()
        {
            known.schema = other;
        }
    }
}

type Compared = (Vec<(usize, String, ColumnType)>, Vec<String>);

fn compare(before: &Schema, now: &Schema) -> Compared {
    let (mut types, mut gone) = (Vec::new(), Vec::new());
    for field in before.fields().iter().filter(|field| role_of(field).is_none()) {
        let found = now
            .fields()
            .iter()
            .enumerate()
            .find(|(_, other)| other.name() == field.name());
        match (found, ColumnType::of(field.data_type())) {
            (None, _) => gone.push(field.name().clone()),
            (Some((at, other)), Some(was)) if other.data_type() != field.data_type() => {
                types.push((at, field.name().clone(), was));
            }
            _ => {}
        }
    }
    (types, gone)
}

/// The column as one of another type, where each of its values is one of that type exactly.
pub(in super::super) fn cast(column: &ArrayRef, to: ColumnType) -> Option<ArrayRef> {
    match to {
        ColumnType::Double => {
            let double: Option<Float64Array> = if let Some(ints) = column.as_primitive_opt::<Int64Type>() {
                let all = ints
                    .iter()
                    .map(|value| value.map_or(Some(None), |value| whole(value).map(Some)));
                all.collect::<Option<Vec<_>>>().map(Float64Array::from)
            } else {
                parsed(column).map(Float64Array::from)
            };
            double.map(|array| Arc::new(array) as ArrayRef)
        }
        ColumnType::Int => {
            let ints: Option<Int64Array> = if let Some(doubles) = column.as_primitive_opt::<Float64Type>() {
                let all = doubles
                    .iter()
                    .map(|value| value.map_or(Some(None), |value| int(value).map(Some)));
                all.collect::<Option<Vec<_>>>().map(Int64Array::from)
            } else {
                parsed(column).map(Int64Array::from)
            };
            ints.map(|array| Arc::new(array) as ArrayRef)
        }
        ColumnType::Text => ringwatch_parse::expr::texts_of(column).ok(),
        ColumnType::Bool | ColumnType::Time => None,
    }
}

/// The numbers that texts are, where all are some.
fn parsed<T: std::str::FromStr>(column: &ArrayRef) -> Option<Vec<Option<T>>> {
    let texts = Texts::of(column)?;
    let number = |text: Option<&str>| text.map_or(Some(None), |text| text.trim().parse().ok().map(Some));
    (0..column.len()).map(|row| number(texts.get(row))).collect()
}

#[expect(clippy::cast_precision_loss, reason = "it is exact up to the limit")]
fn whole(value: i64) -> Option<f64> {
    (value.unsigned_abs() <= EXACT).then_some(value as f64)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "it is a whole number within the limit"
)]
fn int(value: f64) -> Option<i64> {
    let is_whole = value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0;
    is_whole.then_some(value as i64)
}
