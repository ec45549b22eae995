//! A configuration as text with places, before it has types.

use std::collections::HashMap;

use crate::fault::Place;

/// A value of the file.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Where it begins.
    pub(crate) place: Place,
    pub(crate) body: Body,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Scalar(Text),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A scalar as it was written, since only the schema knows whether `12345` is a number or a password.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) text: String,
    /// Written without quotes, so that it may be a number, a boolean or null.
    pub(crate) plain: bool,
    /// Came out of a substitution, so that a `$` in it means nothing and it is never quoted.
    pub(crate) substituted: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) value: Node,
}

#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// The key after substitution.
    pub(crate) name: String,
    /// The key as it was written, for messages.
    pub(crate) shown: String,
    pub(crate) place: Place,
}

impl Node {
    /// An empty map.
    pub(crate) fn empty(place: Place) -> Self {
        Self {
            place,
            body: Body::Map(Vec::new()),
        }
    }

    /// Whether it is null, as in `key:` with nothing behind it.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.body, Body::Scalar(text) if text.plain && plain(&text.text) == Plain::Null)
    }

    /// The value under a key, if this is a map that has it.
    pub(crate) fn get(&self, name: &str) -> Option<&Entry> {
        match &self.body {
            Body::Map(entries) => entries.iter().find(|entry| entry.key.name == name),
            _ => None,
        }
    }

    /// Where to point for a fault of this value: at a scalar itself, else at the key `at` that holds it.
    pub(crate) fn spot<'a>(&'a self, at: &'a Place) -> &'a Place {
        if matches!(self.body, Body::Scalar(_)) && !self.is_null() {
            &self.place
        } else {
            at
        }
    }

    /// The scalar that `path` leads to, if it leads to one. A text in place of a map is the first of a list in
    /// it, so two steps may be left.
    pub(crate) fn text_at(&self, path: &[String]) -> Option<&Text> {
        let mut node = self;
        let mut steps = path.iter();
        while let Some(step) = steps.next() {
            node = match &node.body {
                Body::List(items) => step.parse().ok().and_then(|index: usize| items.get(index))?,
                Body::Scalar(_) if steps.as_slice() == ["0"] => break,
                _ => &node.get(step)?.value,
            };
        }
        match &node.body {
            Body::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// Lays `over` on this: maps merge, lists and scalars replace.
    pub(crate) fn merge(&mut self, over: Self) {
        match (&mut self.body, over.body) {
            (Body::Map(base), Body::Map(over)) => merge_entries(base, over),
            (_, body) => {
                *self = Self {
                    place: over.place,
                    body,
                }
            }
        }
    }

    /// The place of what `path` leads to, or of the nearest thing above it that stands in the file, and the keys
    /// on the way whose text came by substitution (what they became, as they were written).
    pub(crate) fn locate(&self, path: &[String]) -> (Place, Vec<(String, String)>) {
        let mut node = self;
        let mut at = &self.place;
        let mut written = Vec::new();
        for step in path {
            match &node.body {
                Body::List(items) => {
                    let Some(item) = step.parse().ok().and_then(|index: usize| items.get(index)) else {
                        break;
                    };
                    (node, at) = (item, &item.place);
                }
                _ => {
                    let Some(entry) = node.get(step) else { break };
                    if entry.key.name != entry.key.shown {
                        written.push((entry.key.name.clone(), entry.key.shown.clone()));
                    }
                    (node, at) = (&entry.value, &entry.key.place);
                }
            }
        }
        (node.spot(at).clone(), written)
    }
}

fn merge_entries(base: &mut Vec<Entry>, over: Vec<Entry>) {
    let index: HashMap<String, usize> = base
        .iter()
        .enumerate()
        .map(|(index, entry)| (entry.key.name.clone(), index))
        .collect();
    for entry in over {
        match index.get(&entry.key.name).and_then(|index| base.get_mut(*index)) {
            Some(old) if matches!((&old.value.body, &entry.value.body), (Body::Map(_), Body::Map(_))) => {
                old.value.merge(entry.value);
            }
            Some(old) => *old = entry,
            None => base.push(entry),
        }
    }
}

/// What a plain scalar is, by YAML's core schema.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Plain {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text,
}

/// Types a plain scalar.
pub(crate) fn plain(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Plain::Null,
        "true" | "True" | "TRUE" => Plain::Bool(true),
        "false" | "False" | "FALSE" => Plain::Bool(false),
        _ => number(text).unwrap_or(Plain::Text),
    }
}

fn number(text: &str) -> Option<Plain> {
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            let fits = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
            return if fits {
                i128::from_str_radix(digits, radix).ok().map(Plain::Int)
            } else {
                None
            };
        }
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    if let (true, Ok(whole)) = (digits.bytes().all(|c| c.is_ascii_digit()), text.parse()) {
        return Some(Plain::Int(whole));
    }
    let fits = digits
        .bytes()
        .all(|c| c.is_ascii_digit() || b".eE+-".contains(&c));
    let float: f64 = if fits { text.parse().ok()? } else { return None };
    float.is_finite().then_some(Plain::Float(float))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_have_the_types_of_the_core_schema() {
        for (text, expected) in [
            ("", Plain::Null),
            ("~", Plain::Null),
            ("true", Plain::Bool(true)),
            ("yes", Plain::Text),
            ("12", Plain::Int(12)),
            ("-12", Plain::Int(-12)),
            ("0x1F", Plain::Int(31)),
            ("0x+1", Plain::Text),
            ("1.5", Plain::Float(1.5)),
            ("1e3", Plain::Float(1000.0)),
            ("1e999", Plain::Text),
            ("inf", Plain::Text),
            (".", Plain::Text),
            ("1.2.3", Plain::Text),
            ("10s", Plain::Text),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
    }
}
