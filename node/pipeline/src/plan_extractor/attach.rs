//! The attributes of plans as columns of their frame.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, RecordBatch,
};
use arrow_schema::{ArrowError, DataType, Schema};
use ringwatch_config::settings::{PLAN_ATTRIBUTES, PlanExtractor as Settings};
use ringwatch_frame::ColumnType;

use super::pool::{Figures, Placed, Pool};

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

/// `rows` with the attributes of the plans in the column at `at`. `extract` is given each distinct text once, and
/// says in which pool they are and where.
pub(super) fn attach(
    rows: &RecordBatch,
    at: usize,
    wanted: &Wanted,
    extract: impl FnOnce(&[&str]) -> (Arc<Pool>, Vec<Placed>),
) -> Result<RecordBatch, ArrowError> {
    let Some(plans) = rows.column(at).as_dictionary_opt::<Int32Type>() else {
        return Ok(rows.clone());
    };
    if plans.values().is_empty() {
        return Ok(rows.clone());
    }
    let (pool, keys) = pooled(plans, extract);
    let mut columns = rows.columns().to_vec();
    let mut fields: Vec<_> = rows.schema_ref().fields().iter().cloned().collect();
    if let (Some(column), Some(field)) = (columns.get_mut(at), fields.get_mut(at)) {
        *column = dictionary(&keys, &pool.plans)?;
        *field = Arc::new(field.as_ref().clone().with_nullable(true));
    }
    for name in &wanted.attributes {
        let (kind, values) = values(name, &keys, &pool)?;
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

/// The pool that has the plans of the rows, and for each row the place of its plan; null where it has none that
/// could be read.
fn pooled(
    plans: &DictionaryArray<Int32Type>,
    extract: impl FnOnce(&[&str]) -> (Arc<Pool>, Vec<Placed>),
) -> (Arc<Pool>, Int32Array) {
    let texts = plans.values().as_string::<i32>();
    let mut is_used = vec![false; texts.len()];
    for key in plans.keys().iter().flatten() {
        if let Some(used) = usize::try_from(key).ok().and_then(|at| is_used.get_mut(at)) {
            *used = true;
        }
    }
    let is_plan = |at: &usize| {
        is_used.get(*at) == Some(&true) && texts.is_valid(*at) && !texts.value(*at).trim_start().is_empty()
    };
    let used: Vec<usize> = (0..texts.len()).filter(is_plan).collect();
    let plan_texts: Vec<&str> = used.iter().map(|at| texts.value(*at)).collect();
    let (pool, placed) = extract(&plan_texts);
    let mut places = vec![None; texts.len()];
    for (at, place) in used.into_iter().zip(placed) {
        places[at] = place.ok();
    }
    let place = |key: Option<i32>| *places.get(usize::try_from(key?).ok()?)?;
    (pool, plans.keys().iter().map(place).collect())
}

fn dictionary(keys: &Int32Array, values: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let column = DictionaryArray::<Int32Type>::try_new(keys.clone(), Arc::clone(values))?;
    Ok(Arc::new(column))
}

/// One attribute of all rows.
fn values(name: &str, keys: &Int32Array, pool: &Pool) -> Result<Column, ArrowError> {
    let rows = keys
        .iter()
        .map(|key| pool.figures.get(usize::try_from(key?).ok()?));
    let column = match name {
        "total_cost" => doubles(rows, |figures| figures.total_cost),
        "execution_time" => doubles(rows, |figures| figures.execution_ms),
        "plan_complexity_score" => doubles(rows, |figures| Some(figures.complexity)),
        "has_sequential_scan" => flags(rows, |figures| figures.has_sequential_scan),
        "has_nested_loop" => flags(rows, |figures| figures.has_nested_loop),
        "index_scan_count" => ints(rows, |figures| figures.index_scans),
        "table_access_count" => ints(rows, |figures| figures.table_accesses),
        "plan_fingerprint" => (ColumnType::Text, dictionary(keys, &pool.fingerprints)?),
        _ => {
            let remark = |key: Option<i32>| *pool.remark_of.get(usize::try_from(key?).ok()?)?;
            let remarks: Int32Array = keys.iter().map(remark).collect();
            (ColumnType::Text, dictionary(&remarks, &pool.remarks)?)
        }
    };
    Ok(column)
}

type Column = (ColumnType, ArrayRef);

fn doubles<'a>(
    rows: impl Iterator<Item = Option<&'a Figures>>,
    value: impl Fn(&Figures) -> Option<f64>,
) -> Column {
    let column: Float64Array = rows.map(|figures| figures.and_then(&value)).collect();
    (ColumnType::Double, Arc::new(column))
}

fn ints<'a>(rows: impl Iterator<Item = Option<&'a Figures>>, value: impl Fn(&Figures) -> i64) -> Column {
    let column: Int64Array = rows.map(|figures| figures.map(&value)).collect();
    (ColumnType::Int, Arc::new(column))
}

fn flags<'a>(rows: impl Iterator<Item = Option<&'a Figures>>, value: impl Fn(&Figures) -> bool) -> Column {
    let column: BooleanArray = rows.map(|figures| figures.map(&value)).collect();
    (ColumnType::Bool, Arc::new(column))
}

/// `values` where `column` has none. Texts stay as they are.
fn or_else(column: &ArrayRef, values: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    if column.null_count() == 0 || matches!(column.data_type(), DataType::Dictionary(..)) {
        return Ok(Arc::clone(column));
    }
    let is_there = arrow_buffer::BooleanBuffer::collect_bool(column.len(), |row| column.is_valid(row));
    arrow_select::zip::zip(&arrow_array::BooleanArray::new(is_there, None), column, values)
}
