//! `resource`: changes resource attributes.

use std::sync::Arc;

use ringwatch_config::settings::{AttributeAction, AttributeActionKind, ResourceProcessor as Settings};
use ringwatch_frame::{Batch, Resource, Value};

use crate::attributes::hash::sha256_hex;
use crate::attributes::value_of;
use crate::{PipelineError, Processor};

/// Resources whose result is remembered. There is one per target, so a node rarely has more.
const REMEMBERED: usize = 1024;

/// Changes the resource of every frame. The result is computed once per distinct resource.
pub struct ResourceProcessor {
    name: String,
    actions: Vec<AttributeAction>,
    /// What came, kept alive so that its address stays its own, and what it became.
    known: std::collections::HashMap<usize, (Arc<Resource>, Arc<Resource>)>,
}

impl ResourceProcessor {
    /// A processor of these actions.
    ///
    /// # Errors
    /// When an action has neither a value nor an attribute to take it from.
    pub fn new(name: &str, settings: &Settings) -> Result<Self, PipelineError> {
        crate::attributes::check(name, &settings.attributes)?;
        Ok(Self {
            name: name.to_owned(),
            actions: settings.attributes.clone(),
            known: Default::default(),
        })
    }

    fn changed(&mut self, resource: &Arc<Resource>) -> Arc<Resource> {
        let address = Arc::as_ptr(resource) as usize;
        if let Some((_, changed)) = self.known.get(&address) {
            return Arc::clone(changed);
        }
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        let mut changed = Resource::clone(resource);
        for action in &self.actions {
            apply(&mut changed, action);
        }
        let changed = Arc::new(changed);
        self.known
            .insert(address, (Arc::clone(resource), Arc::clone(&changed)));
        changed
    }
}

/// The one decision, pure: what an action makes of a resource.
fn apply(resource: &mut Resource, action: &AttributeAction) {
    let key = action.key.as_str();
    let value = match (&action.value, &action.from_attribute) {
        (Some(value), _) => Some(value_of(value)),
        (None, Some(from)) => resource.get(from).cloned(),
        (None, None) => None,
    };
    let present = resource.get(key).is_some();
    let wanted = match action.action {
        AttributeActionKind::Insert => !present,
        AttributeActionKind::Update => present,
        AttributeActionKind::Upsert => true,
        AttributeActionKind::Delete => {
            resource.remove(key);
            false
        }
        AttributeActionKind::Hash => {
            if let Some(value) = resource.get(key) {
                let hash = sha256_hex(&value.to_string());
                resource.set(key, Value::from(hash));
            }
            false
        }
    };
    if wanted && let Some(value) = value {
        resource.set(key, value);
    }
}

impl Processor for ResourceProcessor {
    fn name(&self) -> &str {
        &self.name
    }

    fn process(&mut self, mut batch: Batch, out: &mut Vec<Batch>) {
        for frame in batch.frames_mut() {
            let changed = self.changed(&frame.meta().resource);
            frame.set_resource(changed);
        }
        out.push(batch);
    }
}

#[cfg(test)]
mod tests {
    use ringwatch_frame::Books;

    use super::*;
    use crate::testing::{frame, settings};

    fn after(yaml: &str) -> Vec<(String, String)> {
        let mut processor = ResourceProcessor::new("resource", &settings(yaml)).unwrap();
        let books = Arc::new(Books::default());
        let mut out = Vec::new();
        processor.process(frame(&books, 1).into(), &mut out);
        let resource = Arc::clone(&out[0].frames()[0].meta().resource);
        out.into_iter().for_each(Batch::deliver);
        resource
            .iter()
            .map(|(key, value)| (key.to_owned(), value.to_string()))
            .collect()
    }

    #[test]
    fn actions_in_order() {
        let table = [
            (
                "{ key: a, value: 1, action: insert }",
                vec![("server.address", "db1"), ("a", "1")],
            ),
            (
                "{ key: server.address, value: x, action: insert }",
                vec![("server.address", "db1")],
            ),
            (
                "{ key: server.address, value: x, action: update }",
                vec![("server.address", "x")],
            ),
            (
                "{ key: a, value: x, action: update }",
                vec![("server.address", "db1")],
            ),
            (
                "{ key: server.address, value: x, action: upsert }",
                vec![("server.address", "x")],
            ),
            ("{ key: server.address, action: delete }", vec![]),
            (
                "{ key: b, from_attribute: server.address, action: insert }, { key: server.address, action: delete }",
                vec![("b", "db1")],
            ),
            (
                "{ key: b, from_attribute: absent, action: upsert }",
                vec![("server.address", "db1")],
            ),
            (
                "{ key: server.address, action: hash }",
                vec![(
                    "server.address",
                    "82e64648d9abefef3ab5143537554e7681ea1ba7b387881792033e9dce77f650",
                )],
            ),
        ];
        for (yaml, expected) in table {
            let found = after(&format!("attributes: [{yaml}]"));
            let found: Vec<_> = found.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            assert_eq!(found, expected, "{yaml}");
        }
    }

    #[test]
    fn an_action_without_a_value_is_refused() {
        let settings = settings("attributes: [{ key: a, action: insert }]");
        assert!(ResourceProcessor::new("resource", &settings).is_err());
    }
}
