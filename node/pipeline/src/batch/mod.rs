//! `batch`: puts frames together into larger requests.

mod size;

use std::time::Duration;

use prometheus::{Histogram, IntCounter};
use ringwatch_config::settings::Batch as Settings;
use ringwatch_frame::{Batch, Frame};
use tokio::time::Instant;

use crate::{PipelineError, PipelineMetrics, Processor};
use size::{Sizes, Trigger};

/// Holds frames until there are enough rows or the oldest has waited for the timeout.
pub struct BatchProcessor {
    name: String,
    timeout: Duration,
    sizes: Sizes,
    target: u64,
    held: Batch,
    held_rows: u64,
    /// When the first frame of what is held came.
    since: Option<Instant>,
    timeouts: IntCounter,
    fills: IntCounter,
    rows: Histogram,
    seconds: Histogram,
}

impl BatchProcessor {
    /// A processor that holds nothing yet.
    ///
    /// # Errors
    /// When the sizes contradict each other.
    pub fn new(name: &str, settings: &Settings, metrics: &PipelineMetrics) -> Result<Self, PipelineError> {
        let sizes = Sizes {
            base: settings.send_batch_size,
            max: settings.send_batch_max_size,
        };
        if sizes.base == 0 {
            return Err(PipelineError::setting(
                name,
                "`send_batch_size` is 0: write at least 1",
            ));
        }
        if sizes.max != 0 && sizes.max < sizes.base {
            let problem =
                "`send_batch_max_size` is less than `send_batch_size`: raise it, or write 0 for no limit";
            return Err(PipelineError::setting(name, problem));
        }
        Ok(Self {
            name: name.to_owned(),
            timeout: *settings.timeout,
            sizes,
            target: sizes.base,
            held: Batch::default(),
            held_rows: 0,
            since: None,
            timeouts: metrics.batch_timeouts.with_label_values(&[name]),
            fills: metrics.batch_fills.with_label_values(&[name]),
            rows: metrics.batch_rows.with_label_values(&[name]),
            seconds: metrics.batch_seconds.with_label_values(&[name]),
        })
    }

    fn add(&mut self, frame: Frame, now: Instant, out: &mut Vec<Batch>) {
        let mut rest = Some(frame);
        while let Some(frame) = rest.take() {
            let room = self
                .sizes
                .room(self.held_rows)
                .and_then(|rows| usize::try_from(rows).ok());
            let (frame, beyond) = frame.split(room.unwrap_or(usize::MAX));
            rest = beyond;
            self.held_rows += frame.rows();
            self.held.push(frame);
            self.since.get_or_insert(now);
            if self.held_rows >= self.target || self.timeout.is_zero() {
                self.fills.inc();
                if !self.timeout.is_zero() {
                    self.target = self.sizes.next_target(self.target, Trigger::Size);
                }
                self.send(out);
            }
        }
    }

    fn send(&mut self, out: &mut Vec<Batch>) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a histogram holds doubles, and no batch has 2^53 rows"
        )]
        self.rows.observe(self.held_rows as f64);
        out.push(std::mem::take(&mut self.held));
        self.held_rows = 0;
        if let Some(since) = self.since.take() {
            self.seconds.observe(since.elapsed().as_secs_f64());
        }
    }
}

impl Processor for BatchProcessor {
    fn name(&self) -> &str {
        &self.name
    }

    fn process(&mut self, batch: Batch, out: &mut Vec<Batch>) {
        let now = Instant::now();
        for frame in batch.into_frames() {
            self.add(frame, now, out);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.since.and_then(|since| since.checked_add(self.timeout))
    }

    fn on_deadline(&mut self, now: Instant, out: &mut Vec<Batch>) {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.timeouts.inc();
            self.target = self.sizes.next_target(self.target, Trigger::Timeout);
            self.send(out);
        }
    }

