//! What the columns of a stream are to the checks, found once for as long as the stream keeps its columns.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use ringwatch_frame::{ColumnType, FrameMeta, Place, Role, is_attribute, role_of};
use ringwatch_parse::expr::{Bound, Places};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::names::{self, Range, aliases};
use super::plan::Plan;
use crate::Resolver;

/// How many streams are remembered.
const REMEMBERED: usize = 4096;

/// The columns of a stream.
pub(super) struct Shape {
    schema: SchemaRef,
    /// The stream's name, shared.
    pub(super) stream: Arc<str>,
    /// The column of a statement's text.
    pub(super) statement: Option<usize>,
    /// What rows must have: its name and its column.
    pub(super) required: Required,
    /// What they should have and never can.
    pub(super) lacks: Vec<Arc<str>>,
    pub(super) texts: Vec<TextColumn>,
    /// Columns of whole numbers that may hold those of cards.
    pub(super) integers: Vec<usize>,
    /// Columns of numbers, with what they can be.
    pub(super) numbers: Vec<(usize, Range)>,
    pub(super) times: Vec<usize>,
    pub(super) figures: Figures,
    pub(super) series: Option<SeriesColumns>,
    /// Columns of whose values there may be only so many.
    pub(super) limited: Vec<usize>,
    /// The rules for this stream, by their numbers.
    pub(super) rules: Vec<(usize, Bound)>,
}

/// Names, and the columns that have them.
type Required = Vec<(Arc<str>, usize)>;

/// A column of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TextColumn {
    pub(super) at: usize,
    pub(super) kind: TextKind,
}

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextKind {
    Query,
    Plan,
    Body,
    Attribute,
}

/// Columns whose figures belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) min: Option<usize>,
    pub(super) mean: Option<usize>,
    pub(super) max: Option<usize>,
    pub(super) calls: Option<usize>,
    pub(super) total: Option<usize>,
}

/// Columns of statements' series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeriesColumns {
    /// What makes a statement one: its identifier first.
    pub(super) identity: Vec<usize>,
    pub(super) calls: Option<usize>,
    pub(super) total: Option<usize>,
    pub(super) mean: Option<usize>,
    /// Whether calls and total are those since the server's start, and not since the reading before.
    pub(super) are_totals: bool,
}

/// The shapes of the streams that came, by receiver and stream.
#[derive(Default)]
pub(super) struct Shapes(HashMap<u64, Arc<Shape>>);

impl Shapes {
    /// The shape of a frame with these columns, and whether it was made now.
    pub(super) fn of(
        &mut self,
        plan: &Plan,
        resolver: &Resolver,
        meta: &FrameMeta,
        schema: &SchemaRef,
    ) -> (Arc<Shape>, bool) {
        let stream = meta.id.stream.name();
        let key = xxh3_64_with_seed(stream.as_bytes(), xxh3_64(meta.source.as_bytes()));
        if let Some(known) = self.0.get(&key)
            && (Arc::ptr_eq(&known.schema, schema) || known.schema == *schema)
        {
            return (Arc::clone(known), false);
        }
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        let column_of = |place: Place<'_>| resolver(&meta.source, stream, place);
        let shape = Arc::new(Shape::new(plan, meta, schema, &column_of));
        self.0.insert(key, Arc::clone(&shape));
        (shape, true)
    }
}

/// Which column of a frame goes out as a place of points and records.
type ColumnOf<'a> = &'a dyn Fn(Place<'_>) -> Option<Arc<str>>;

/// What the projection says, as conditions ask for it.
struct Projected<'a>(ColumnOf<'a>);

impl Places for Projected<'_> {
    fn column(&self, place: Place<'_>) -> Option<Arc<str>> {
        (self.0)(place)
    }
}

/// Finds columns by their names, and by the attributes that they become.
struct Finder<'a> {
    schema: &'a Schema,
    column_of: ColumnOf<'a>,
}

impl Finder<'_> {
    fn named(&self, name: &str) -> Option<usize> {
        self.schema.fields().iter().position(|field| field.name() == name)
    }

    fn one(&self, name: &str) -> Option<usize> {
        self.named(name)
            .or_else(|| (self.column_of)(Place::Attribute(name)).and_then(|column| self.named(&column)))
    }

    /// The column of `name`, or of a name that means the same.
    fn find(&self, name: &str) -> Option<usize> {
        aliases(name).into_iter().find_map(|name| self.one(name))
    }

    /// The same, where the column holds numbers.
    fn number(&self, name: &str) -> Option<usize> {
        let is_number = |at: &usize| matches!(self.kind(*at), Some(ColumnType::Int | ColumnType::Double));
        let mut found = aliases(name).into_iter().filter_map(|name| self.one(name));
        found.find(is_number)
    }

    fn kind(&self, at: usize) -> Option<ColumnType> {
        ColumnType::of(self.schema.fields().get(at)?.data_type())
    }

    fn all(&self, kind: ColumnType) -> impl Iterator<Item = (usize, &str)> {
        let fields = self.schema.fields().iter().enumerate();
        let fields = fields.filter(move |(at, _)| self.kind(*at) == Some(kind));
        fields.map(|(at, field)| (at, field.name().as_str()))
    }
}

