//! Walks a tree along the shape of the settings: collects every fault, and makes of the tree what serde reads.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::fault::{Fault, Place, advice, nearest, quote};
use crate::not_offered::not_offered;
use crate::settings::ComponentId;
use crate::shape::{Dict, Field, Format, Shape, Want};
use crate::substitute::{Expanded, Sources};
use crate::tree::{Body, Entry, Key, Node, Plain, Text};
use crate::typed::{Resolved, typed};
use crate::yaml;

/// A path of keys, as in [`crate::Complaint`].
pub(crate) type Path = Vec<String>;

/// More faults than these help nobody, and are not told.
const MOST_FAULTS: usize = 1000;

/// The walk, and what it found.
pub(crate) struct Walk<'a> {
    sources: &'a Sources<'a>,
    path: Path,
    pub(crate) faults: Vec<Fault>,
    /// Where something stands in for a faulty value. What else is found there is a consequence and is not told.
    pub(crate) broken: Vec<Path>,
    /// What came by substitution: the value, and how it was written.
    pub(crate) written: HashMap<Path, (String, String)>,
}

/// A value, the place of the key that holds it, and what it is called in a message.
#[derive(Clone, Copy)]
struct Slot<'n> {
    node: &'n Node,
    at: &'n Place,
    label: &'n str,
}

impl<'n> Slot<'n> {
    fn entry(entry: &'n Entry) -> Self {
        Self {
            node: &entry.value,
            at: &entry.key.place,
            label: &entry.key.shown,
        }
    }

    fn spot(&self) -> &'n Place {
        self.node.spot(self.at)
    }

    /// What it is called in a message; the file itself has no key.
    fn name(&self) -> String {
        if self.label.is_empty() {
            "the file".into()
        } else {
            quote(self.label)
        }
    }

    fn missing(&self, key: &str) -> String {
        let within = if self.label.is_empty() {
            String::new()
        } else {
            format!(" in {}", quote(self.label))
        };
        format!("missing key `{key}`{within}")
    }
}

impl<'a> Walk<'a> {
    /// A walk that takes substituted values from `sources`.
    pub(crate) fn new(sources: &'a Sources<'a>) -> Self {
        let (faults, broken, written) = (Vec::new(), Vec::new(), HashMap::new());
        Self {
            sources,
            path: Path::new(),
            faults,
            broken,
            written,
        }
    }

    /// The whole tree. Faulty values are left out, or stand-ins take their place where one is needed.
    pub(crate) fn root(&mut self, root: &Node, want: &Want) -> Value {
        let slot = Slot {
            node: root,
            at: &root.place,
            label: "",
        };
        self.value(slot, want).unwrap_or_else(|| want.shape.stand_in())
    }

    fn fault(&mut self, place: &Place, message: impl Into<String>) {
        self.broken.push(self.path.clone());
        let message = match self.faults.len() {
            0..MOST_FAULTS => message.into(),
            MOST_FAULTS => "further faults are not told; mend those first".into(),
            _ => return,
        };
        self.faults.push(Fault {
            place: place.clone(),
            message,
        });
    }

