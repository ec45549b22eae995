//! The pipeline's task.

use std::sync::Arc;

use prometheus::{Histogram, IntCounter, Registry, exponential_buckets};
use ringwatch_frame::{Batch, DropReason, Frame};
use tokio::sync::mpsc::{self, Receiver, Sender, error::TrySendError};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::metrics::{counters, histograms};
use crate::{Outlet, PipelineError, Processor};

/// Where frames enter a pipeline.
#[derive(Clone, Debug)]
pub struct PipelineInput(Sender<Frame>);

impl PipelineInput {
    /// Takes a frame. Never waits: when the input is full, or the pipeline has ended, the frame is dropped and counted.
    pub fn offer(&self, frame: Frame) {
        match self.0.try_send(frame) {
            Ok(()) => {}
            Err(TrySendError::Full(frame)) => frame.discard(DropReason::PipelineFull),
            Err(TrySendError::Closed(frame)) => frame.discard(DropReason::Shutdown),
        }
    }

    /// Whether the pipeline still takes frames.
    pub fn is_running(&self) -> bool {
        !self.0.is_closed()
    }

    /// Frames that wait to enter.
    pub fn waiting(&self) -> usize {
        self.0.max_capacity() - self.0.capacity()
    }
}

/// A running pipeline.
#[derive(Debug)]
#[must_use = "a pipeline that is dropped goes on, but cannot be stopped"]
pub struct PipelineHandle {
    name: String,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl PipelineHandle {
    /// Takes no new frame, leads what is inside through and flushes every processor. What is not through at
    /// `deadline` is dropped.
    pub async fn stop(self, deadline: Instant) {
        self.stop.cancel();
        let abort = self.task.abort_handle();
        match timeout_at(deadline, self.task).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(pipeline = self.name, %error, "the pipeline ended before it was stopped");
            }
            Err(_) => {
                abort.abort();
                tracing::warn!(pipeline = self.name, "the pipeline was not empty at the deadline");
            }
        }
    }
}

/// Starts a pipeline of these processors, which gives its batches to every outlet. `capacity` is the number of
/// frames that may wait to enter.
///
/// # Errors
/// When its metrics are registered already, which means that there are two pipelines of one name.
pub fn start_pipeline(
    name: &str,
    processors: Vec<Box<dyn Processor>>,
    outlets: Vec<Arc<dyn Outlet>>,
    capacity: usize,
    registry: &Registry,
) -> Result<(PipelineInput, PipelineHandle), PipelineError> {
    let steps = steps(name, processors, registry)?;
    let help = (
        "ringwatch_pipeline_seconds",
        "Time of a frame in the processors of the pipeline, in seconds",
    );
    let seconds = histograms(
        registry,
        help,
        &[("pipeline", name)],
        exponential_buckets(1e-5, 4.0, 9).unwrap_or_default(),
    )?;
    let (sender, input) = mpsc::channel(capacity.max(1));
    let stop = CancellationToken::new();
    let pipeline = Pipeline {
        steps,
        outlets,
        seconds: seconds.with_label_values::<&str>(&[]),
    };
    let task = tokio::spawn(pipeline.run(input, stop.clone()));
    Ok((
        PipelineInput(sender),
        PipelineHandle {
            name: name.to_owned(),
            stop,
            task,
        },
    ))
}

/// A processor with its counters.
struct Step {
    processor: Box<dyn Processor>,
    incoming: IntCounter,
    outgoing: IntCounter,
}

fn steps(
    name: &str,
    processors: Vec<Box<dyn Processor>>,
    registry: &Registry,
) -> Result<Vec<Step>, PipelineError> {
    let constant = [("pipeline", name)];
    let incoming = (
        "otelcol_processor_incoming_items",
        "Rows that entered the processor",
    );
    let incoming = counters(registry, incoming, &constant, &["processor"])?;
    let outgoing = ("otelcol_processor_outgoing_items", "Rows that left the processor");
    let outgoing = counters(registry, outgoing, &constant, &["processor"])?;
    let step = |processor: Box<dyn Processor>| Step {
        incoming: incoming.with_label_values(&[processor.name()]),
        outgoing: outgoing.with_label_values(&[processor.name()]),
        processor,
    };
    Ok(processors.into_iter().map(step).collect())
}

struct Pipeline {
    steps: Vec<Step>,
    outlets: Vec<Arc<dyn Outlet>>,
    seconds: Histogram,
}

