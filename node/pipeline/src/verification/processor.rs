//! The edge: frames in, frames out, findings noted.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::{Batch, DropReason, Frame};
use tokio::time::Instant;

use super::core::{Core, Failure};
use super::metrics::Series;
use super::shared::Shared;
use crate::throttle::Throttle;
use crate::{Processor, Resolver};

/// The slowest of so many batches shows whether the checks are quick.
const LATEST: usize = 64;
/// So often what was learnt is handed to the keeper, and feedback fades.
const TIDY_EVERY: Duration = Duration::from_secs(300);

/// A verification's work in one pipeline.
pub struct VerificationProcessor {
    name: String,
    pipeline: String,
    shared: Arc<Shared>,
    core: Core,
    latest: VecDeque<f64>,
    tidy_at: Option<Instant>,
    log: Throttle,
}

impl VerificationProcessor {
    pub(super) fn new(
        name: &str,
        pipeline: &str,
        shared: Arc<Shared>,
        resolver: Resolver,
        series: Series,
    ) -> Self {
        let core = Core::new(name, pipeline, Arc::clone(&shared), resolver, series);
        let processor = Self {
            name: name.to_owned(),
            pipeline: pipeline.to_owned(),
            core,
            latest: VecDeque::with_capacity(LATEST),
            tidy_at: None,
            log: Throttle::default(),
            shared,
        };
        // A file that cannot be written shows at the start and not when it is missed.
        processor.shared.save();
        processor.core.show_thresholds();
        processor
    }

    /// A frame that could not be checked does not leave.
    fn tell(&self, frame: &Frame, error: &Failure) {
        if let Some(rows) = self.log.pass(frame.rows()) {
            let id = frame.id();
            tracing::error!(processor = %self.name, target_id = %id.target, stream = %id.stream, rows, %error,
                "rows could not be checked: frames were dropped");
        }
    }

    fn show(&mut self, took: f64) {
        if self.latest.len() >= LATEST {
            self.latest.pop_front();
        }
        self.latest.push_back(took);
        let slowest = self.latest.iter().copied().fold(0.0, f64::max);
        self.core.show(slowest * 1000.0);
    }
}

impl Processor for VerificationProcessor {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_heavy(&self) -> bool {
        true
    }

    fn process(&mut self, batch: Batch, out: &mut Vec<Batch>) {
        let start = Instant::now();
        self.core.obey();
        let mut checked = Batch::default();
        for mut frame in batch.into_frames() {
            match self.core.check(&mut frame) {
                Ok(()) => checked.push(frame),
                Err(error) => {
                    self.tell(&frame, &error);
                    frame.discard(DropReason::Invalid);
                }
            }
        }
        let took = start.elapsed().as_secs_f64();
        self.core.series.seconds.observe(took);
        self.show(took);
        self.tidy_at.get_or_insert(start + TIDY_EVERY);
        if !checked.is_empty() {
            out.push(checked);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.tidy_at
    }

    fn on_deadline(&mut self, now: Instant, _: &mut Vec<Batch>) {
        if self.tidy_at.is_some_and(|at| at <= now) {
            self.tidy_at = None;
            self.shared.tidy();
            self.core.tidy();
            self.flush(&mut Vec::new());
        }
    }

    fn flush(&mut self, _: &mut Vec<Batch>) {
        self.shared.learn(&self.pipeline, self.core.thresholds());
    }
}