    fn inside<T>(&mut self, step: &str, work: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step.to_owned());
        let result = work(self);
        self.path.pop();
        result
    }

    /// The value, or nothing where it is null or faulty.
    fn value(&mut self, slot: Slot<'_>, want: &Want) -> Option<Value> {
        match (&slot.node.body, &want.shape) {
            (Body::Scalar(text), _) => {
                let resolved = self.resolve(slot, text)?;
                self.scalar(slot, &resolved, want)
            }
            (Body::Map(entries), Shape::Map(fields)) => Some(self.map(slot, entries, fields)),
            (Body::Map(entries), Shape::Dict(dict)) => Some(self.dict(entries, dict)),
            (Body::Map(entries), Shape::Components { section, types }) => {
                Some(self.components(entries, section, types))
            }
            (Body::List(items), Shape::List(want)) => Some(self.list(slot, items, want)),
            (Body::Map(_), shape) => {
                self.fault(
                    slot.at,
                    format!("{} needs {}, not a map", slot.name(), shape.need()),
                );
                None
            }
            (Body::List(_), shape) => {
                self.fault(
                    slot.at,
                    format!("{} needs {}, not a list", slot.name(), shape.need()),
                );
                None
            }
        }
    }

    fn resolve(&mut self, slot: Slot<'_>, text: &Text) -> Option<Resolved> {
        if text.substituted {
            return Some(Resolved {
                text: text.text.clone(),
                plain: text.plain,
                hidden: true,
            });
        }
        let (expanded, plain) = match self.sources.expand(&text.text) {
            Ok(Expanded::Same) => {
                return Some(Resolved {
                    text: text.text.clone(),
                    plain: text.plain,
                    hidden: false,
                });
            }
            Ok(Expanded::Whole(expanded)) => (expanded, true),
            Ok(Expanded::Embedded(expanded)) => (expanded, false),
            Err(wrong) => {
                wrong
                    .into_iter()
                    .for_each(|message| self.fault(slot.spot(), message));
                return None;
            }
        };
        self.written
            .insert(self.path.clone(), (expanded.clone(), text.text.clone()));
        Some(Resolved {
            text: expanded,
            plain,
            hidden: true,
        })
    }

    fn scalar(&mut self, slot: Slot<'_>, resolved: &Resolved, want: &Want) -> Option<Value> {
        let shape = &want.shape;
        let compound = matches!(
            shape,
            Shape::Map(_) | Shape::Dict(_) | Shape::Components { .. } | Shape::List(_)
        );
        let text_wanted = matches!(shape, Shape::Text(Format::Any | Format::Secret));
        if resolved.typed() == Plain::Null && !(text_wanted && resolved.hidden) {
            if compound {
                return self.nothing(slot, shape);
            }
            if !want.nullable {
                self.fault(
                    slot.spot(),
                    format!("{} has no value; it needs {}", slot.name(), shape.need()),
                );
            }
            return None;
        }
        if compound && resolved.hidden && resolved.plain {
            match yaml::parse_value(&slot.node.place, &resolved.text, true) {
                Ok(node) if !matches!(node.body, Body::Scalar(_)) => {
                    return self.value(Slot { node: &node, ..slot }, want);
                }
                _ => {}
            }
        }
        if let (Some(key), Plain::Text) = (&want.text_key, resolved.typed()) {
            return Some(json!({ key: [resolved.text] }));
        }
        match typed(resolved, shape) {
            Ok(value) => Some(value),
            Err(wrong) => {
                let secret = matches!(shape, Shape::Text(Format::Secret));
                let shown = if secret {
                    "the value".into()
                } else {
                    resolved.shown()
                };
                self.fault(
                    slot.spot(),
                    format!("{} {}", slot.name(), wrong.replace("{}", &shown)),
                );
                None
            }
        }
    }

    /// A section with nothing in it is an empty one.
    fn nothing(&mut self, slot: Slot<'_>, shape: &Shape) -> Option<Value> {
        let body = if matches!(shape, Shape::List(_)) {
            Body::List(Vec::new())
        } else {
            Body::Map(Vec::new())
        };
        let node = Node {
            place: slot.at.clone(),
            body,
        };
        self.value(
            Slot { node: &node, ..slot },
            &Want {
                shape: shape.clone(),
                nullable: false,
                text_key: None,
            },
        )
    }

    fn list(&mut self, slot: Slot<'_>, items: &[Node], want: &Want) -> Value {
        let values = items.iter().enumerate().map(|(index, item)| {
            let label = format!("{}[{index}]", slot.label);
            let slot = Slot {
                node: item,
                at: &item.place,
                label: &label,
            };
            self.inside(&index.to_string(), |walk| walk.value(slot, want))
                .unwrap_or_else(|| want.shape.stand_in())
        });
        Value::Array(values.collect())
    }

    fn map(&mut self, slot: Slot<'_>, entries: &[Entry], fields: &[Field]) -> Value {
        let mut out = Map::new();
        let mut meant: Vec<&str> = Vec::new();
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        for entry in entries {
            let key = &entry.key;
            let Some(field) = fields.iter().find(|field| field.name == key.name) else {
                let absent = |near: &&str| !entries.iter().any(|entry| entry.key.name == *near);
                let told = not_offered(&self.path, &key.name);
                let near = nearest(&key.name, &names).filter(|near| told.is_none() && absent(near));
                meant.extend(near);
                let hint = told.map_or_else(|| advice(&key.name, &names), |told| format!("; {told}"));
                let message = format!("unknown key {}{hint}", quote(&key.shown));
                self.inside(near.unwrap_or(&key.name), |walk| walk.fault(&key.place, message));
                continue;
            };
            let value = self.inside(&key.name, |walk| walk.value(Slot::entry(entry), &field.want));
            if let Some(value) = value {
                out.insert(field.name.clone(), value);
            }
        }
        for field in fields.iter().filter(|field| field.required) {
            if out.contains_key(&field.name) {
                continue;
            }
            let present = entries.iter().any(|entry| entry.key.name == field.name);
            if !present && !meant.contains(&field.name.as_str()) {
                self.inside(&field.name, |walk| walk.fault(slot.at, slot.missing(&field.name)));
            }
            out.insert(field.name.clone(), field.want.shape.stand_in());
        }
        Value::Object(out)
    }

    fn dict(&mut self, entries: &[Entry], dict: &Dict) -> Value {
        let mut out = Map::new();
        for entry in entries {
            if dict.component_keys && self.component(&entry.key).is_none() {
                continue;
            }
            let value = self.inside(&entry.key.name, |walk| {
                walk.value(Slot::entry(entry), &dict.value)
            });
            out.insert(
                entry.key.name.clone(),
                value.unwrap_or_else(|| dict.value.shape.stand_in()),
            );
        }
        Value::Object(out)
    }

    fn components(&mut self, entries: &[Entry], section: &str, types: &[Field]) -> Value {
        let mut out = Map::new();
        for entry in entries {
            let key = &entry.key;
            let Some(id) = self.component(key) else { continue };
            let Some(found) = types.iter().find(|field| field.name == id.kind) else {
                let names: Vec<&str> = types.iter().map(|field| field.name.as_str()).collect();
                let near = nearest(&id.kind, &names).map(|near| format!("did you mean `{near}`? "));
                let message = format!(
                    "unknown type of {} in {}; {}available: {}",
                    section.trim_end_matches('s'),
                    quote(&key.shown),
                    near.unwrap_or_default(),
                    names.join(", ")
                );
                self.inside(&key.name, |walk| walk.fault(&key.place, message));
                continue;
            };
            let body = self.inside(&key.name, |walk| walk.value(Slot::entry(entry), &found.want));
            let body = body.unwrap_or_else(|| found.want.shape.stand_in());
            out.insert(key.name.clone(), json!({ found.name.as_str(): body }));
        }
        Value::Object(out)
    }

    fn component(&mut self, key: &Key) -> Option<ComponentId> {
        let id = key.name.parse().ok();
        if id.is_none() {
            let message = format!(
                "{} is not the name of a component; write `type` or `type/name`",
                quote(&key.shown)
            );
            self.inside(&key.name, |walk| walk.fault(&key.place, message));
        }
        id
    }
}
