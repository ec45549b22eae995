//! Projections: what the rows of a stream become when they leave, after the receiver's switches.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{Event, Metric, Stream};

/// What the rows of one stream of one receiver become.
#[derive(Clone, Debug)]
pub struct Projection {
    /// The instrumentation scope, `ringwatch.postgresql`.
    pub scope: String,
    /// The metrics that are on.
    pub metrics: Vec<Metric>,
    /// The record, if it is on.
    pub event: Option<Event>,
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
            event: stream.event.clone(),
        }
    }

    /// The column that holds the attribute `key` of the points or of the record.
    pub fn column_of(&self, key: &str) -> Option<&str> {
        let of_points = self.metrics.iter().find_map(|metric| metric.attributes.get(key));
        let attributes = self.event.iter().flat_map(|event| &event.attributes);
        let mut of_record = attributes.filter(|attribute| attribute.key == key);
        of_points
            .or_else(|| of_record.next().map(|attribute| &attribute.column))
            .map(String::as_str)
    }

    /// Whether nothing comes of the rows.
    pub fn is_empty(&self) -> bool {
        self.metrics.is_empty() && self.event.is_none()
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
