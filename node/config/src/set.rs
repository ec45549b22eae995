//! `--set key.path=value`.

use std::sync::Arc;

use crate::fault::{Fault, Place};
use crate::shape::{Field, Shape, Want};
use crate::tree::{Body, Entry, Key, Node};
use crate::yaml;

/// Applies the `order`th `--set`. The keys are found by the shape, since keys may hold dots themselves.
///
/// # Errors
/// When it has no `=`, its value is not YAML, or an index is outside of its list.
pub(crate) fn apply(root: &mut Node, want: &Want, order: usize, argument: &str) -> Result<(), Fault> {
    let (path, value) = argument.split_once('=').unwrap_or((argument, ""));
    let complete = path.len() < argument.len() && !path.is_empty();
    let shown = if complete { path } else { "KEY" };
    let place = Place::Set {
        order,
        path: Arc::from(shown),
    };
    if !complete {
        return Err(Fault {
            place,
            message: "not `key.path=value`".into(),
        });
    }
    let value = yaml::parse_value(&place, value, false)?;
    put(root, &keys(path, want), value, &place)
}

/// The keys of a dotted path.
fn keys(path: &str, want: &Want) -> Vec<String> {
    let segments: Vec<&str> = path.split('.').collect();
    let mut keys = Vec::new();
    let mut rest = segments.as_slice();
    let mut shape = Some(&want.shape);
    while let Some(first) = rest.first() {
        let take = shape.map_or(1, |shape| width(shape, rest));
        let key = rest[..take].join(".");
        shape = match shape {
            Some(Shape::Map(fields)) => named(fields, first),
            Some(Shape::Components { types, .. }) => named(types, key.split('/').next().unwrap_or_default()),
            Some(Shape::Dict(dict)) => Some(&dict.value.shape),
            Some(Shape::List(item)) => Some(&item.shape),
            _ => None,
        };
        keys.push(key);
        rest = &rest[take..];
    }
    keys
}

fn named<'a>(fields: &'a [Field], name: &str) -> Option<&'a Shape> {
    fields
        .iter()
        .find(|field| field.name == name)
        .map(|field| &field.want.shape)
}

/// How many segments the next key takes. A free key goes on until a key that can follow it.
fn width(shape: &Shape, rest: &[&str]) -> usize {
    let followed_by = |fields: &[Field]| {
        let known = |segment: &&str| fields.iter().any(|field| field.name == **segment);
        rest.iter()
            .skip(1)
            .position(known)
            .map_or(rest.len(), |at| at + 1)
    };
    match shape {
        Shape::Components { types, .. } => {
            let kind = rest
                .first()
                .and_then(|first| first.split('/').next())
                .unwrap_or_default();
            match named(types, kind) {
                Some(Shape::Map(fields))
                    if rest.iter().skip(1).any(|s| fields.iter().any(|f| f.name == **s)) =>
                {
                    followed_by(fields)
                }
                _ => 1,
            }
        }
        Shape::Dict(dict) => match &dict.value.shape {
            Shape::Map(fields) => followed_by(fields),
            _ => rest.len(),
        },
        _ => 1,
    }
}

fn put(node: &mut Node, keys: &[String], value: Node, place: &Place) -> Result<(), Fault> {
    let Some((first, rest)) = keys.split_first() else {
        *node = value;
        return Ok(());
    };
    if let Body::List(items) = &mut node.body {
        let length = items.len();
        let index: Option<usize> = first.parse().ok().filter(|index| *index <= length);
        let Some(index) = index else {
            let message =
                format!("`{first}` is not an entry of the list, which has {length}; entries count from 0");
            return Err(Fault {
                place: place.clone(),
                message,
            });
        };
        if index == length {
            items.push(Node::empty(place.clone()));
        }
        return items
            .get_mut(index)
            .map_or(Ok(()), |item| put(item, rest, value, place));
    }
    if !matches!(node.body, Body::Map(_)) {
        *node = Node::empty(place.clone());
    }
    let Body::Map(entries) = &mut node.body else {
        return Ok(());
    };
    let index = entries
        .iter()
        .position(|entry| entry.key.name == *first)
        .unwrap_or_else(|| {
            let key = Key {
                name: first.clone(),
                shown: first.clone(),
                place: place.clone(),
            };
            entries.push(Entry {
                key,
                value: Node::empty(place.clone()),
            });
            entries.len() - 1
        });
    entries.get_mut(index).map_or(Ok(()), |entry| {
        if rest.is_empty() {
            entry.key.place = place.clone();
        }
        put(&mut entry.value, rest, value, place)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape;

    #[test]
    fn dots_in_free_keys_are_told_from_those_between_keys() {
        for (path, expected) in [
            ("cluster.name", "cluster|name"),
            (
                "receivers.postgresql/a.metrics.postgresql.backends.enabled",
                "receivers|postgresql/a|metrics|postgresql.backends|enabled",
            ),
            (
                "receivers.postgresql/eu.west.username",
                "receivers|postgresql/eu.west|username",
            ),
            (
                "receivers.postgresql.targets.0.labels.a.b",
                "receivers|postgresql|targets|0|labels|a.b",
            ),
            (
                "exporters.otlp.headers.x-api.key",
                "exporters|otlp|headers|x-api.key",
            ),
            (
                "service.pipelines.metrics/a.b.receivers",
                "service|pipelines|metrics/a.b|receivers",
            ),
            ("receivers.postgresql.nope", "receivers|postgresql|nope"),
            ("nope.nor.this", "nope|nor|this"),
        ] {
            assert_eq!(keys(path, &shape::settings()).join("|"), expected, "{path}");
        }
    }
}
