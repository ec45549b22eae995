//! `batch`: puts frames together into larger requests.

mod target;

use prometheus::{Histogram, IntCounter, Registry, exponential_buckets};
use ringwatch_config::settings::Batch as Settings;
use ringwatch_frame::Batch;
use tokio::time::Instant;

use self::target::{Target, Trigger};
use crate::metrics::{counters, histograms};
use crate::{PipelineError, Processor};

/// Holds frames until there are enough rows, or until the oldest has waited for the timeout.
pub struct BatchProcessor {
    name: String,
    timeout: std::time::Duration,
    target: Target,
    most: usize,
    held: Batch,
    since: Option<Instant>,
    metrics: Metrics,
}

struct Metrics {
    by_timeout: IntCounter,
    by_size: IntCounter,
    size: Histogram,
}

impl BatchProcessor {
    /// The batch processor `name` of `pipeline`; its metrics carry both.
    ///
    /// # Errors
    /// When its metrics are registered already.
    pub fn new(
        pipeline: &str,
        name: &str,
        settings: &Settings,
        registry: &Registry,
    ) -> Result<Self, PipelineError> {
        let constant = [("pipeline", pipeline), ("processor", name)];
        let count = |what| counters(registry, what, &constant, &[]);
        let by_timeout = count((
            "otelcol_processor_batch_timeout_trigger_send",
            "Batches that went on because of their age",
        ))?;
        let by_size = count((
            "otelcol_processor_batch_batch_size_trigger_send",
            "Batches that went on because of their size",
        ))?;
        let size = ("otelcol_processor_batch_batch_send_size", "Rows of a batch");
        let buckets = exponential_buckets(10.0, 4.0, 8).unwrap_or_default();
        let size = histograms(registry, size, &constant, buckets)?;
        Ok(Self {
            name: name.to_owned(),
            timeout: *settings.timeout,
            target: Target::new(settings.send_batch_size, settings.send_batch_max_size),
            most: match settings.send_batch_max_size {
                0 => usize::MAX,
                most => usize::try_from(most).unwrap_or(usize::MAX),
            },
            held: Batch::default(),
            since: None,
            metrics: Metrics {
                by_timeout: by_timeout.with_label_values::<&str>(&[]),
                by_size: by_size.with_label_values::<&str>(&[]),
                size: size.with_label_values::<&str>(&[]),
            },
        })
    }

    fn send(&mut self, trigger: Trigger, out: &mut Vec<Batch>) {
        self.since = None;
        if self.held.is_empty() {
            return;
        }
        self.target.sent(trigger);
        match trigger {
            Trigger::Size => self.metrics.by_size.inc(),
            Trigger::Timeout => self.metrics.by_timeout.inc(),
        }
        let batch = std::mem::take(&mut self.held);
        #[expect(clippy::cast_precision_loss, reason = "rows of one batch")]
        self.metrics.size.observe(batch.rows() as f64);
        out.push(batch);
    }

    /// Adds a frame, in parts where it is larger than the rest of the batch may be.
    fn add(&mut self, frame: ringwatch_frame::Frame, out: &mut Vec<Batch>) {
        let mut rest = Some(frame);
        while let Some(frame) = rest.take() {
            let held = usize::try_from(self.held.rows()).unwrap_or(usize::MAX);
            let (part, more) = frame.split(self.most.saturating_sub(held).max(1));
            self.held.push(part);
            rest = more;
            if self.held.rows() >= self.target.rows().min(self.most as u64) {
                self.send(Trigger::Size, out);
            }
        }
    }
}

impl Processor for BatchProcessor {
    fn name(&self) -> &str {
        &self.name
    }

    fn process(&mut self, batch: Batch, out: &mut Vec<Batch>) {
        for frame in batch.into_frames() {
            self.add(frame, out);
        }
        if self.timeout.is_zero() {
            self.send(Trigger::Timeout, out);
        } else if !self.held.is_empty() && self.since.is_none() {
            self.since = Some(Instant::now());
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.since.map(|since| since + self.timeout)
    }

    fn on_deadline(&mut self, _now: Instant, out: &mut Vec<Batch>) {
        self.send(Trigger::Timeout, out);
    }

    fn flush(&mut self, out: &mut Vec<Batch>) {
        self.send(Trigger::Timeout, out);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use proptest::prelude::*;
    use ringwatch_frame::Books;

    use super::*;
    use crate::testing::{frame, settings};

    fn processor(yaml: &str) -> BatchProcessor {
        BatchProcessor::new("metrics", "batch", &settings(yaml), &Registry::new()).unwrap()
    }

    fn sizes(out: &[Batch]) -> Vec<u64> {
        out.iter().map(Batch::rows).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn size_and_time_send_a_batch() {
        let books = Arc::new(Books::default());
        let mut processor = processor("timeout: 1s\nsend_batch_size: 10");
        let mut out = Vec::new();
        processor.process(frame(&books, 4).into(), &mut out);
        assert_eq!(
            (sizes(&out), processor.deadline()),
            (vec![], Some(Instant::now() + Duration::from_secs(1)))
        );
        processor.process(frame(&books, 7).into(), &mut out);
        assert_eq!((sizes(&out), processor.deadline()), (vec![11], None));
        processor.process(frame(&books, 3).into(), &mut out);
        processor.on_deadline(Instant::now(), &mut out);
        assert_eq!(sizes(&out), [11, 3]);
        out.into_iter().for_each(Batch::deliver);
        assert!(books.snapshot().balanced());
    }

    #[tokio::test(start_paused = true)]
    async fn no_batch_is_larger_than_the_maximum_and_zero_waits_for_nothing() {
        let books = Arc::new(Books::default());
        let mut small = processor("timeout: 1s\nsend_batch_size: 10\nsend_batch_max_size: 10");
        let mut out = Vec::new();
        small.process(frame(&books, 34).into(), &mut out);
        small.flush(&mut out);
        assert_eq!(sizes(&out), [10, 10, 10, 4]);
        let mut at_once = processor("timeout: 0s");
        at_once.process(frame(&books, 0).into(), &mut out);
        assert_eq!(
            sizes(&out),
            [10, 10, 10, 4, 0],
            "a frame without rows says that there was nothing"
        );
        out.into_iter().for_each(Batch::deliver);
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out_in_order(rows in prop::collection::vec(0_usize..300, 1..20), size in 1_u64..200, extra in 0_u64..100) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let _inside = runtime.enter();
            let books = Arc::new(Books::default());
            let most = size + extra;
            let mut processor = processor(&format!("timeout: 1s\nsend_batch_size: {size}\nsend_batch_max_size: {most}"));
            let mut out = Vec::new();
            for rows in &rows {
                processor.process(frame(&books, *rows).into(), &mut out);
            }
            processor.flush(&mut out);
            prop_assert!(out.iter().all(|batch| batch.rows() <= most), "{:?}", sizes(&out));
            prop_assert_eq!(sizes(&out).iter().sum::<u64>(), rows.iter().sum::<usize>() as u64);
            out.into_iter().for_each(Batch::deliver);
            let end = books.snapshot();
            prop_assert!(end.balanced() && end.dropped_total() == 0, "{:?}", end);
        }
    }
}
