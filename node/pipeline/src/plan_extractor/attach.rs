//! The attributes of plans as columns of their frame.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringDictionaryBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Schema};
use ringwatch_config::settings::{PLAN_ATTRIBUTES, PlanExtractor as Settings};
use ringwatch_frame::ColumnType;

use super::cache::Known;

/// What is looked for, and what is made of it.
pub(super) struct Wanted {
    columns: Vec<String>,
    attributes: Vec<&'static str>,
}

impl Wanted {
    pub(super) fn new(settings: &Settings) -> Self {
        let named: HashSet<&str> = settings.derived_attributes.iter().map(String::as_str).collect();
        let is_wanted = |name: &&str| named.is_empty() || named.contains(name);
        Self {
            columns: settings.plan_columns.clone(),
            attributes: PLAN_ATTRIBUTES.into_iter().filter(is_wanted).collect(),
        }
    }

    /// The first column, in the order of the settings, that can hold plans.
    pub(super) fn plan_column(&self, schema: &Schema) -> Option<usize> {
        let text = ColumnType::Text.data_type();
        let found = |name: &String| {
            let (at, field) = schema.column_with_name(name)?;
            (*field.data_type() == text).then_some(at)
        };
        self.columns.iter().find_map(found)
    }
}

/// `rows` with the attributes of the plans in the column at `at`. `extract` is given each distinct text once.
pub(super) fn attach(
    rows: &RecordBatch,
    at: usize,
    wanted: &Wanted,
    extract: impl FnOnce(&[&str]) -> Vec<Arc<Known>>,
) -> Result<RecordBatch, ArrowError> {
    let Some(plans) = rows.column(at).as_dictionary_opt::<Int32Type>() else {
        return Ok(rows.clone());
    };
    let known = known_of(plans, extract);
    let of_rows = || {
        plans.keys().iter().map(|key| {
            let at = usize::try_from(key?).ok()?;
            known.get(at)?.as_deref()
        })
    };
    let mut columns = rows.columns().to_vec();
    let mut fields: Vec<_> = rows.schema_ref().fields().iter().cloned().collect();
    if let (Some(column), Some(field)) = (columns.get_mut(at), fields.get_mut(at)) {
        *column = cleaned(plans, &known)?;
        *field = Arc::new(field.as_ref().clone().with_nullable(true));
    }
    for name in &wanted.attributes {
        let (kind, values) = values(name, of_rows());
        let field = Arc::new(kind.attribute_field(name));
        match rows.schema_ref().index_of(name).ok() {
            // what the server itself says, such as the time in its log, is better than what stands in the plan
            Some(at)
                if columns
                    .get(at)
                    .is_some_and(|column| column.data_type() == values.data_type()) =>
            {
                columns[at] = or_else(&columns[at], &values)?;
                fields[at] = field;
            }
            // a column that means something else
            Some(_) => {}
            None => {
                fields.push(field);
                columns.push(values);
            }
        }
    }
    let schema = Schema::new_with_metadata(fields, rows.schema_ref().metadata().clone());
    RecordBatch::try_new(Arc::new(schema), columns)
}

/// What is known of each value of the dictionary that a row has.
fn known_of(
    plans: &DictionaryArray<Int32Type>,
    extract: impl FnOnce(&[&str]) -> Vec<Arc<Known>>,
) -> Vec<Option<Arc<Known>>> {
    let texts = plans.values().as_string::<i32>();
    let mut is_used = vec![false; texts.len()];
    for key in plans.keys().iter().flatten() {
        if let Some(used) = usize::try_from(key).ok().and_then(|at| is_used.get_mut(at)) {
            *used = true;
        }
    }
    let is_plan = |at: &usize| {
        is_used.get(*at) == Some(&true) && texts.is_valid(*at) && !texts.value(*at).trim().is_empty()
    };
    let used: Vec<usize> = (0..texts.len()).filter(is_plan).collect();
    let plans: Vec<&str> = used.iter().map(|at| texts.value(*at)).collect();
    let mut known = vec![None; texts.len()];
    for (at, plan) in used.into_iter().zip(extract(&plans)) {
        known[at] = Some(plan);
    }
    known
}