impl Pipeline {
    async fn run(mut self, mut input: Receiver<Frame>, stop: CancellationToken) {
        loop {
            let deadline = self
                .steps
                .iter()
                .filter_map(|step| step.processor.deadline())
                .min();
            let wake = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                // A deadline that has come goes first: a flood of frames must not hold a batch back.
                () = wake => self.on_deadline(Instant::now()),
                () = stop.cancelled(), if !input.is_closed() => input.close(),
                frame = input.recv() => match frame {
                    Some(frame) => self.enter(frame),
                    None => break,
                },
            }
        }
        self.flush();
    }

    fn enter(&mut self, frame: Frame) {
        let begun = Instant::now();
        self.lead(0, vec![Batch::from(frame)]);
        self.seconds.observe(begun.elapsed().as_secs_f64());
    }

    /// Leads batches through the processors from number `from` on, and to the outlets.
    fn lead(&mut self, from: usize, mut batches: Vec<Batch>) {
        for step in &mut self.steps[from..] {
            let mut out = Vec::with_capacity(batches.len());
            for batch in batches {
                step.incoming.inc_by(batch.rows());
                step.processor.process(batch, &mut out);
            }
            step.outgoing.inc_by(out.iter().map(Batch::rows).sum());
            batches = out;
        }
        batches
            .into_iter()
            .filter(|batch| !batch.is_empty())
            .for_each(|batch| self.give(batch));
    }

    fn on_deadline(&mut self, now: Instant) {
        for at in 0..self.steps.len() {
            if self.steps[at]
                .processor
                .deadline()
                .is_some_and(|deadline| deadline <= now)
            {
                let mut out = Vec::new();
                self.steps[at].processor.on_deadline(now, &mut out);
                self.leave(at, out);
            }
        }
    }

    fn flush(&mut self) {
        for at in 0..self.steps.len() {
            let mut out = Vec::new();
            self.steps[at].processor.flush(&mut out);
            self.leave(at, out);
        }
    }

    /// Batches that processor number `at` gave without having been given one just now.
    fn leave(&mut self, at: usize, out: Vec<Batch>) {
        self.steps[at].outgoing.inc_by(out.iter().map(Batch::rows).sum());
        self.lead(at + 1, out);
    }

    fn give(&self, batch: Batch) {
        if let Some((last, others)) = self.outlets.split_last() {
            for outlet in others {
                outlet.accept(batch.copy());
            }
            last.accept(batch);
        } else {
            batch.discard(DropReason::Invalid);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::BatchProcessor;
    use crate::testing::{Collected, frame, settings};
    use ringwatch_frame::Books;

    fn batch_of(registry: &Registry, yaml: &str) -> Box<dyn Processor> {
        Box::new(BatchProcessor::new("metrics", "batch", &settings(yaml), registry).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_flushes_and_every_outlet_gets_everything() {
        let (books, registry) = (Arc::new(Books::default()), Registry::new());
        let (one, two) = (Arc::new(Collected::default()), Arc::new(Collected::default()));
        let outlets: Vec<Arc<dyn Outlet>> = vec![one.clone(), two.clone()];
        let processors = vec![batch_of(&registry, "timeout: 10s")];
        let (input, handle) = start_pipeline("metrics", processors, outlets, 16, &registry).unwrap();
        for _ in 0..3 {
            input.offer(frame(&books, 5));
        }
        handle.stop(Instant::now() + Duration::from_secs(5)).await;
        assert_eq!((one.rows(), two.rows()), (15, 15));
        assert!(!input.is_running());
        input.offer(frame(&books, 2));
        let end = books.snapshot();
        assert!(end.balanced(), "{end:?}");
        assert_eq!(
            (
                end.copied_rows,
                end.delivered_rows,
                end.dropped_total(),
                end.in_flight_rows
            ),
            (15, 30, 2, 0)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_input_drops_and_counts() {
        let (books, registry) = (Arc::new(Books::default()), Registry::new());
        let outlet = Arc::new(Collected::default());
        let (input, handle) =
            start_pipeline("metrics", Vec::new(), vec![outlet.clone()], 2, &registry).unwrap();
        // The task has not run yet: the input is all there is.
        for _ in 0..5 {
            input.offer(frame(&books, 1));
        }
        assert_eq!(
            books.snapshot().dropped_rows[DropReason::PipelineFull as usize],
            3
        );
        handle.stop(Instant::now() + Duration::from_secs(1)).await;
        assert_eq!(outlet.rows(), 2);
        assert!(books.snapshot().balanced());
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_fires_although_frames_keep_coming() {
        let (books, registry) = (Arc::new(Books::default()), Registry::new());
        let outlet = Arc::new(Collected::default());
        let processors = vec![batch_of(&registry, "timeout: 1s")];
        let (input, handle) =
            start_pipeline("metrics", processors, vec![outlet.clone()], 16, &registry).unwrap();
        for _ in 0..25 {
            input.offer(frame(&books, 1));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(outlet.batches() >= 2, "two seconds have passed");
        handle.stop(Instant::now() + Duration::from_secs(1)).await;
        assert_eq!(outlet.rows(), 25);
    }
}
