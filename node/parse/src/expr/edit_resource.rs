//! Editors at work on the resource.

use ringwatch_frame::{Resource, Value};

use super::ast::Expr;
use super::datum::Datum;
use super::path::PathRef;
use super::rewrite::{Rewrite, rewritten};
use super::statement::{Edit, Strategy};
use super::{EvalError, Faults};

/// Carries out `edit`. `value` gives that of an expression, which depends on the resource alone.
pub(super) fn edit(
    edit: &Edit,
    resource: &mut Resource,
    value: impl FnOnce(&Resource, &Expr, &mut Faults) -> Result<Datum<'static>, EvalError>,
    faults: &mut Faults,
) -> Result<(), EvalError> {
    match edit {
        Edit::Set { target, value: expr } => {
            let value = value(resource, expr, faults)?;
            match (value.to_value(), value) {
                (Some(value), _) => resource.set(target.column_name(), value),
                (None, Datum::Null) => {}
                (None, _) => faults.note(|| format!("`{target}` cannot hold a list or map")),
            }
        }
        Edit::Rewrite { target, rewrite } => {
            if let PathRef::Resource(key) = target {
                rewrite_value(resource, key, rewrite);
            }
        }
        Edit::RewriteValues { rewrite, .. } => {
            for key in keys(resource) {
                rewrite_value(resource, &key, rewrite);
            }
        }
        Edit::RewriteKeys { rewrite, .. } => {
            for key in keys(resource) {
                if let Some(new) = rewritten(std::slice::from_ref(rewrite), &key)
                    && let Some(value) = resource.remove(&key)
                {
                    resource.set(&new, value);
                }
            }
        }
        Edit::Delete { which, .. } => {
            for key in keys(resource).iter().filter(|key| which.is(key)) {
                resource.remove(key);
            }
        }
        Edit::Limit { limit, priority, .. } => {
            let mut keys = keys(resource);
            keys.sort_by_key(|key| !priority.iter().any(|first| **first == **key));
            for key in keys.iter().skip(*limit) {
                resource.remove(key);
            }
        }
        Edit::Merge { source, strategy, .. } => {
            let source = value(resource, source, faults)?;
            merge(&source, *strategy, resource, faults);
        }
    }
    Ok(())
}

fn keys(resource: &Resource) -> Vec<String> {
    resource.iter().map(|(key, _)| key.to_owned()).collect()
}

fn rewrite_value(resource: &mut Resource, key: &str, rewrite: &Rewrite) {
    let new = match resource.get(key) {
        Some(Value::Text(text)) => rewritten(std::slice::from_ref(rewrite), text),
        _ => None,
    };
    if let Some(new) = new {
        resource.set(key, Value::Text(new));
    }
}

fn merge(source: &Datum<'_>, strategy: Strategy, resource: &mut Resource, faults: &mut Faults) {
    let entries = match source {
        Datum::Map(entries) => entries,
        Datum::Null => return,
        other => {
            faults.note(|| format!("{} is no map", other.type_of().name()));
            return;
        }
    };
    for (key, value) in entries {
        let is_there = resource.get(key).is_some();
        let fits = match strategy {
            Strategy::Insert => !is_there,
            Strategy::Update => is_there,
            Strategy::Upsert => true,
        };
        match value.to_value() {
            Some(value) if fits => resource.set(key, value),
            None if fits && *value != Datum::Null => {
                faults.note(|| "a map holds lists or maps, which a resource does not hold".into());
            }
            _ => {}
        }
    }
}