impl Shape {
    fn new(plan: &Plan, meta: &FrameMeta, schema: &SchemaRef, column_of: ColumnOf<'_>) -> Self {
        let stream = meta.id.stream.name();
        // Queries of one's own show what servers have counted; the other receivers make differences of it.
        let are_totals = meta.source.split('/').next() == Some("sqlquery");
        let finder = Finder { schema, column_of };
        let statement = finder
            .find("query_text")
            .filter(|at| finder.kind(*at) == Some(ColumnType::Text));
        let identity = finder.find("query_id");
        let (required, lacks) = required(plan, &finder, statement.is_some() || identity.is_some());
        let texts = texts(plan, &finder, statement);
        let doubles = finder.all(ColumnType::Double);
        let numbers = doubles.chain(finder.all(ColumnType::Int));
        let figures = Figures {
            min: finder.number("min_exec_time"),
            mean: finder.number("mean_exec_time"),
            max: finder.number("max_exec_time"),
            calls: finder.number("calls"),
            total: finder.number("total_exec_time"),
        };
        let mut rules = Vec::new();
        for (number, rule) in plan.rules.iter().enumerate() {
            if rule.stream.as_deref().is_none_or(|only| only == stream) {
                rules.push((number, rule.condition.bind(schema, &Projected(column_of))));
            }
        }
        Self {
            stream: stream.into(),
            statement,
            required,
            lacks,
            limited: limited(plan, &finder, &texts),
            integers: integers(plan, &finder),
            texts: texts
                .into_iter()
                .filter(|text| is_scanned(plan, &finder, text))
                .collect(),
            numbers: numbers.map(|(at, name)| (at, names::range(name))).collect(),
            times: finder.all(ColumnType::Time).map(|(at, _)| at).collect(),
            figures,
            series: series(&finder, identity, figures, are_totals),
            rules,
            schema: Arc::clone(schema),
        }
    }

    /// The name of a column.
    pub(super) fn name(&self, at: usize) -> &str {
        self.schema.fields().get(at).map_or("", |field| field.name())
    }
}

/// What rows of a stream of statements must have, and what of it they can never have.
fn required(plan: &Plan, finder: &Finder<'_>, is_of_statements: bool) -> (Required, Vec<Arc<str>>) {
    let (mut required, mut lacks) = (Vec::new(), Vec::new());
    if is_of_statements {
        for name in &plan.required {
            match finder.find(name) {
                Some(at) => required.push((Arc::clone(name), at)),
                None => lacks.push(Arc::clone(name)),
            }
        }
    }
    (required, lacks)
}

/// All columns of texts.
fn texts(plan: &Plan, finder: &Finder<'_>, statement: Option<usize>) -> Vec<TextColumn> {
    let with_role = |role| {
        let mut fields = finder.schema.fields().iter();
        fields.position(|field| role_of(field) == Some(role))
    };
    let projected = || (finder.column_of)(Place::Body).and_then(|column| finder.named(&column));
    let body = with_role(Role::Body)
        .or_else(projected)
        .or_else(|| finder.named("body"));
    let kind = |at: usize, name: &str| {
        if names::is_plan(name) || plan.plan_columns.contains(name) {
            TextKind::Plan
        } else if Some(at) == statement || aliases("query_text").contains(&name) {
            TextKind::Query
        } else if Some(at) == body {
            TextKind::Body
        } else {
            TextKind::Attribute
        }
    };
    let columns = finder.all(ColumnType::Text);
    columns
        .map(|(at, name)| TextColumn {
            at,
            kind: kind(at, name),
        })
        .collect()
}

fn is_scanned(plan: &Plan, finder: &Finder<'_>, text: &TextColumn) -> bool {
    let name = finder
        .schema
        .fields()
        .get(text.at)
        .map_or("", |field| field.name().as_str());
    if text.kind == TextKind::Attribute {
        return plan.is_attribute_scanned(name);
    }
    plan.scans(text.kind) && !plan.skipped_columns.contains(name)
}

/// Columns of whole numbers that go out as attributes under their own names, and are neither identifiers nor
/// amounts as far as these say.
fn integers(plan: &Plan, finder: &Finder<'_>) -> Vec<usize> {
    let is_attribute = |at: usize, name: &str| {
        finder
            .schema
            .fields()
            .get(at)
            .is_some_and(|field| is_attribute(field))
            || (finder.column_of)(Place::Attribute(name)).as_deref() == Some(name)
    };
    let columns = finder.all(ColumnType::Int).filter(|(at, name)| {
        is_attribute(*at, name)
            && plan.is_attribute_scanned(name)
            && !names::is_number_of_server(name)
            && names::range(name) == Range::Any
    });
    columns.map(|(at, _)| at).collect()
}

fn limited(plan: &Plan, finder: &Finder<'_>, texts: &[TextColumn]) -> Vec<usize> {
    if plan.max_distinct == 0 {
        return Vec::new();
    }
    if plan.limited.is_empty() {
        let attributes = texts.iter().filter(|text| text.kind == TextKind::Attribute);
        return attributes.map(|text| text.at).collect();
    }
    let mut found: Vec<usize> = plan.limited.iter().filter_map(|name| finder.one(name)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn series(
    finder: &Finder<'_>,
    identity: Option<usize>,
    figures: Figures,
    are_totals: bool,
) -> Option<SeriesColumns> {
    let has_mean = figures.mean.is_some() || (figures.total.is_some() && figures.calls.is_some());
    let mut columns = vec![identity.filter(|_| has_mean)?];
    for name in ["database", "user", "toplevel"] {
        columns.extend(finder.find(name).filter(|at| !columns.contains(at)));
    }
    Some(SeriesColumns {
        identity: columns,
        calls: figures.calls,
        total: figures.total,
        mean: figures.mean,
        are_totals,
    })
}
