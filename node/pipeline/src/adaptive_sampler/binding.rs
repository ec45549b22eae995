//! The rules on the schemas of streams.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use ringwatch_frame::{FrameMeta, Place, Resource};
use ringwatch_parse::expr::{self, Bound, EvalError, Faults, Places};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::fingerprint::Source;
use super::plan::Plan;
use crate::Resolver;

/// How many streams are remembered.
const REMEMBERED: usize = 4096;

/// The rules and the key on rows of one schema.
pub(super) struct Binding {
    schema: SchemaRef,
    rules: Vec<Bound>,
    pub(super) source: Source,
}

impl Binding {
    /// Which rule each of `rows` matches first, in `out`; `default` where none does. A rule that cannot be
    /// evaluated at all matches nothing, and is told.
    pub(super) fn ask(
        &self,
        rows: &RecordBatch,
        resource: &Resource,
        default: u8,
        out: &mut [u8],
        faults: &mut Faults,
    ) -> Result<(), EvalError> {
        out.fill(default);
        let mut result = Ok(());
        for (number, rule) in (0..default).zip(&self.rules) {
            match rule.mask_noting(rows, resource, faults) {
                Ok(mask) => {
                    for row in mask.values().set_indices() {
                        if let Some(place) = out.get_mut(row)
                            && *place == default
                        {
                            *place = number;
                        }
                    }
                }
                Err(error) => result = Err(error),
            }
        }
        result
    }
}

/// What was bound, by receiver and stream.
#[derive(Default)]
pub(super) struct Bindings(HashMap<u64, Binding>);

impl Bindings {
    /// The rules on the schema of a frame, bound once for as long as its stream keeps its columns.
    pub(super) fn of(
        &mut self,
        plan: &Plan,
        resolver: &Resolver,
        meta: &FrameMeta,
        schema: &SchemaRef,
    ) -> &Binding {
        let stream = meta.id.stream.name();
        let key = xxh3_64_with_seed(stream.as_bytes(), xxh3_64(meta.source.as_bytes()));
        let is_known = self
            .0
            .get(&key)
            .is_some_and(|known| Arc::ptr_eq(&known.schema, schema) || known.schema == *schema);
        if !is_known && self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        if !is_known {
            self.0.remove(&key);
        }
        self.0.entry(key).or_insert_with(|| {
            let column_of = |place: Place<'_>| resolver(&meta.source, stream, place);
            let places = Projected(&column_of);
            Binding {
                rules: plan
                    .rules
                    .iter()
                    .map(|rule| rule.condition.bind(schema, &places))
                    .collect(),
                source: Source::bind(&plan.key, schema, &column_of),
                schema: Arc::clone(schema),
            }
        })
    }
}

/// What the projection says, as conditions ask for it.
struct Projected<'a>(super::fingerprint::ColumnOf<'a>);

impl Places for Projected<'_> {
    fn column(&self, place: expr::Place<'_>) -> Option<Arc<str>> {
        (self.0)(match place {
            expr::Place::Attribute(key) => Place::Attribute(key),
            expr::Place::Body => Place::Body,
            expr::Place::SeverityText => Place::SeverityText,
            expr::Place::SeverityNumber => Place::SeverityNumber,
            expr::Place::Timestamp => Place::Timestamp,
        })
    }
}
