//! The attributes of plans as columns of their frame.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, RecordBatch,
};
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
    if plans.values().is_empty() {
        return Ok(rows.clone());
    }
    let known = known_of(plans, extract);
    // The figures side by side: rows are gone through once for each attribute.
    let figures: Vec<Option<Figures>> = known.iter().map(|known| Figures::of(known.as_deref()?)).collect();
    let mut columns = rows.columns().to_vec();
    let mut fields: Vec<_> = rows.schema_ref().fields().iter().cloned().collect();
    if let (Some(column), Some(field)) = (columns.get_mut(at), fields.get_mut(at)) {
        *column = cleaned(plans, &known)?;
        *field = Arc::new(field.as_ref().clone().with_nullable(true));
    }
    for name in &wanted.attributes {
        let (kind, values) = values(name, plans.keys(), &known, &figures)?;
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
    of_plans(plans.keys(), known, |known| known.plan.as_deref())
}

/// A text of each plan, for all rows that have the plan. An empty text is none.
fn of_plans<'a>(
    keys: &Int32Array,
    known: &'a [Option<Arc<Known>>],
    text: impl Fn(&'a Known) -> Option<&'a str>,
) -> Result<ArrayRef, ArrowError> {
    let texts = || {
        let texts = known.iter().map(|known| text(known.as_deref()?));
        texts.map(Option::unwrap_or_default)
    };
    // All of it at once: plans are large, and to grow would copy them.
    let mut values = StringBuilder::with_capacity(known.len(), texts().map(str::len).sum());
    let mut is_there = Vec::with_capacity(known.len());
    for text in texts() {
        values.append_value(text);
        is_there.push(!text.is_empty());
    }
    let is_there = |key: &i32| usize::try_from(*key).is_ok_and(|at| is_there.get(at) == Some(&true));
    let keys: Int32Array = keys.iter().map(|key| key.filter(is_there)).collect();
    Ok(Arc::new(DictionaryArray::try_new(
        keys,
        Arc::new(values.finish()),
    )?))
}

/// The figures of a plan that was read.
#[derive(Clone, Copy)]
struct Figures {
    total_cost: Option<f64>,
    execution_ms: Option<f64>,
    complexity: f64,
    has_sequential_scan: bool,
    has_nested_loop: bool,
    index_scans: i64,
    table_accesses: i64,
}

impl Figures {
    fn of(known: &Known) -> Option<Self> {
        known.plan.as_ref()?;
        Some(Self {
            total_cost: known.total_cost,
            execution_ms: known.execution_ms,
            complexity: known.complexity,
            has_sequential_scan: known.has_sequential_scan,
            has_nested_loop: known.has_nested_loop,
            index_scans: known.index_scans,
            table_accesses: known.table_accesses,
        })
    }
}

/// One attribute of all rows.
fn values(
    name: &str,
    keys: &Int32Array,
    known: &[Option<Arc<Known>>],
    figures: &[Option<Figures>],
) -> Result<(ColumnType, ArrayRef), ArrowError> {
    let rows = keys
        .iter()
        .map(|key| figures.get(usize::try_from(key?).ok()?)?.as_ref());
    let column = match name {
        "total_cost" => doubles(rows, |figures| figures.total_cost),
        "execution_time" => doubles(rows, |figures| figures.execution_ms),
        "plan_complexity_score" => doubles(rows, |figures| Some(figures.complexity)),
        "has_sequential_scan" => flags(rows, |figures| figures.has_sequential_scan),
        "has_nested_loop" => flags(rows, |figures| figures.has_nested_loop),
        "index_scan_count" => ints(rows, |figures| figures.index_scans),
        "table_access_count" => ints(rows, |figures| figures.table_accesses),
        "plan_fingerprint" => (
            ColumnType::Text,
            of_plans(keys, known, |known| read(known, &known.fingerprint))?,
        ),
        _ => (ColumnType::Text, remarks(keys, known)?),
    };
    Ok(column)
}

/// What is to be remarked on, for all rows. Many plans have the same remarks: each is there once.
fn remarks(keys: &Int32Array, known: &[Option<Arc<Known>>]) -> Result<ArrayRef, ArrowError> {
    let (mut places, mut values) = (HashMap::new(), StringBuilder::new());
    let mut of_plans: Vec<Option<i32>> = Vec::with_capacity(known.len());
    for known in known {
        let text = known.as_deref().and_then(|known| read(known, &known.insights));
        let next = i32::try_from(places.len()).unwrap_or(i32::MAX);
        let place = text
            .filter(|text| !text.is_empty())
            .map(|text| *places.entry(text).or_insert(next));
        if let (Some(text), true) = (text, place == Some(next)) {
            values.append_value(text);
        }
        of_plans.push(place);
    }
    let keys: Int32Array = keys
        .iter()
        .map(|key| *of_plans.get(usize::try_from(key?).ok()?)?)
        .collect();
    Ok(Arc::new(DictionaryArray::try_new(
        keys,
        Arc::new(values.finish()),
    )?))
}

/// What is said of a plan, if it could be read.
fn read<'a>(known: &Known, text: &'a str) -> Option<&'a str> {
    known.plan.is_some().then_some(text)
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
