//! `transform`: changes rows by statements in OpenTelemetry's transformation language.

mod places;
mod program;

use std::collections::HashMap;
use std::sync::Arc;

use prometheus::IntCounter;
use ringwatch_config::settings::{ErrorMode, TransformProcessor as Settings};
use ringwatch_frame::{Batch, Clock, DropReason, Frame, Resource, Tick};
use ringwatch_parse::expr::{Applied, EvalError, Faults, Program};

use crate::throttle::Throttle;
use crate::{PipelineError, PipelineMetrics, Processor, Resolver};
use places::Projections;
pub use program::check;

/// All attributes of the points and records of a stream that come from columns: of receiver and stream, their
/// keys and their columns.
pub type Attributes = Arc<dyn Fn(&str, &str) -> Vec<(Arc<str>, Arc<str>)> + Send + Sync>;

/// What a pipeline carries: which statements of a transform are for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Rows that become metrics.
    Metrics,
    /// Rows that become log records.
    Logs,
}

/// What the catalogue says about columns.
#[derive(Clone)]
pub struct Lookup {
    /// Which column holds a place.
    pub column: Resolver,
    /// Which columns are attributes. What works on all attributes sees no others but those that processors
    /// added.
    pub attributes: Attributes,
}

/// How many resources are remembered.
const REMEMBERED: usize = 4096;

/// Changes the rows, and the resource, of each frame by statements. The rules for columns are those of the
/// `attributes` processor; `body`, `severity_text` and `severity_number` are columns with a role.
pub struct TransformProcessor {
    name: String,
    mode: ErrorMode,
    program: Program,
    projections: Projections,
    clock: Clock,
    /// What resources became, by the address of the one that came, which is kept so that the address stays
    /// its own.
    resources: HashMap<usize, (Arc<Resource>, Arc<Resource>)>,
    faults: IntCounter,
    log: Throttle,
}

impl TransformProcessor {
    /// A processor for a pipeline of `signal`. `clock` is what `Now()` asks.
    ///
    /// # Errors
    /// When a statement cannot be used, for this signal or the other.
    pub fn new(
        name: &str,
        settings: &Settings,
        signal: Signal,
        lookup: Lookup,
        clock: Clock,
        metrics: &PipelineMetrics,
    ) -> Result<Self, PipelineError> {
        let (of_metrics, of_logs) = program::compile(name, settings)?;
        Ok(Self {
            name: name.to_owned(),
            mode: settings.error_mode,
            program: match signal {
                Signal::Metrics => of_metrics,
                Signal::Logs => of_logs,
            },
            projections: Projections::new(lookup),
            clock,
            resources: HashMap::new(),
            faults: metrics.transform_faults.with_label_values(&[name]),
            log: Throttle::default(),
        })
    }

    /// The frame changed, or nothing where it was dropped.
    fn change(&mut self, mut frame: Frame, now: Tick) -> Option<Frame> {
        let mut faults = Faults::default();
        let (source, stream) = (&frame.meta().source, frame.id().stream.name());
        let places = self.projections.of(source, stream);
        let applied = self
            .program
            .apply(frame.batch(), &frame.meta().resource, places, now, &mut faults);
        self.faults.inc_by(faults.count());
        if let Some(first) = faults.first() {
            let is_dropped = self.mode == ErrorMode::Propagate;
            if self.mode != ErrorMode::Silent {
                self.tell(&frame, first, is_dropped);
            }
            if is_dropped {
                frame.discard(DropReason::Invalid);
                return None;
            }
        }
        match applied.and_then(|applied| self.put(&mut frame, applied)) {
            Ok(()) => Some(frame),
            Err(error) => {
                self.tell(&frame, &error.to_string(), true);
                frame.discard(DropReason::Invalid);
                None
            }
        }
    }

    fn put(&mut self, frame: &mut Frame, applied: Applied) -> Result<(), EvalError> {
        if let Some(resource) = applied.resource {
            let resource = self.shared(&frame.meta().resource, resource);
            frame.set_resource(resource);
        }
        if !applied.is_changed {
            return Ok(());
        }
        let (source, stream) = (&frame.meta().source, frame.id().stream.name());
        let rows = self
            .projections
            .of(source, stream)
            .with_known_schema(applied.rows);
        Ok(frame.set_columns(rows)?)
    }

    /// `new` as it was shared before, so that frames of one target still have one resource.
    fn shared(&mut self, came: &Arc<Resource>, new: Resource) -> Arc<Resource> {
        let address = Arc::as_ptr(came).addr();
        if let Some((_, made)) = self.resources.get(&address)
            && **made == new
        {
            return Arc::clone(made);
        }
        if self.resources.len() >= REMEMBERED {
            self.resources.clear();
        }
        let made = Arc::new(new);
        self.resources
            .insert(address, (Arc::clone(came), Arc::clone(&made)));
        made
    }

    fn tell(&self, frame: &Frame, fault: &str, is_dropped: bool) {
        let Some(rows) = self.log.pass(frame.rows()) else {
            return;
        };
        let id = frame.id();
        let outcome = if is_dropped {
            "frames were dropped"
        } else {
            "what they concern stays as it was"
        };
        tracing::warn!(processor = %self.name, target_id = %id.target, stream = %id.stream, rows, fault,
            "statements could not be carried out: {outcome}");
    }
}

impl Processor for TransformProcessor {
    fn name(&self) -> &str {
        &self.name
    }

    fn process(&mut self, batch: Batch, out: &mut Vec<Batch>) {
        if self.program.is_empty() {
            out.push(batch);
            return;
        }
        let now = self.clock.now();
        let mut changed = Batch::default();
        for frame in batch.into_frames() {
            if let Some(frame) = self.change(frame, now) {
                changed.push(frame);
            }
        }
        if !changed.is_empty() {
            out.push(changed);
        }
    }
}

#[cfg(test)]
mod tests;
