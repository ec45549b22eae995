//! Exporter `debug`: what it gets, in the log (target `ringwatch::debug`).

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ringwatch_catalogue::Projections;
use ringwatch_config::settings::{DebugExporter, Verbosity};
use ringwatch_frame::{Batch, Cell, Frame};
use tokio::time::Instant;

use crate::Signal;
use crate::admit::{Admission, projection};
use crate::project::{Number, Plain, Shape, for_each_point, for_each_record};
use crate::queue::QueueState;
use crate::status::{Activity, CircuitState, ExporterStatus};

const SECOND: Duration = Duration::from_secs(1);

/// A `debug` exporter. There is nothing to stop: it writes and is done.
#[derive(Clone, Debug)]
pub struct DebugHandle(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    verbosity: Verbosity,
    sampler: Mutex<Sampler>,
    admission: Admission,
    activity: Activity,
}

/// The exporter `name`.
pub fn debug(name: &str, settings: &DebugExporter, projections: Arc<Projections>) -> DebugHandle {
    DebugHandle(Arc::new(Inner {
        name: name.to_owned(),
        verbosity: settings.verbosity,
        sampler: Mutex::new(Sampler::new(settings)),
        admission: Admission::new(projections),
        activity: Activity::default(),
    }))
}

impl DebugHandle {
    /// Takes a batch of a pipeline of this signal: writes it, if its turn is now, and counts it as delivered.
    pub fn accept(&self, signal: Signal, batch: Batch) {
        let batch = self.0.admission.admit(batch);
        let now = Instant::now();
        if self
            .0
            .sampler
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pass(now)
        {
            self.0.write(signal, &batch);
        }
        batch.deliver();
        self.0.activity.attempted(true);
    }

    /// How it stands. What it takes is written at once.
    pub fn status(&self) -> ExporterStatus {
        self.0
            .activity
            .status(QueueState::without_end(), CircuitState::Closed)
    }
}

impl Inner {
    fn write(&self, signal: Signal, batch: &Batch) {
        let (exporter, signal_name) = (&self.name, format!("{signal:?}").to_lowercase());
        let (frames, rows) = (batch.frames().len(), batch.rows());
        match self.verbosity {
            Verbosity::Basic => {
                tracing::info!(target: "ringwatch::debug", exporter, signal = signal_name, frames, rows, "batch");
            }
            Verbosity::Normal => batch
                .frames()
                .iter()
                .for_each(|frame| self.write_frame(&signal_name, frame)),
            Verbosity::Detailed => batch
                .frames()
                .iter()
                .for_each(|frame| self.write_rows(signal, frame)),
        }
    }

    fn write_frame(&self, signal: &str, frame: &Frame) {
        let (exporter, id, rows) = (&self.name, frame.id(), frame.rows());
        tracing::info!(
            target: "ringwatch::debug",
            exporter, signal, target_id = %id.target, stream = %id.stream, tick = %id.tick, rows, "frame"
        );
    }

    fn write_rows(&self, signal: Signal, frame: &Frame) {
        let Some(projection) = projection(&self.admission.projections, frame) else {
            return;
        };
        let (exporter, id) = (&self.name, frame.id());
        match signal {
            Signal::Metrics => for_each_point(frame, projection, |spot| {
                let (metric, attributes) = (&spot.metric.name, text(spot.attributes));
                let value = match spot.value {
                    Number::Int(int) => int.to_string(),
                    Number::Double(double) => double.to_string(),
                };
                let time = spot.metric.timestamp.as_ref().map(|_| rfc3339(spot.time));
                tracing::info!(
                    target: "ringwatch::debug",
                    exporter, target_id = %id.target, tick = %id.tick, metric, value, time, attributes, "point"
                );
            }),
            Signal::Logs => {
                for event in &projection.events {
                    for_each_record(frame, event, |places, row, attributes| {
                        let name = Some(&event.name).filter(|name| !name.is_empty());
                        let time = event.timestamp.as_ref().map(|_| rfc3339(places.time(row)));
                        let number = Some(places.severity_number(row)).filter(|number| *number > 0);
                        let severity = places.severity_text(row).map(|text| text.to_string());
                        let body = places.body(row).map(|body| body.to_string());
                        let attributes = text(attributes);
                        tracing::info!(
                            target: "ringwatch::debug",
                            exporter, target_id = %id.target, tick = %id.tick, event = name, time, severity,
                            severity_number = number, body, attributes, "record"
                        );
                    });
                }
            }
        }
    }
}

/// Nanoseconds since the Unix epoch as an instant.
fn rfc3339(nanos: u64) -> String {
    let instant = i64::try_from(nanos).unwrap_or(i64::MAX);
    let shape = Shape {
        text: true,
        ..Shape::default()
    };
    shape
        .apply(Cell::Time(instant))
        .map_or_else(String::new, |text| text.to_string())
}

/// `a="x" b=2`, with texts quoted and escaped.
fn text(attributes: &[(&str, Plain<'_>)]) -> String {
    let mut text = String::new();
    for (key, value) in attributes {
        let space = if text.is_empty() { "" } else { " " };
        let _ = match value {
            Plain::Text(value) => write!(text, "{space}{key}={value:?}"),
            value => write!(text, "{space}{key}={value}"),
        };
    }
    text
}

/// Which batches of a second are written: the first ones, then every n-th.
#[derive(Debug)]
struct Sampler {
    initial: u64,
    thereafter: u64,
    began: Option<Instant>,
    seen: u64,
}

impl Sampler {
    fn new(settings: &DebugExporter) -> Self {
        Self {
            initial: settings.sampling_initial,
            thereafter: settings.sampling_thereafter,
            began: None,
            seen: 0,
        }
    }

    fn pass(&mut self, now: Instant) -> bool {
        if self
            .began
            .is_none_or(|began| now.saturating_duration_since(began) >= SECOND)
        {
            self.began = Some(now);
            self.seen = 0;
        }
        self.seen += 1;
        let after = self.seen.saturating_sub(self.initial);
        after == 0 || (self.thereafter > 0 && after.is_multiple_of(self.thereafter))
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
