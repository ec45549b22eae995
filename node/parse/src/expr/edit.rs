//! Editors at work on the columns of a frame.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_buffer::BooleanBuffer;

use super::ast::{Expr, Key};
use super::blend::{blend, only, retexted};
use super::datum::Datum;
use super::eval::entries;
use super::path::PathRef;
use super::rewrite::{Pass, Rewrite, rewritten};
use super::statement::{Edit, Strategy, Which};
use super::table::Table;
use super::vector::Vector;
use super::{EvalError, Faults};

/// How many keys of a map become attributes.
const MERGED_KEYS: usize = 128;

/// How the values of an expression come about.
pub(super) type Values<'v> = &'v dyn Fn(&Table<'_>, &Expr, &mut Faults) -> Result<Vector, EvalError>;

/// Carries out `edit` in the rows of `mask`.
pub(super) fn edit(
    edit: &Edit,
    table: &mut Table<'_>,
    mask: &BooleanBuffer,
    values: Values<'_>,
    faults: &mut Faults,
) -> Result<(), EvalError> {
    match edit {
        Edit::Set { target, value } => {
            let value = values(table, value, faults)?;
            if value.is_nested() {
                faults.note(|| format!("no column holds a list or map, so `{target}` is not set to one"));
            }
            set(table, target, mask, &value)
        }
        Edit::Delete { which, .. } => delete(which, table, mask),
        Edit::Limit { limit, priority, .. } => keep_few(*limit, priority, table, mask),
        Edit::RewriteKeys { rewrite, .. } => rename(rewrite, table, mask, faults),
        Edit::Merge { source, strategy, .. } => {
            let source = values(table, source, faults)?;
            merge(&source, *strategy, table, mask, faults)
        }
        // these have a pass, which remembers texts
        Edit::Rewrite { .. } | Edit::RewriteValues { .. } => Ok(()),
    }
}

fn set(table: &mut Table<'_>, path: &PathRef, mask: &BooleanBuffer, value: &Vector) -> Result<(), EvalError> {
    let take = match value.present(table.rows()) {
        Some(present) => mask & &present,
        None => mask.clone(),
    };
    if let Some(column) = value.to_column(table.rows())?.filter(|_| take.has_true()) {
        table.set(path, &take, column)?;
    }
    Ok(())
}

fn is_all(mask: &BooleanBuffer) -> bool {
    mask.count_set_bits() == mask.len()
}

/// Rewrites the texts of one path in the rows of `mask`.
pub(super) fn rewrite(
    path: &PathRef,
    table: &mut Table<'_>,
    mask: &BooleanBuffer,
    pass: &mut Pass,
) -> Result<(), EvalError> {
    let column = table.find(path).and_then(|at| table.column(at)).cloned();
    if let Some(new) = column
        .map(|column| rewritten_column(&column, mask, pass))
        .transpose()?
        .flatten()
    {
        table.put(path, new)?;
    }
    Ok(())
}

/// Rewrites the texts of all attributes in the rows of `mask`.
pub(super) fn rewrite_all(
    table: &mut Table<'_>,
    mask: &BooleanBuffer,
    pass: &mut Pass,
) -> Result<(), EvalError> {
    for (_, at) in table.attributes() {
        let column = table.column(at).cloned();
        if let Some(new) = column
            .map(|column| rewritten_column(&column, mask, pass))
            .transpose()?
            .flatten()
        {
            table.replace(at, new);
        }
    }
    Ok(())
}

fn rewritten_column(
    column: &ArrayRef,
    mask: &BooleanBuffer,
    pass: &mut Pass,
) -> Result<Option<ArrayRef>, EvalError> {
    let new = retexted(column, |keys, texts| pass.texts(keys, texts))?;
    match new {
        Some(new) if !is_all(mask) => Ok(Some(blend(mask, &new, column)?)),
        new => Ok(new),
    }
}

fn delete(which: &Which, table: &mut Table<'_>, mask: &BooleanBuffer) -> Result<(), EvalError> {
    let mut chosen: Vec<usize> = match which {
        Which::Key(key) => {
            let path = PathRef::Attribute(Arc::clone(key));
            if is_all(mask) {
                table.delete(&path);
                return Ok(());
            }
            table.find(&path).into_iter().collect()
        }
        which => {
            let attributes = table.attributes().into_iter();
            attributes
                .filter(|(key, _)| which.is(key))
                .map(|(_, at)| at)
                .collect()
        }
    };
    chosen.dedup();
    for at in chosen.into_iter().rev() {
        clear(table, at, mask)?;
    }
    Ok(())
}

/// Takes away the values of `mask`; all of them with their column.
fn clear(table: &mut Table<'_>, at: usize, mask: &BooleanBuffer) -> Result<(), EvalError> {
    if is_all(mask) {
        table.remove(at);
    } else if let Some(column) = table.column(at) {
        let left = only(&!mask, column)?;
        table.replace(at, left);
    }
    Ok(())
}

fn keep_few(
    limit: usize,
    priority: &[Arc<str>],
    table: &mut Table<'_>,
    mask: &BooleanBuffer,
) -> Result<(), EvalError> {
    let mut attributes = table.attributes();
    attributes.sort_by_key(|(key, _)| !priority.contains(key));
    let mut counts = vec![0_usize; table.rows()];
    let mut surplus = Vec::new();
    for (_, at) in attributes {
        let Some(column) = table.column(at) else { continue };
        let values = Vector::of(column)?;
        let mut over = |row: usize| {
            let Some(count) = counts.get_mut(row).filter(|_| values.is_present(row)) else {
                return false;
            };
            *count += 1;
            *count > limit && mask.value(row)
        };
        let gone = BooleanBuffer::collect_bool(column.len(), &mut over);
        if gone.has_true() {
            surplus.push((at, gone));
        }
    }
    surplus.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    for (at, gone) in surplus {
        clear(table, at, &gone)?;
    }
    Ok(())
}

fn rename(
    rewrite: &Rewrite,
    table: &mut Table<'_>,
    mask: &BooleanBuffer,
    faults: &mut Faults,
) -> Result<(), EvalError> {
    if !is_all(mask) {
        faults.note(|| "a key is one for all rows of a frame, of which some were left out".into());
        return Ok(());
    }
    let rewrites = std::slice::from_ref(rewrite);
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for (key, at) in table.attributes() {
        if let (Some(name), Some(column)) = (rewritten(rewrites, &key), table.column(at)) {
            new.push((name, Arc::clone(column)));
            old.push(at);
        }
    }
    old.dedup();
    for at in old.into_iter().rev() {
        table.remove(at);
    }
    for (name, column) in new {
        let path = PathRef::Attribute(name);
        match table.find(&path) {
            Some(at) => table.replace(at, column),
            None => table.add_attribute(path.column_name(), column)?,
        }
    }
    Ok(())
}

fn merge(
    source: &Vector,
    strategy: Strategy,
    table: &mut Table<'_>,
    mask: &BooleanBuffer,
    faults: &mut Faults,
) -> Result<(), EvalError> {
    let rows = table.rows();
    for key in keys_of(source, faults) {
        // that a value is no map has been noted with its keys
        let value = entries(source, &Key::Text(Arc::clone(&key)), &mut Faults::default());
        if value.is_nested() {
            faults.note(|| "a map holds lists or maps, which no column can hold".into());
        }
        let path = PathRef::Attribute(key);
        let old = table
            .find(&path)
            .and_then(|at| table.column(at))
            .map(Vector::of)
            .transpose()?;
        let is_there = |row: usize| old.as_ref().is_some_and(|old| old.is_present(row));
        let take = match strategy {
            Strategy::Upsert => mask.clone(),
            Strategy::Insert => mask & &BooleanBuffer::collect_bool(rows, |row| !is_there(row)),
            Strategy::Update => mask & &BooleanBuffer::collect_bool(rows, is_there),
        };
        set(table, &path, &take, &value)?;
    }
    Ok(())
}

/// The keys of all maps, in order.
fn keys_of(source: &Vector, faults: &mut Faults) -> Vec<Arc<str>> {
    let mut keys: Vec<Arc<str>> = Vec::new();
    let mut add = |datum: &Datum<'_>, faults: &mut Faults| match datum {
        Datum::Map(entries) => {
            for (key, _) in entries {
                if keys.iter().any(|known| **known == **key) {
                    continue;
                }
                if keys.len() == MERGED_KEYS {
                    faults.note(|| format!("more than {MERGED_KEYS} keys were to be merged"));
                    return;
                }
                keys.push((&**key).into());
            }
        }
        Datum::Null => {}
        other => faults.note(|| format!("{} is no map", other.type_of().name())),
    };
    match source {
        Vector::Scalar(datum) => add(datum, faults),
        Vector::Any(_, values) => values.iter().for_each(|value| add(value, faults)),
        other => add(&other.cell(0), faults),
    }
    keys
}
