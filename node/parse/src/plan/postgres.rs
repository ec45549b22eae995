//! PostgreSQL's plans from their JSON, XML or YAML, which are the same objects in three notations.

use std::borrow::Cow;

use super::json::{Kind, Token};
use super::source::Source;
use super::{Engine, Format, Limits, Plan, PlanError, Property};

/// Reads the first plan that is there. `bare` is whether the first object is a node itself.
pub(super) fn read<'a, S: Source<'a>>(
    source: &mut S,
    format: Format,
    bare: bool,
    limits: &Limits<'_>,
) -> Result<Plan<'a>, PlanError> {
    let mut walk = Walk {
        source,
        limits,
        bare,
        plan: Plan::seed(Engine::PostgreSql, format),
        places: Vec::with_capacity(32),
        path: String::new(),
        key: Cow::Borrowed(""),
        done: false,
    };
    while let (false, Some(token)) = (walk.done, walk.source.next()?) {
        walk.take(&token)?;
    }
    walk.plan.ripen(walk.source.degraded(), walk.source.position())
}

/// What an open object or array is.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// It is around the plan.
    Around,
    /// A node.
    Node(u32),
    /// The children of a node.
    Children(u32),
    /// An object in a node, whose values are properties of the node. Its own keys begin at `from` in the path, and the
    /// path was `path` long before it.
    Part { node: u32, from: usize, path: usize },
    /// An array in a node, or an object in one, whose values are texts of a property of the node.
    Texts { node: u32, property: usize },
}

struct Walk<'s, 'a, 'l, S> {
    source: &'s mut S,
    limits: &'s Limits<'l>,
    bare: bool,
    plan: Plan<'a>,
    places: Vec<Place>,
    /// The keys to the innermost part.
    path: String,
    /// The last key.
    key: Cow<'a, str>,
    /// The plan and what is beside it have been read.
    done: bool,
}

impl<'a, S: Source<'a>> Walk<'_, 'a, '_, S> {
    fn take(&mut self, token: &Token<'a>) -> Result<(), PlanError> {
        match token.kind {
            Kind::Key => self.key = self.source.text(token),
            Kind::Object => return self.object(),
            Kind::Array => return self.array(),
            Kind::EndObject | Kind::EndArray => self.end(),
            _ => self.scalar(token),
        }
        Ok(())
    }

    fn object(&mut self) -> Result<(), PlanError> {
        let place = match self.places.last().copied() {
            None if self.bare => self.node(None)?,
            None => Place::Around,
            Some(Place::Around) if self.key == "Plan" && self.plan.nodes.is_empty() => self.node(None)?,
            Some(Place::Around) if OF_THE_WHOLE.contains(&self.key.as_ref()) => {
                if self.plan.nodes.is_empty() {
                    return self.source.skip();
                }
                self.path = std::mem::take(&mut self.key).into_owned();
                Place::Part {
                    node: 0,
                    from: 0,
                    path: 0,
                }
            }
            Some(Place::Around) => Place::Around,
            Some(Place::Children(node)) => self.node(Some(node))?,
            // An extension's node may carry the plans that it had from elsewhere (Citus: `Remote Plan`).
            Some(Place::Node(node) | Place::Part { node, .. } | Place::Texts { node, .. })
                if self.key == "Plan" =>
            {
                self.node(Some(node))?
            }
            Some(Place::Node(node) | Place::Part { node, .. }) => {
                let path = self.path.len();
                if path + self.key.len() > LONGEST_PATH {
                    return self.source.skip();
                }
                let from = match self.places.last() {
                    Some(Place::Part { from, .. }) => {
                        self.path.push(' ');
                        *from
                    }
                    _ => path,
                };
                self.path.push_str(&std::mem::take(&mut self.key));
                Place::Part { node, from, path }
            }
            Some(place @ Place::Texts { .. }) => place,
        };
        self.key = Cow::Borrowed("");
        self.places.push(place);
        Ok(())
    }

    fn array(&mut self) -> Result<(), PlanError> {
        let place = match self.places.last().copied() {
            None => Place::Around,
            Some(Place::Around) if self.key == "Triggers" => return self.source.skip(),
            Some(place @ (Place::Around | Place::Children(_) | Place::Texts { .. })) => place,
            Some(Place::Node(node)) if self.key == "Plans" => Place::Children(node),
            Some(Place::Node(_)) if self.key == "Workers" => return self.source.skip(),
            Some(Place::Node(node) | Place::Part { node, .. }) => {
                let key = self.full_key();
                self.texts(node, key)
            }
        };
        self.places.push(place);
        Ok(())
    }

    fn end(&mut self) {
        match self.places.pop() {
            Some(Place::Part { path, .. }) => self.path.truncate(path),
            Some(Place::Around) => self.done = !self.plan.nodes.is_empty(),
            _ => {}
        }
        self.key = Cow::Borrowed("");
    }

    fn scalar(&mut self, token: &Token<'a>) {
        match self.places.last().copied() {
            Some(Place::Around) => self.around(token),
            Some(Place::Node(node) | Place::Part { node, .. }) => {
                let key = self.full_key();
                if let Some(value) = self.source.value(&key, token) {
                    self.plan.set(node, key, value);
                }
            }
            Some(Place::Texts { node, property }) => {
                let node = self.plan.nodes.get_mut(node as usize);
                if let (Some(node), false) = (node, token.kind == Kind::Null) {
                    node.add_text(property, self.source.text(token));
                }
            }
            Some(Place::Children(_)) | None => {}
        }
    }

    /// What stands beside the plan.
    fn around(&mut self, token: &Token<'a>) {
        match self.key.as_ref() {
            "Query Text" if token.kind == Kind::Text => {
                self.plan.query.get_or_insert_with(|| self.source.text(token));
            }
            "Planning Time" => self.plan.planning_ms = self.plan.planning_ms.or_else(|| token.number()),
            "Execution Time" | "Total Runtime" => {
                self.plan.execution_ms = self.plan.execution_ms.or_else(|| token.number());
            }
            _ => {}
        }
    }

    fn node(&mut self, parent: Option<u32>) -> Result<Place, PlanError> {
        self.plan.grow(parent, self.limits).map(Place::Node)
    }

    fn texts(&mut self, at: u32, key: Cow<'a, str>) -> Place {
        let mut property = 0;
        if let Some(node) = self.plan.nodes.get_mut(at as usize) {
            property = node.properties.len();
            node.add(key, Property::Texts(Vec::new()));
        }
        Place::Texts { node: at, property }
    }

    /// The last key, with the keys of the parts around it before it: `Full-sort Groups Group Count`.
    fn full_key(&mut self) -> Cow<'a, str> {
        let key = std::mem::take(&mut self.key);
        match self.places.last() {
            Some(Place::Part { from, .. }) => {
                let path = self.path.get(*from..).unwrap_or_default();
                Cow::Owned(format!("{path} {key}"))
            }
            _ => key,
        }
    }
}

/// Parts whose keys are longer together than this are left out.
const LONGEST_PATH: usize = 200;

/// What stands beside a plan and is of it all; the first node has it.
const OF_THE_WHOLE: [&str; 4] = ["JIT", "Planning", "Serialization", "Settings"];
