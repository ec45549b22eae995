//! `memory_limiter`: refuses frames before memory runs out.

mod limits;
mod memory;

use std::sync::Arc;
use std::time::Duration;

use prometheus::IntCounter;
use ringwatch_config::settings::MemoryLimiter as Settings;
use ringwatch_frame::{Batch, Books, DropReason};
use tokio::time::Instant;

use crate::throttle::Throttle;
use crate::{PipelineError, PipelineMetrics, Processor};

pub use memory::{available_memory, process_rss};

/// Refuses frames while the frames in flight, or the process, hold as much as `limit - spike`. Frames are looked
/// at one by one, the process every `check_interval`.
pub struct MemoryLimiter {
    name: String,
    books: Arc<Books>,
    refuse_from: u64,
    interval: Duration,
    rss: fn() -> Option<u64>,
    process_is_full: bool,
    next_look: Instant,
    refused: IntCounter,
    log: Throttle,
}

impl MemoryLimiter {
    /// A limiter of this process.
    ///
    /// # Errors
    /// When the settings give no limit, two, or one that leaves no room.
    pub fn new(
        name: &str,
        settings: &Settings,
        books: &Arc<Books>,
        metrics: &PipelineMetrics,
    ) -> Result<Self, PipelineError> {
        Self::with_rss(name, settings, books, metrics, process_rss)
    }

    /// A limiter that asks `rss` for the memory of the process in bytes.
    ///
    /// # Errors
    /// As for [`MemoryLimiter::new`].
    pub fn with_rss(
        name: &str,
        settings: &Settings,
        books: &Arc<Books>,
        metrics: &PipelineMetrics,
        rss: fn() -> Option<u64>,
    ) -> Result<Self, PipelineError> {
        if settings.check_interval.is_zero() {
            return Err(PipelineError::setting(
                name,
                "`check_interval` is 0: write a duration such as 1s",
            ));
        }
        let refuse_from = limits::refuse_from(settings, available_memory)
            .map_err(|problem| PipelineError::setting(name, problem))?;
        metrics
            .limit
            .with_label_values(&[name])
            .set(i64::try_from(refuse_from).unwrap_or(i64::MAX));
        let mut limiter = Self {
            name: name.to_owned(),
            books: Arc::clone(books),
            refuse_from,
            interval: *settings.check_interval,
            rss,
            process_is_full: false,
            next_look: Instant::now(),
            refused: metrics.refused.with_label_values(&[name]),
            log: Throttle::default(),
        };
        limiter.look(Instant::now());
        Ok(limiter)
    }

    fn look(&mut self, now: Instant) {
        let is_full = (self.rss)().is_some_and(|bytes| bytes >= self.refuse_from);
        if is_full != self.process_is_full {
            let limit = self.refuse_from;
            if is_full {
                tracing::warn!(processor = %self.name, limit, "the process holds too much memory: frames are refused");
            } else {
                tracing::info!(processor = %self.name, limit, "memory is below the limit: frames are taken again");
            }
        }
        self.process_is_full = is_full;
        self.next_look = now + self.interval;
    }

    fn refuses(&self) -> bool {
        self.process_is_full || self.books.in_flight_bytes() >= self.refuse_from
    }
}

impl Processor for MemoryLimiter {
    fn name(&self) -> &str {
        &self.name
    }

    fn process(&mut self, batch: Batch, out: &mut Vec<Batch>) {
        let mut taken = Batch::default();
        for frame in batch.into_frames() {
            if self.refuses() {
                self.refused.inc_by(frame.rows());
                // What the process holds is told when it changes; what frames hold may change with each of them.
                if !self.process_is_full
                    && let Some(rows) = self.log.pass(frame.rows())
                {
                    let (limit, in_flight) = (self.refuse_from, self.books.in_flight_bytes());
                    tracing::warn!(processor = %self.name, rows, limit, in_flight,
                        "frames on their way hold too much memory: frames were refused");
                }
                frame.discard(DropReason::MemoryLimit);
            } else {
                taken.push(frame);
            }
        }
        if !taken.is_empty() {
            out.push(taken);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.next_look)
    }

    fn on_deadline(&mut self, now: Instant, _out: &mut Vec<Batch>) {
        self.look(now);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use super::*;
    use crate::testing::{assert_at_rest, dropped, frame, metrics};

    const MIB: u64 = 1024 * 1024;

    fn settings() -> Settings {
        Settings {
            check_interval: ringwatch_config::Duration::from_secs(1),
            limit_mib: Some(10),
            spike_limit_mib: Some(9),
            limit_percentage: None,
            spike_limit_percentage: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn frames_are_refused_while_too_much_is_in_flight() {
        let books = Arc::new(Books::default());
        let metrics = metrics();
        let mut limiter =
            MemoryLimiter::with_rss("memory_limiter", &settings(), &books, &metrics, || None).unwrap();
        let large = frame(&books, 0, 200_000);
        assert!(books.in_flight_bytes() >= MIB);
        let mut out = Vec::new();
        limiter.process(frame(&books, 0, 3).into(), &mut out);
        assert!(out.is_empty());
        assert_eq!(dropped(&books, DropReason::MemoryLimit), 3);
        large.deliver();
        limiter.process(frame(&books, 0, 4).into(), &mut out);
        assert_eq!(out.len(), 1);
        out.into_iter().for_each(Batch::deliver);
        assert_at_rest(&books);
        assert_eq!(metrics.refused.with_label_values(&["memory_limiter"]).get(), 3);
        assert_eq!(
            metrics.limit.with_label_values(&["memory_limiter"]).get(),
            1024 * 1024
        );
    }

    #[tokio::test(start_paused = true)]
    async fn frames_are_refused_while_the_process_is_too_large() {
        static RSS: AtomicU64 = AtomicU64::new(0);
        let books = Arc::new(Books::default());
        let rss = || Some(RSS.load(Relaxed));
        let mut limiter = MemoryLimiter::with_rss("m", &settings(), &books, &metrics(), rss).unwrap();
        let mut out = Vec::new();
        let mut passes = |limiter: &mut MemoryLimiter| {
            limiter.process(frame(&books, 0, 1).into(), &mut out);
            let passed = !out.is_empty();
            out.drain(..).for_each(Batch::deliver);
            passed
        };
        assert!(passes(&mut limiter));
        RSS.store(MIB, Relaxed);
        assert!(passes(&mut limiter), "it looks every second only");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(limiter.deadline().unwrap() <= Instant::now());
        limiter.on_deadline(Instant::now(), &mut Vec::new());
        assert!(limiter.deadline().unwrap() > Instant::now());
        assert!(!passes(&mut limiter));
        RSS.store(MIB - 1, Relaxed);
        limiter.on_deadline(Instant::now(), &mut Vec::new());
        assert!(passes(&mut limiter));
        assert_at_rest(&books);
    }

    #[tokio::test]
    async fn wrong_settings_are_told() {
        let zero = Settings {
            check_interval: ringwatch_config::Duration::default(),
            ..settings()
        };
        let books = Arc::default();
        for settings in [
            zero,
            Settings {
                limit_mib: None,
                ..settings()
            },
        ] {
            assert!(MemoryLimiter::new("m", &settings, &books, &metrics()).is_err());
        }
    }
}
