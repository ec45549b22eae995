//! What the catalogue says about columns, asked once for each receiver and stream.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use ringwatch_frame::Place;
use ringwatch_parse::expr::Places;

use super::Lookup;

/// How many places of one stream are remembered.
const REMEMBERED_PLACES: usize = 256;

/// The projections of all streams that came.
pub(super) struct Projections {
    lookup: Lookup,
    known: HashMap<Arc<str>, HashMap<Arc<str>, Projection>>,
}

impl Projections {
    pub(super) fn new(lookup: Lookup) -> Self {
        Self {
            lookup,
            known: HashMap::new(),
        }
    }

    /// That of a stream of a receiver. There are as many as the configuration and the catalogue name.
    pub(super) fn of(&mut self, source: &Arc<str>, stream: &str) -> &mut Projection {
        let new = || Projection {
            source: Arc::clone(source),
            stream: stream.into(),
            lookup: self.lookup.clone(),
            columns: RefCell::default(),
            attributes: RefCell::default(),
            schema: None,
        };
        let streams = self.known.entry(Arc::clone(source)).or_default();
        if !streams.contains_key(stream) {
            streams.insert(stream.into(), new());
        }
        streams.entry(stream.into()).or_insert_with(new)
    }
}

/// Keys and their columns.
type Attributes = Vec<(Arc<str>, Arc<str>)>;

/// What is known of one stream.
pub(super) struct Projection {
    source: Arc<str>,
    stream: Arc<str>,
    lookup: Lookup,
    columns: RefCell<Vec<(Known, Option<Arc<str>>)>>,
    attributes: RefCell<Option<Attributes>>,
    /// That of the last frame that went on.
    schema: Option<SchemaRef>,
}

/// A place that was asked for.
#[derive(Debug, PartialEq, Eq)]
enum Known {
    Attribute(Arc<str>),
    Body,
    SeverityText,
    SeverityNumber,
    Timestamp,
}

impl Known {
    fn of(place: Place<'_>) -> Self {
        match place {
            Place::Attribute(key) => Self::Attribute(key.into()),
            Place::Body => Self::Body,
            Place::SeverityText => Self::SeverityText,
            Place::SeverityNumber => Self::SeverityNumber,
            Place::Timestamp => Self::Timestamp,
        }
    }

    fn is(&self, place: Place<'_>) -> bool {
        match (self, place) {
            (Self::Attribute(known), Place::Attribute(key)) => **known == *key,
            (Self::Body, Place::Body)
            | (Self::SeverityText, Place::SeverityText)
            | (Self::SeverityNumber, Place::SeverityNumber)
            | (Self::Timestamp, Place::Timestamp) => true,
            _ => false,
        }
    }
}

impl Projection {
    /// The rows with the schema of the frame before, where they have the same: who comes after may compare by
    /// address.
    pub(super) fn with_known_schema(&mut self, rows: RecordBatch) -> RecordBatch {
        if let Some(schema) = &self.schema
            && *schema == *rows.schema_ref()
        {
            let known = Arc::clone(schema);
            return rows.clone().with_schema(known).unwrap_or(rows);
        }
        self.schema = Some(rows.schema());
        rows
    }
}

impl Places for Projection {
    fn column(&self, place: Place<'_>) -> Option<Arc<str>> {
        let mut known = self.columns.borrow_mut();
        if let Some((_, column)) = known.iter().find(|(known, _)| known.is(place)) {
            return column.clone();
        }
        let column = (self.lookup.column)(&self.source, &self.stream, place);
        // Keys may come out of the rows themselves, as many as their writer likes.
        if known.len() >= REMEMBERED_PLACES {
            known.clear();
        }
        known.push((Known::of(place), column.clone()));
        column
    }

    fn attributes(&self) -> Vec<(Arc<str>, Arc<str>)> {
        let mut known = self.attributes.borrow_mut();
        known
            .get_or_insert_with(|| (self.lookup.attributes)(&self.source, &self.stream))
            .clone()
    }
}
