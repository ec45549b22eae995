//! `resource`: changes resource attributes.

use std::collections::HashMap;
use std::sync::Arc;

use ringwatch_config::settings::ResourceProcessor as Settings;
use ringwatch_frame::{Batch, Resource, Value};

use crate::actions::{Action, Change, Source, compile, hash};
use crate::{PipelineError, Processor};

/// How many resources are remembered. A target has one or a few.
const REMEMBERED: usize = 4096;

/// Changes the resource of each frame. The work is done once for each resource, not for each frame.
pub struct ResourceProcessor {
    name: String,
    actions: Vec<Action>,
    /// By the address of the resource that came, which is kept so that the address stays its own.
    known: HashMap<usize, (Arc<Resource>, Arc<Resource>)>,
}

impl ResourceProcessor {
    /// A processor that takes these actions in order.
    ///
    /// # Errors
    /// When an action lacks what it needs.
    pub fn new(name: &str, settings: &Settings) -> Result<Self, PipelineError> {
        let actions = compile(name, &settings.attributes)?;
        Ok(Self {
            name: name.to_owned(),
            actions,
            known: HashMap::new(),
        })
    }

    fn changed(&mut self, resource: &Arc<Resource>) -> Arc<Resource> {
        let address = Arc::as_ptr(resource).addr();
        if let Some((_, changed)) = self.known.get(&address) {
            return Arc::clone(changed);
        }
        if self.known.len() >= REMEMBERED {
            self.known.retain(|_, (came, _)| Arc::strong_count(came) > 1);
        }
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        let changed = Arc::new(apply(&self.actions, resource));
        self.known
            .insert(address, (Arc::clone(resource), Arc::clone(&changed)));
        changed
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

fn apply(actions: &[Action], resource: &Resource) -> Resource {
    let mut resource = resource.clone();
    for Action { key, change } in actions {
        match change {
            Change::Set(when, source) if when.holds(resource.get(key).is_some()) => {
                let value = match source {
                    Source::Value(value) => Some(value.clone()),
                    Source::Attribute(from) => resource.get(from).cloned(),
                };
                if let Some(value) = value {
                    resource.set(key, value);
                }
            }
            Change::Set(..) => {}
            Change::Delete => {
                resource.remove(key);
            }
            Change::Hash => {
                if let Some(value) = resource.get(key) {
                    let hashed = hash(&value.to_string());
                    resource.set(key, Value::from(hashed));
                }
            }
        }
    }
    resource
}

#[cfg(test)]
mod tests {
    use ringwatch_config::settings::AttributeActionKind::{Delete, Hash, Insert, Update, Upsert};
    use ringwatch_config::settings::Scalar;
    use ringwatch_frame::Books;

    use super::*;
    use crate::testing::{action, assert_at_rest, frame, frame_of};

    fn resource(entries: &[(&str, Value)]) -> Resource {
        entries
            .iter()
            .map(|(key, value)| (Arc::from(*key), value.clone()))
            .collect()
    }

    #[test]
    fn each_action_does_what_it_says() {
        let start = resource(&[("a", "x".into()), ("n", 7.into())]);
        let text = |t: &str| Some(Scalar::Text(t.into()));
        let seven = "7902699be42c8a8e46fbbb4501726517e86b22c56a189f7625a6da49081b2451";
        for (step, expected) in [
            (
                action("a", Insert, text("y"), None),
                resource(&[("a", "x".into()), ("n", 7.into())]),
            ),
            (
                action("b", Insert, text("y"), None),
                resource(&[("a", "x".into()), ("n", 7.into()), ("b", "y".into())]),
            ),
            (
                action("a", Update, text("y"), None),
                resource(&[("a", "y".into()), ("n", 7.into())]),
            ),
            (action("b", Update, text("y"), None), start.clone()),
            (
                action("a", Upsert, Some(Scalar::Bool(true)), None),
                resource(&[("a", Value::Bool(true)), ("n", 7.into())]),
            ),
            (
                action("a", Upsert, None, Some("n")),
                resource(&[("a", 7.into()), ("n", 7.into())]),
            ),
            (action("a", Upsert, None, Some("absent")), start.clone()),
            (action("a", Delete, None, None), resource(&[("n", 7.into())])),
            (action("b", Delete, None, None), start.clone()),
            (
                action("n", Hash, None, None),
                resource(&[("a", "x".into()), ("n", seven.into())]),
            ),
            (action("b", Hash, None, None), start.clone()),
        ] {
            let actions = compile("resource", std::slice::from_ref(&step)).unwrap();
            assert_eq!(apply(&actions, &start), expected, "{step:?}");
        }
    }

    #[test]
    fn a_resource_is_changed_once_and_the_memory_of_it_is_bounded() {
        let books = Arc::new(Books::default());
        let settings = Settings {
            attributes: vec![action("z", Insert, Some(Scalar::Int(1)), None)],
        };
        let mut processor = ResourceProcessor::new("resource", &settings).unwrap();
        let shared = Arc::new(resource(&[("a", "x".into())]));
        let mut out = Vec::new();
        for _ in 0..2 {
            let columns = frame(&books, 0, 2);
            let batch = columns.batch().clone();
            columns.deliver();
            processor.process(frame_of(&books, batch, &shared).into(), &mut out);
        }
        let changed: Vec<_> = out
            .iter()
            .map(|batch| &batch.frames()[0].meta().resource)
            .collect();
        assert_eq!(changed[0].get("z"), Some(&Value::Int(1)));
        assert!(Arc::ptr_eq(changed[0], changed[1]));
        out.into_iter().for_each(Batch::deliver);
        for n in 0..3 * REMEMBERED as i64 {
            let other = Arc::new(resource(&[("n", n.into())]));
            assert_eq!(processor.changed(&other).get("n"), Some(&Value::Int(n)));
            assert!(processor.known.len() <= REMEMBERED);
        }
        assert_eq!(processor.changed(&shared).get("a"), Some(&"x".into()));
        assert_at_rest(&books);
    }
}