    fn flush(&mut self, out: &mut Vec<Batch>) {
        if !self.held.is_empty() {
            self.send(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ringwatch_frame::Books;

    use super::*;
    use crate::testing::{assert_at_rest, frame, metrics};

    fn processor(millis: u64, size: u64, max: u64) -> BatchProcessor {
        let settings = Settings {
            timeout: ringwatch_config::Duration::from_millis(millis),
            send_batch_size: size,
            send_batch_max_size: max,
        };
        BatchProcessor::new("batch", &settings, &metrics()).unwrap()
    }

    /// The rows of each batch that comes out when frames of these rows come in.
    fn batches(processor: &mut BatchProcessor, books: &Arc<Books>, frames: &[usize]) -> Vec<u64> {
        let mut out = Vec::new();
        for rows in frames {
            processor.process(frame(books, 0, *rows).into(), &mut out);
        }
        deliver(out)
    }

    fn deliver(out: Vec<Batch>) -> Vec<u64> {
        let rows = out.iter().map(Batch::rows).collect();
        out.into_iter().for_each(Batch::deliver);
        rows
    }

    #[tokio::test(start_paused = true)]
    async fn batches_go_on_by_size() {
        let books = Arc::new(Books::default());
        for (millis, size, max, frames, expected, held) in [
            (100, 10, 10, &[4, 4, 4][..], &[10][..], 2),
            (100, 10, 10, &[25], &[10, 10], 5),
            (100, 10, 0, &[25], &[25], 0),
            (100, 10, 0, &[10, 10, 10], &[10, 20], 0),
            (100, 10, 15, &[10, 10, 10], &[10, 15], 5),
            (100, 10, 10, &[0, 10, 0], &[10], 0),
            (0, 10, 0, &[3, 0, 50], &[3, 0, 50], 0),
            (0, 10, 20, &[3, 50], &[3, 20, 20, 10], 0),
        ] {
            let mut processor = processor(millis, size, max);
            assert_eq!(
                batches(&mut processor, &books, frames),
                expected,
                "{millis} {size} {max} {frames:?}"
            );
            assert_eq!(processor.held_rows, held, "{millis} {size} {max} {frames:?}");
            let mut out = Vec::new();
            processor.flush(&mut out);
            assert_eq!(deliver(out).iter().sum::<u64>(), held);
        }
        assert_at_rest(&books);
    }

    #[tokio::test(start_paused = true)]
    async fn batches_go_on_by_time_and_then_are_small_again() {
        let books = Arc::new(Books::default());
        let mut processor = processor(100, 10, 0);
        assert_eq!(processor.deadline(), None);
        assert_eq!(batches(&mut processor, &books, &[10, 5]), [10]);
        assert_eq!(processor.target, 20);
        let deadline = Instant::now() + Duration::from_millis(100);
        assert_eq!(processor.deadline(), Some(deadline));
        tokio::time::advance(Duration::from_millis(50)).await;
        assert!(batches(&mut processor, &books, &[5]).is_empty());
        assert_eq!(processor.deadline(), Some(deadline), "the oldest frame counts");
        let mut out = Vec::new();
        processor.on_deadline(Instant::now(), &mut out);
        assert!(out.is_empty(), "it is too early");
        tokio::time::advance(Duration::from_millis(50)).await;
        processor.on_deadline(Instant::now(), &mut out);
        assert_eq!(deliver(out), [10]);
        assert_eq!((processor.target, processor.deadline()), (10, None));
        assert_eq!(
            (
                processor.timeouts.get(),
                processor.fills.get(),
                processor.rows.get_sample_count(),
                processor.seconds.get_sample_sum()
            ),
            (1, 1, 2, 0.1)
        );
        assert_at_rest(&books);
    }

    #[test]
    fn sizes_that_contradict_each_other_are_refused() {
        for (size, max, works) in [(0, 0, false), (10, 5, false), (10, 10, true), (1, 0, true)] {
            let timeout = ringwatch_config::Duration::from_secs(1);
            let settings = Settings {
                timeout,
                send_batch_size: size,
                send_batch_max_size: max,
            };
            assert_eq!(BatchProcessor::new("batch", &settings, &metrics()).is_ok(), works);
        }
    }
}
