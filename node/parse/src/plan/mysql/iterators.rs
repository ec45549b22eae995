//! MySQL's JSON of version 2: iterators and their inputs.

use std::borrow::Cow;

use super::super::json::{Kind, Reader, Token};
use super::super::{Engine, Format, Limits, Plan, PlanError, Property};
use super::draft::{Draft, Link, Role, Sketch};
use super::{finish, operation};

/// Reads the plan.
pub(in super::super) fn read<'a>(
    reader: &mut Reader<'a, '_>,
    limits: &Limits<'_>,
) -> Result<Plan<'a>, PlanError> {
    let mut walk = Walk {
        reader,
        limits,
        draft: Draft::default(),
        query: None,
        places: Vec::with_capacity(32),
        key: Cow::Borrowed(""),
    };
    while let Some(token) = walk.reader.next()? {
        walk.take(&token)?;
    }
    let mut plan = Plan::seed(Engine::MySql, Format::Json);
    plan.query = walk.query;
    let mut draft = walk.draft;
    draft.nodes.iter_mut().for_each(interpret);
    let (degraded, at) = (walk.reader.degraded(), walk.reader.position());
    finish::finish(draft, plan, limits)?.ripen(degraded, at)
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// An array around the plan.
    Around,
    /// An iterator, or a part of what it says.
    Sketch(u32),
    /// The inputs of an iterator.
    Inputs(u32, Link),
    /// An array of texts of an iterator, or what is in it.
    Texts { sketch: u32, property: usize },
}

struct Walk<'s, 'a, 'r, 'l> {
    reader: &'s mut Reader<'a, 'r>,
    limits: &'s Limits<'l>,
    draft: Draft<'a>,
    query: Option<Cow<'a, str>>,
    places: Vec<Place>,
    key: Cow<'a, str>,
}

impl<'a> Walk<'_, 'a, '_, '_> {
    fn take(&mut self, token: &Token<'a>) -> Result<(), PlanError> {
        match token.kind {
            Kind::Key => self.key = token.text(),
            Kind::Object => return self.object(),
            Kind::Array => self.array(),
            Kind::EndObject | Kind::EndArray => {
                self.places.pop();
            }
            _ => self.scalar(token),
        }
        Ok(())
    }

    fn object(&mut self) -> Result<(), PlanError> {
        let key = std::mem::take(&mut self.key);
        let place = match self.places.last().copied() {
            // What is around says the statement, or is the first iterator itself.
            None | Some(Place::Around) => {
                Place::Sketch(self.draft.add(None, Role::Wrap, Link::Input, self.limits)?)
            }
            Some(Place::Inputs(at, link)) => {
                Place::Sketch(self.draft.add(Some(at), Role::Wrap, link, self.limits)?)
            }
            Some(Place::Sketch(at)) if key == "query_plan" => {
                Place::Sketch(self.draft.add(Some(at), Role::Wrap, Link::Input, self.limits)?)
            }
            Some(place) => place,
        };
        self.places.push(place);
        Ok(())
    }

    fn array(&mut self) {
        let key = std::mem::take(&mut self.key);
        let place = match self.places.last().copied() {
            None => Place::Around,
            Some(Place::Sketch(at)) if key == "inputs" => Place::Inputs(at, Link::Input),
            Some(Place::Sketch(at)) if key.starts_with("inputs") => Place::Inputs(at, Link::SubPlan),
            Some(Place::Sketch(at)) => self.texts(at, key),
            Some(place) => place,
        };
        self.places.push(place);
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
            Some(Place::Sketch(0)) if self.key == "query" && token.kind == Kind::Text => {
                self.query.get_or_insert_with(|| token.text());
            }
            Some(Place::Sketch(at)) => {
                let key = std::mem::take(&mut self.key);
                if let Some(sketch) = self.draft.get_mut(at) {
                    say(sketch, key, token);
                }
            }
            Some(Place::Texts { sketch, property }) if token.kind == Kind::Text => {
                if let Some(sketch) = self.draft.get_mut(sketch) {
                    sketch.node.add_text(property, token.text());
                }
            }
            _ => {}
        }
    }
}

/// Takes what an iterator says under `key`.
fn say<'a>(sketch: &mut Sketch<'a>, key: Cow<'a, str>, token: &Token<'a>) {
    let node = &mut sketch.node;
    let number = match key.as_ref() {
        "estimated_rows" => &mut node.plan_rows,
        "estimated_first_row_cost" => &mut node.startup_cost,
        "estimated_total_cost" => &mut node.total_cost,
        "actual_rows" => &mut node.actual_rows,
        "actual_loops" => &mut node.actual_loops,
        "actual_first_row_ms" => &mut node.actual_startup_ms,
        "actual_last_row_ms" => &mut node.actual_total_ms,
        _ => {
            let name = match key.as_ref() {
                "table_name" => &mut node.relation,
                "schema_name" => &mut node.schema,
                "alias" => &mut node.alias,
                "index_name" => &mut node.index,
                "heading" => {
                    sketch.link = Link::SubPlan;
                    &mut node.subplan
                }
                _ => return node.extend(key, token),
            };
            if token.kind == Kind::Text && name.is_none() {
                *name = Some(token.text());
            }
            return;
        }
    };
    *number = number.or_else(|| token.number());
}

impl<'a> super::super::Node<'a> {
    /// Adds a property, by PostgreSQL's key where it has one.
    fn extend(&mut self, key: Cow<'a, str>, token: &Token<'a>) {
        let value = match token.kind {
            Kind::Text => Property::Text(token.text()),
            Kind::Flag(flag) => Property::Flag(flag),
            Kind::Number => match token.number() {
                Some(number) => Property::Number(number),
                None => return,
            },
            _ => return,
        };
        self.add(renamed(key), value);
    }
}

fn renamed(key: Cow<'_, str>) -> Cow<'_, str> {
    Cow::Borrowed(match key.as_ref() {
        "condition" => "Filter",
        "lookup_condition" => "Index Cond",
        "hash_condition" => "Hash Cond",
        "sort_fields" => "Sort Key",
        "used_columns" => "Output",
        "access_type" => "Access Type",
        _ => return key,
    })
}

/// What the sketch's operation says it is. What says no operation is no node.
fn interpret(sketch: &mut Sketch<'_>) {
    let properties = &mut sketch.node.properties;
    let Some(at) = properties.iter().position(|(key, _)| key == "operation") else {
        return;
    };
    let Property::Text(said) = properties.remove(at).1 else {
        return;
    };
    sketch.role = Role::Step;
    match said {
        Cow::Borrowed(said) => operation::read(sketch, said),
        Cow::Owned(said) => {
            let mut other = Sketch::default();
            operation::read(&mut other, &said);
            sketch.role = other.role;
            let node = other.node.into_owned();
            let into = &mut sketch.node;
            into.node_type = node.node_type;
            into.relation = into.relation.take().or(node.relation);
            into.alias = into.alias.take().or(node.alias);
            into.index = into.index.take().or(node.index);
            into.join_type = node.join_type;
            into.strategy = node.strategy;
            into.operation = node.operation;
            for (key, value) in node.properties {
                if into.property(&key).is_none() {
                    into.add(key, value);
                }
            }
        }
    }
}
