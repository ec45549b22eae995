//! Converters of lists, maps and values of any type.

use std::borrow::Cow;

use crate::expr::datum::{Comparison, Datum, Type};

type Answer<'a> = Result<Datum<'a>, &'static str>;

pub(super) fn coalesce<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    let values = match arguments {
        [Datum::List(items)] => items,
        values => values,
    };
    let present = values.iter().find(|value| **value != Datum::Null);
    Ok(present.cloned().unwrap_or(Datum::Null))
}

pub(super) fn len<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    Ok(Datum::count(match arguments.first() {
        Some(Datum::Text(text)) => text.chars().count(),
        Some(Datum::List(items)) => items.len(),
        Some(Datum::Map(entries)) => entries.len(),
        _ => return Err("a text, list or map was needed"),
    }))
}

fn position(items: &[Datum<'_>], item: &Datum<'_>) -> Option<usize> {
    items
        .iter()
        .position(|other| other.compare(Comparison::Equal, item) == Some(true))
}

pub(super) fn index<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    let found = match arguments {
        [Datum::Text(text), Datum::Text(part)] => text
            .find(&**part)
            .map(|at| text.get(..at).unwrap_or_default().chars().count()),
        [Datum::List(items), item] => position(items, item),
        _ => return Err("a text and a text, or a list and a value, were needed"),
    };
    Ok(found.map_or(Datum::Int(-1), Datum::count))
}

pub(super) fn contains_value<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    match arguments {
        [Datum::List(items), item] => Ok(Datum::Bool(position(items, item).is_some())),
        _ => Err("a list was needed"),
    }
}

fn is<'a>(arguments: &[Datum<'a>], kind: Type) -> Answer<'a> {
    Ok(Datum::Bool(
        arguments.first().is_some_and(|value| value.type_of() == kind),
    ))
}

pub(super) fn is_bool<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    is(arguments, Type::Bool)
}

pub(super) fn is_double<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    is(arguments, Type::Double)
}

pub(super) fn is_int<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    is(arguments, Type::Int)
}

pub(super) fn is_list<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    is(arguments, Type::List)
}

pub(super) fn is_map<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    is(arguments, Type::Map)
}

pub(super) fn is_string<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    is(arguments, Type::Text)
}

pub(super) fn parse_json<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    let Some(Datum::Text(text)) = arguments.first() else {
        return Err("a JSON text was needed");
    };
    // serde_json itself stops at a depth of 128
    let json = serde_json::from_str(text).map_err(|_| "the text is no JSON")?;
    Ok(of_json(json))
}

fn of_json(json: serde_json::Value) -> Datum<'static> {
    use serde_json::Value;
    match json {
        Value::Null => Datum::Null,
        Value::Bool(b) => Datum::Bool(b),
        Value::Number(number) => match number.as_i64() {
            Some(n) => Datum::Int(n),
            None => number.as_f64().map_or(Datum::Null, Datum::Double),
        },
        Value::String(text) => Datum::text(text),
        Value::Array(items) => Datum::List(items.into_iter().map(of_json).collect()),
        Value::Object(entries) => {
            let entries = entries
                .into_iter()
                .map(|(key, value)| (Cow::Owned(key), of_json(value)));
            Datum::Map(entries.collect())
        }
    }
}
