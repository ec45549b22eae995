//! MySQL's JSON of version 1 and MariaDB's, with and without `ANALYZE`.

use std::borrow::Cow;

use super::super::json::{Kind, Reader, Token};
use super::super::{Engine, Format, Limits, Plan, PlanError, Property};
use super::draft::{Draft, Link, Role};
use super::words::{self, Array, Object};
use super::{fill, finish};

/// Reads the plan.
pub(in super::super) fn read<'a>(
    reader: &mut Reader<'a, '_>,
    limits: &Limits<'_>,
) -> Result<Plan<'a>, PlanError> {
    let mut walk = Walk {
        reader,
        limits,
        draft: Draft {
            implicit_joins: true,
            ..Draft::default()
        },
        engine: Engine::MySql,
        places: Vec::with_capacity(32),
        key: Cow::Borrowed(""),
        planning_ms: None,
    };
    while let Some(token) = walk.reader.next()? {
        walk.take(&token)?;
    }
    let mut plan = Plan::seed(walk.engine, Format::Json);
    plan.planning_ms = walk.planning_ms;
    if walk.engine == Engine::MariaDb {
        plan.execution_ms = walk
            .draft
            .nodes
            .first()
            .and_then(|block| block.node.number("r_total_time_ms"));
    }
    fill::draft(&mut walk.draft);
    let (degraded, at) = (walk.reader.degraded(), walk.reader.position());
    let mut plan = finish::finish(walk.draft, plan, limits)?.ripen(degraded, at)?;
    fill::from_inputs(&mut plan);
    Ok(plan)
}

/// What an open object or array is.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// It is around the plan.
    Around,
    /// MariaDB's figures of the optimizer.
    Planning,
    /// A sketch, or a part of what it says.
    Sketch(u32),
    /// A list of what a sketch has below it, or an object in it.
    Children(u32, Link),
    /// An array of texts of a sketch, or what is in it.
    Texts { sketch: u32, property: usize },
}

struct Walk<'s, 'a, 'r, 'l> {
    reader: &'s mut Reader<'a, 'r>,
    limits: &'s Limits<'l>,
    draft: Draft<'a>,
    engine: Engine,
    places: Vec<Place>,
    /// The last key.
    key: Cow<'a, str>,
    planning_ms: Option<f64>,
}

