//! `rate_limiter`: limits what each target is asked for, and how many rows of it go on.
//!
//! Readings are limited before they are made: [`Limits`] is asked for leave, after the breaker. Rows are
//! limited here, by the processor: each target has a bucket in each pipeline that names it, and what is
//! beyond it is dropped from the end of the frame.

mod adaptive;
mod bucket;
mod limits;
mod metrics;
mod overrides;
mod schedule;
mod status;

use std::collections::HashMap;
use std::sync::Arc;

use ringwatch_frame::{Batch, DropReason, Frame, TargetId};
use tokio::time::Instant;

use crate::Processor;
use crate::throttle::Throttle;
use bucket::Bucket;

pub use limits::Limits;
pub use metrics::LimiterMetrics;
pub use overrides::OverrideError;
pub use status::{LimitStatus, OverLimit};

/// So many buckets are kept before those of targets that are gone are dropped.
const KEPT: usize = 1024;

/// Drops rows beyond the limits of their targets.
pub struct RateLimiterProcessor {
    limits: Arc<Limits>,
    buckets: HashMap<TargetId, Bucket>,
    log: Throttle,
}

impl RateLimiterProcessor {
    /// The processor of these limits.
    pub fn new(limits: Arc<Limits>) -> Self {
        Self {
            limits,
            buckets: HashMap::new(),
            log: Throttle::default(),
        }
    }

    /// The part of the frame that may go on.
    fn limited(&mut self, frame: Frame, now: Instant) -> Option<Frame> {
        let target = &frame.id().target;
        let Some(rate) = self.limits.rows(target) else {
            return Some(frame);
        };
        if self.buckets.len() >= KEPT && !self.buckets.contains_key(target) {
            let limits = &self.limits;
            self.buckets.retain(|target, _| limits.covers(target));
        }
        let bucket = self
            .buckets
            .entry(target.clone())
            .or_insert_with(|| Bucket::new(now));
        let (rows, taken) = (frame.rows(), bucket.take_up_to(frame.rows(), rate, now));
        if taken == rows {
            return Some(frame);
        }
        if let Some(rows) = self.log.pass(rows - taken) {
            tracing::warn!(processor = self.limits.name(), %target, rows, limit = rate.per_second,
                "there are more rows a second than may go on: those beyond were dropped");
        }
        if taken == 0 {
            frame.discard(DropReason::RateLimited);
            return None;
        }
        let (kept, beyond) = frame.split(usize::try_from(taken).unwrap_or(usize::MAX));
        if let Some(beyond) = beyond {
            beyond.discard(DropReason::RateLimited);
        }
        Some(kept)
    }
}

impl Processor for RateLimiterProcessor {
    fn name(&self) -> &str {
        self.limits.name()
    }

    fn process(&mut self, batch: Batch, out: &mut Vec<Batch>) {
        let now = Instant::now();
        let mut passed = Batch::default();
        for frame in batch.into_frames() {
            if let Some(frame) = self.limited(frame, now) {
                passed.push(frame);
            }
        }
        if !passed.is_empty() {
            out.push(passed);
        }
    }
}

#[cfg(test)]
mod tests;
