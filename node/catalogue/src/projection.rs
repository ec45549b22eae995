//! Projections: what the rows of a stream become when they leave, after the receiver's switches.

use std::collections::HashMap;
use std::sync::Arc;

use ringwatch_frame::Place;

use crate::model::{Event, Metric, Stream};

/// What the rows of one stream of one receiver become.
#[derive(Clone, Debug)]
pub struct Projection {
    /// The instrumentation scope, `ringwatch.postgresql`.
    pub scope: String,
    /// The metrics that are on.
    pub metrics: Vec<Metric>,
    /// The records that are on: each row becomes one of each that it fits.
    pub events: Vec<Event>,
}

impl Projection {
    /// The projection of `stream`, with the metrics that `metric_on` lets through.
    pub fn of(engine: &str, stream: &Stream, metric_on: impl Fn(&Metric) -> bool) -> Self {
        Self {
            scope: format!("ringwatch.{engine}"),
            metrics: stream
                .metrics
                .iter()
                .filter(|metric| metric_on(metric))
                .cloned()
                .collect(),
            events: stream.events().cloned().collect(),
        }
    }

    /// The column that holds what is asked for, in the points or in the first record that has it.
    pub fn column_of(&self, place: Place<'_>) -> Option<&str> {
        let mut events = self.events.iter();
        let column = match place {
            Place::Attribute(key) => return self.attribute(key),
            Place::Body => events.find_map(|event| event.body.as_ref()),
            Place::SeverityText => events.find_map(|event| event.severity_text.as_ref()),
            Place::SeverityNumber => events.find_map(|event| event.severity_number.as_ref()),
            Place::Timestamp => {
                let of_points = self.metrics.iter().find_map(|metric| metric.timestamp.as_ref());
                of_points.or_else(|| events.find_map(|event| event.timestamp.as_ref()))
            }
        };
        column.map(String::as_str)
    }

    fn attribute(&self, key: &str) -> Option<&str> {
        let of_points = self.metrics.iter().find_map(|metric| metric.attributes.get(key));
        let attributes = self.events.iter().flat_map(|event| &event.attributes);
        let mut of_record = attributes.filter(|attribute| attribute.key == key);
        of_points
            .or_else(|| of_record.next().map(|attribute| &attribute.column))
            .map(String::as_str)
    }

    /// Whether nothing comes of the rows.
    pub fn is_empty(&self) -> bool {
        self.metrics.is_empty() && self.events.is_empty()
    }
}

/// The projections of a node, by receiver and stream. Exporters look here; frames do not carry them.
#[derive(Clone, Debug, Default)]
pub struct Projections(HashMap<Arc<str>, HashMap<String, Arc<Projection>>>);

impl Projections {
    /// Sets the projection of `stream` (its catalogue name) as the receiver `source` collects it.
    pub fn insert(&mut self, source: &str, stream: &str, projection: Projection) {
        self.0
            .entry(source.into())
            .or_default()
            .insert(stream.to_owned(), Arc::new(projection));
    }

    /// The projection of `stream` of `source`.
    pub fn get(&self, source: &str, stream: &str) -> Option<&Arc<Projection>> {
        self.0.get(source)?.get(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalogue;

    #[test]
    fn places_are_found_in_points_and_in_the_first_record_that_has_them() {
        let catalogue = Catalogue::embedded().unwrap();
        let engine = catalogue.engine("postgresql").unwrap();
        let stream = engine.stream("postgresql.statements").unwrap();
        let mut projection = Projection::of(&engine.engine, stream, |_| true);
        assert_eq!(
            projection.column_of(Place::Attribute("db.namespace")),
            Some("datname")
        );
        let empty = [
            Place::Body,
            Place::SeverityText,
            Place::SeverityNumber,
            Place::Timestamp,
        ];
        for place in empty {
            assert_eq!(projection.column_of(place), None, "{place:?}");
        }
        let plain = projection.events[0].clone();
        projection.events.push(Event {
            body: Some("query_text".into()),
            severity_text: Some("level".into()),
            severity_number: Some("number".into()),
            timestamp: Some("at".into()),
            ..plain
        });
        let found = empty.map(|place| projection.column_of(place));
        let wanted = ["query_text", "level", "number", "at"];
        assert_eq!(found, wanted.map(Some));
    }
}
