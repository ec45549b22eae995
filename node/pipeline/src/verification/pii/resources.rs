//! Attributes of resources: few, and the same for every frame of a target, so that each resource is looked at
//! once.

use std::collections::HashMap;
use std::sync::Arc;

use ringwatch_frame::{Resource, Value};
use ringwatch_parse::scan::Class;

use super::{Inspector, UNSCANNED};
use crate::verification::plan::Plan;

/// How many resources are remembered. A target has one or a few.
const REMEMBERED: usize = 4096;

/// Resources that were looked at, by their addresses: each with what came, which is kept so that the address
/// stays its own, and what takes its place.
#[derive(Default)]
pub(super) struct Resources(HashMap<usize, (Arc<Resource>, Option<Arc<Resource>>)>);

/// What was hidden in a resource that was not known before.
pub(in super::super) struct InResource {
    pub(in super::super) attribute: String,
    pub(in super::super) class: Class,
    /// A name that only the same value has.
    pub(in super::super) value: String,
}

impl Resources {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn put(&mut self, came: &Arc<Resource>, clean: Option<Arc<Resource>>) {
        if self.0.len() >= REMEMBERED {
            self.0.retain(|_, (came, _)| Arc::strong_count(came) > 1);
        }
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        self.0.insert(Arc::as_ptr(came).addr(), (Arc::clone(came), clean));
    }
}

impl Inspector {
    /// What takes the place of `resource`, if anything was found in it. What was found the first time is put into
    /// `told`.
    pub(in super::super) fn resource(
        &mut self,
        resource: &Arc<Resource>,
        plan: &Plan,
        told: &mut Vec<InResource>,
    ) -> Option<Arc<Resource>> {
        if let Some((_, clean)) = self.resources.0.get(&Arc::as_ptr(resource).addr()) {
            return clean.clone();
        }
        let mut clean: Option<Resource> = None;
        for (attribute, value) in resource.iter() {
            if !plan.is_attribute_scanned(attribute) {
                continue;
            }
            let Some(instead) = self.instead_of(attribute, value, told) else {
                continue;
            };
            let clean = clean.get_or_insert_with(|| Resource::clone(resource));
            clean.set(attribute, Value::from(instead));
        }
        let clean = clean.map(Arc::new);
        self.resources.put(resource, clean.clone());
        clean
    }

    fn instead_of(&mut self, attribute: &str, value: &Value, told: &mut Vec<InResource>) -> Option<String> {
        let text = match value {
            Value::Text(text) if text.len() > self.longest => return Some(UNSCANNED.to_owned()),
            Value::Text(text) => Arc::clone(text),
            Value::Int(number) => number.to_string().into(),
            Value::Double(_) | Value::Bool(_) => return None,
        };
        let found = self.find(&text);
        let clean = (!found.is_empty()).then(|| self.scanner.redact(&text, &found, &self.action));
        let named = found.iter().filter_map(|one| {
            Some(InResource {
                attribute: attribute.to_owned(),
                class: one.class,
                value: self.value_name(&text, one)?,
            })
        });
        told.extend(named);
        self.found = found;
        clean
    }
}