impl<'a> Walk<'_, 'a, '_, '_> {
    fn take(&mut self, token: &Token<'a>) -> Result<(), PlanError> {
        match token.kind {
            Kind::Key => {
                self.key = token.text();
                if is_of_mariadb(&self.key) {
                    self.engine = Engine::MariaDb;
                }
            }
            Kind::Object => return self.object(token),
            Kind::Array => return self.array(token),
            Kind::EndObject | Kind::EndArray => {
                self.places.pop();
            }
            _ => self.scalar(token),
        }
        Ok(())
    }

    fn object(&mut self, token: &Token<'a>) -> Result<(), PlanError> {
        let key = std::mem::take(&mut self.key);
        let place = self.places.last().copied().unwrap_or(Place::Around);
        let (parent, link) = match place {
            Place::Around | Place::Planning => (None, None),
            Place::Sketch(at) => (Some(at), None),
            Place::Children(at, link) => (Some(at), Some(link)),
            Place::Texts { .. } => {
                self.places.push(place);
                return Ok(());
            }
        };
        let place = match words::object(&key) {
            Object::Sketch(role, own, name) => {
                let link = link.unwrap_or(own);
                let at = self.draft.add(parent, role, link, self.limits)?;
                self.name(at, name, &key);
                Place::Sketch(at)
            }
            Object::Source => {
                let last = u32::try_from(self.draft.nodes.len())
                    .ok()
                    .and_then(|count| count.checked_sub(1));
                Place::Sketch(
                    self.draft
                        .add(last.or(parent), Role::Wrap, Link::Input, self.limits)?,
                )
            }
            Object::Skipped => return self.reader.skip(token),
            Object::Part if key == "query_optimization" => Place::Planning,
            Object::Part => place,
        };
        self.places.push(place);
        Ok(())
    }

    /// Names a sketch that is a node whatever is in it.
    fn name(&mut self, at: u32, name: &'static str, key: &str) {
        let Some(sketch) = self.draft.get_mut(at) else {
            return;
        };
        sketch.node.node_type = Cow::Borrowed(name);
        let command = match key {
            "intersect_result" => "Intersect",
            "except_result" => "Except",
            _ => return,
        };
        sketch.node.add("Command", Property::Text(Cow::Borrowed(command)));
    }

    fn array(&mut self, token: &Token<'a>) -> Result<(), PlanError> {
        let key = std::mem::take(&mut self.key);
        let place = self.places.last().copied().unwrap_or(Place::Around);
        let sketch = match place {
            Place::Sketch(at) | Place::Children(at, _) => at,
            Place::Around | Place::Planning | Place::Texts { .. } => {
                self.places.push(place);
                return Ok(());
            }
        };
        let place = match words::array(&key) {
            Array::Joined => {
                let link = if let Place::Children(_, link) = place {
                    link
                } else {
                    Link::Input
                };
                let at = self.draft.add(Some(sketch), Role::Joined, link, self.limits)?;
                Place::Children(at, Link::Input)
            }
            Array::Children(link) => Place::Children(sketch, link),
            Array::Skipped => return self.reader.skip(token),
            Array::Texts => self.texts(sketch, key),
        };
        self.places.push(place);
        Ok(())
    }

    fn texts(&mut self, at: u32, key: Cow<'a, str>) -> Place {
        let mut property = 0;
        if let Some(sketch) = self.draft.get_mut(at) {
            property = sketch.node.properties.len();
            sketch.node.add(renamed(key), Property::Texts(Vec::new()));
        }
        Place::Texts { sketch: at, property }
    }

    fn scalar(&mut self, token: &Token<'a>) {
        match self.places.last().copied() {
            Some(Place::Sketch(at)) => {
                let key = std::mem::take(&mut self.key);
                let value = value(&key, token);
                if let (Some(sketch), Some(value)) = (self.draft.get_mut(at), value) {
                    // MySQL says it of the block.
                    if key == "message" && sketch.role == Role::Table {
                        self.engine = Engine::MariaDb;
                    }
                    sketch.node.add(renamed(key), value);
                }
            }
            Some(Place::Texts { sketch, property }) if token.kind == Kind::Text => {
                if let Some(sketch) = self.draft.get_mut(sketch) {
                    sketch.node.add_text(property, token.text());
                }
            }
            Some(Place::Planning) if self.key == "r_total_time_ms" => self.planning_ms = token.number(),
            _ => {}
        }
    }
}

fn value<'a>(key: &str, token: &Token<'a>) -> Option<Property<'a>> {
    match token.kind {
        Kind::Text if words::is_number(key) => token.number().map(Property::Number),
        Kind::Text => Some(Property::Text(token.text())),
        Kind::Number => token.number().map(Property::Number),
        Kind::Flag(flag) => Some(Property::Flag(flag)),
        _ => None,
    }
}

fn renamed(key: Cow<'_, str>) -> Cow<'_, str> {
    match key {
        Cow::Borrowed(key) => Cow::Borrowed(words::property(key)),
        Cow::Owned(key) => Cow::Owned(key),
    }
}

/// Whether only MariaDB has this key.
fn is_of_mariadb(key: &str) -> bool {
    matches!(
        key,
        "block-nl-join"
            | "cost"
            | "filesort"
            | "loops"
            | "query_optimization"
            | "read_sorted_file"
            | "rows"
            | "subqueries"
    ) || key.starts_with("r_")
        || matches!(
            key,
            "temporary_table" | "window_functions_computation" | "expression_cache" | "materialized"
        )
}