/// The column with plans that hold no literals; those that could not be read are null.
fn cleaned(plans: &DictionaryArray<Int32Type>, known: &[Option<Arc<Known>>]) -> Result<ArrayRef, ArrowError> {
    let plan = |known: &Option<Arc<Known>>| known.as_ref()?.plan.clone();
    let texts: Vec<Arc<str>> = known
        .iter()
        .map(|known| plan(known).unwrap_or_default())
        .collect();
    let is_there = |key: &i32| {
        let text = usize::try_from(*key).ok().and_then(|at| texts.get(at));
        text.is_some_and(|text| !text.is_empty())
    };
    let keys: Int32Array = plans.keys().iter().map(|key| key.filter(is_there)).collect();
    let texts = StringArray::from_iter_values(&texts);
    Ok(Arc::new(DictionaryArray::try_new(keys, Arc::new(texts))?))
}

/// One attribute of all rows.
fn values<'a>(name: &str, rows: impl Iterator<Item = Option<&'a Known>>) -> (ColumnType, ArrayRef) {
    let read = |known: Option<&'a Known>| known.filter(|known| known.plan.is_some());
    let rows = rows.map(read);
    match name {
        "total_cost" => doubles(rows, |known| known.total_cost),
        "execution_time" => doubles(rows, |known| known.execution_ms),
        "plan_complexity_score" => doubles(rows, |known| Some(known.complexity)),
        "has_sequential_scan" => flags(rows, |known| known.has_sequential_scan),
        "has_nested_loop" => flags(rows, |known| known.has_nested_loop),
        "index_scan_count" => ints(rows, |known| known.index_scans),
        "table_access_count" => ints(rows, |known| known.table_accesses),
        "plan_fingerprint" => texts(rows, |known| &known.fingerprint),
        _ => texts(rows, |known| &known.insights),
    }
}

type Column = (ColumnType, ArrayRef);

fn doubles<'a>(
    rows: impl Iterator<Item = Option<&'a Known>>,
    value: impl Fn(&Known) -> Option<f64>,
) -> Column {
    let mut column = Float64Builder::new();
    rows.for_each(|known| column.append_option(known.and_then(&value)));
    (ColumnType::Double, Arc::new(column.finish()))
}

fn ints<'a>(rows: impl Iterator<Item = Option<&'a Known>>, value: impl Fn(&Known) -> i64) -> Column {
    let mut column = Int64Builder::new();
    rows.for_each(|known| column.append_option(known.map(&value)));
    (ColumnType::Int, Arc::new(column.finish()))
}

fn flags<'a>(rows: impl Iterator<Item = Option<&'a Known>>, value: impl Fn(&Known) -> bool) -> Column {
    let mut column = BooleanBuilder::new();
    rows.for_each(|known| column.append_option(known.map(&value)));
    (ColumnType::Bool, Arc::new(column.finish()))
}

/// An empty text is none.
fn texts<'a>(rows: impl Iterator<Item = Option<&'a Known>>, value: impl Fn(&Known) -> &str) -> Column {
    let mut column = StringDictionaryBuilder::<Int32Type>::new();
    for known in rows {
        let text = known.map(&value).filter(|text| !text.is_empty());
        column.append_option(text);
    }
    (ColumnType::Text, Arc::new(column.finish()))
}

/// `values` where `column` has none. Texts stay as they are.
fn or_else(column: &ArrayRef, values: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    if column.null_count() == 0 || matches!(column.data_type(), DataType::Dictionary(..)) {
        return Ok(Arc::clone(column));
    }
    let is_there = arrow_buffer::BooleanBuffer::collect_bool(column.len(), |row| column.is_valid(row));
    arrow_select::zip::zip(&arrow_array::BooleanArray::new(is_there, None), column, values)
}
