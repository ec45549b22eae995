//! `plan_extractor`: takes attributes out of execution plans.
//!
//! A plan is text in a column of a frame. Each distinct text is read once: to one tree, from which come the attributes
//! and what is to be remarked on; and it is written again without its literals. Text that cannot be read as a plan does
//! not go on, because nobody can say what it holds. The texts of a frame are those of the frame before wherever they
//! can be (`pool`): to copy thousands of plans at each reading takes longer than all else that is done here.
//!
//! [`PlanExtractor`] is the component of the configuration; the processors of all pipelines that name it share what
//! was read.

mod attach;
mod cache;
mod extract;
mod latency;
mod metrics;
mod pool;

use std::sync::Arc;

use ringwatch_config::settings::PlanExtractor as Settings;
use ringwatch_frame::{Batch, DropReason, Frame, FrameId};
use xxhash_rust::xxh3::xxh3_64_with_seed;

pub use metrics::PlanMetrics;

use crate::Processor;
use crate::throttle::Throttle;
use attach::{Wanted, attach};
use extract::Extractor;

/// The component as the configuration names it.
#[derive(Clone)]
pub struct PlanExtractor {
    name: Arc<str>,
    wanted: Arc<Wanted>,
    extractor: Arc<Extractor>,
}

/// How it is.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanExtractorStatus {
    /// Its name in the configuration.
    pub name: String,
    /// Plans that are remembered.
    pub cached: u64,
    /// Bytes that they take.
    pub cached_bytes: u64,
    /// The share of plans that were known already, of all that came.
    pub hit_rate: f64,
    /// Milliseconds within which 99 of 100 of the plans were read that were read last.
    pub p99_ms: f64,
    /// Plans that could not be read.
    pub rejected: u64,
}

impl PlanExtractor {
    /// The component of these settings.
    pub fn new(name: &str, settings: &Settings, metrics: &PlanMetrics) -> Self {
        Self {
            name: name.into(),
            wanted: Arc::new(Wanted::new(settings)),
            extractor: Arc::new(Extractor::new(name, settings, metrics)),
        }
    }

    /// Its work in a pipeline.
    pub fn processor(&self) -> PlanExtractorProcessor {
        PlanExtractorProcessor {
            parts: self.clone(),
            log: Throttle::default(),
        }
    }

    /// How it is.
    pub fn status(&self) -> PlanExtractorStatus {
        self.extractor.status(&self.name)
    }
}

/// Its work in one pipeline.
pub struct PlanExtractorProcessor {
    parts: PlanExtractor,
    log: Throttle,
}

impl PlanExtractorProcessor {
    /// The frame with the attributes of its plans.
    fn extract(&mut self, frame: &mut Frame) -> Result<(), arrow_schema::ArrowError> {
        let Some(column) = self.parts.wanted.plan_column(frame.batch().schema_ref()) else {
            return Ok(());
        };
        let (mut plans, mut refused) = (0, None);
        let extractor = &self.parts.extractor;
        let stream = stream_of(frame.id());
        let rows = attach(frame.batch(), column, &self.parts.wanted, |texts| {
            let (pool, places) = extractor.pool(stream, texts);
            let mut errors = places.iter().filter_map(|place| place.err());
            refused = errors.next();
            plans = u64::from(refused.is_some()) + errors.count() as u64;
            (pool, places)
        })?;
        frame.set_columns(rows)?;
        if let Some(error) = refused
            && let Some(plans) = self.log.pass(plans)
        {
            let (target, stream) = (&frame.id().target, &frame.id().stream);
            tracing::warn!(processor = %self.parts.name, %target, %stream, plans, %error,
                "plans could not be read, and were taken out");
        }
        Ok(())
    }
}

/// The hash of target and stream.
fn stream_of(id: &FrameId) -> u64 {
    let parts = [
        id.target.as_str(),
        id.stream.name(),
        id.stream.database().unwrap_or_default(),
    ];
    let mix = |seed, part: &str| xxh3_64_with_seed(part.as_bytes(), seed);
    parts.into_iter().fold(0, mix)
}

impl Processor for PlanExtractorProcessor {
    fn name(&self) -> &str {
        &self.parts.name
    }

    fn process(&mut self, batch: Batch, out: &mut Vec<Batch>) {
        let mut passed = Batch::default();
        for mut frame in batch.into_frames() {
            match self.extract(&mut frame) {
                Ok(()) => passed.push(frame),
                Err(error) => {
                    tracing::error!(processor = %self.parts.name, %error, "the columns of a frame do not fit");
                    frame.discard(DropReason::Invalid);
                }
            }
        }
        if !passed.is_empty() {
            out.push(passed);
        }
    }

    fn is_heavy(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
