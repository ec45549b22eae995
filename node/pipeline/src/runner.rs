//! A pipeline at work: one task that takes frames through the processors to the outlets.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use prometheus::{Histogram, IntCounter};
use ringwatch_frame::{Batch, DropReason, Frame};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::throttle::Throttle;
use crate::{Outlet, PipelineError, PipelineMetrics, Processor};

/// How long after its deadline a pipeline may still discard what is left.
const GRACE: Duration = Duration::from_secs(1);

/// Where frames enter a pipeline.
#[derive(Clone, Debug)]
pub struct PipelineInput {
    frames: mpsc::Sender<Frame>,
    name: Arc<str>,
    log: Arc<Throttle>,
}

impl PipelineInput {
    /// Takes a frame without ever waiting. Where there is no room, or the pipeline has ended, the frame is
    /// dropped and counted.
    pub fn offer(&self, frame: Frame) {
        match self.frames.try_send(frame) {
            Ok(()) => {}
            Err(TrySendError::Full(frame)) => {
                if let Some(rows) = self.log.pass(frame.rows()) {
                    tracing::warn!(pipeline = %self.name, rows,
                        "the pipeline is full: frames were dropped; its processors or exporters are too slow");
                }
                frame.discard(DropReason::PipelineFull);
            }
            Err(TrySendError::Closed(frame)) => frame.discard(DropReason::Shutdown),
        }
    }

    /// Whether the pipeline takes frames: it has not been stopped and no processor has panicked.
    pub fn is_running(&self) -> bool {
        !self.frames.is_closed()
    }

    /// How many frames wait for the first processor.
    pub fn waiting(&self) -> usize {
        self.frames.max_capacity() - self.frames.capacity()
    }
}

/// A running pipeline. Dropping it lets the pipeline end by itself, with all that it holds delivered.
#[derive(Debug)]
pub struct PipelineHandle {
    name: Arc<str>,
    stop: oneshot::Sender<Instant>,
    task: JoinHandle<()>,
}

impl PipelineHandle {
    /// Takes no further frame, lets the rest go through the processors to the outlets and waits for that. What is
    /// left at `deadline` is dropped as [`DropReason::Shutdown`].
    ///
    /// # Errors
    /// When a processor panicked, now or before, or one is still at work well after the deadline.
    pub async fn stop(mut self, deadline: Instant) -> Result<(), PipelineError> {
        // the pipeline may have ended before; its end is told below
        let _ = self.stop.send(deadline);
        let pipeline = || self.name.to_string();
        match timeout_at(deadline + GRACE, &mut self.task).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(PipelineError::Panicked { pipeline: pipeline() }),
            Err(_) => Err(PipelineError::Overdue { pipeline: pipeline() }),
        }
    }
}

/// Starts a pipeline with room for `capacity` waiting frames, at least one. Each outlet gets every batch.
///
/// # Errors
/// When there is no outlet.
pub fn start_pipeline(
    name: &str,
    processors: Vec<Box<dyn Processor>>,
    outlets: Vec<Arc<dyn Outlet>>,
    capacity: usize,
    metrics: &PipelineMetrics,
) -> Result<(PipelineInput, PipelineHandle), PipelineError> {
    if outlets.is_empty() {
        return Err(PipelineError::NoOutlet {
            pipeline: name.to_owned(),
        });
    }
    let stages = processors
        .into_iter()
        .map(|processor| Stage {
            incoming: metrics.incoming.with_label_values(&[processor.name(), name]),
            outgoing: metrics.outgoing.with_label_values(&[processor.name(), name]),
            processor,
        })
        .collect();
    let name: Arc<str> = name.into();
    let seconds = metrics.seconds.with_label_values(&[&name]);
    let runner = Runner {
        name: Arc::clone(&name),
        stages,
        outlets,
        seconds,
    };
    let (input, frames) = mpsc::channel(capacity.max(1));
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(runner.run(frames, stopped));
    let input = PipelineInput {
        frames: input,
        name: Arc::clone(&name),
        log: Arc::default(),
    };
    Ok((input, PipelineHandle { name, stop, task }))
}

struct Stage {
    processor: Box<dyn Processor>,
    incoming: IntCounter,
    outgoing: IntCounter,
}

impl Stage {
    fn process(&mut self, batches: Vec<Batch>) -> Vec<Batch> {
        let mut out = Vec::with_capacity(batches.len());
        for batch in batches {
            self.incoming.inc_by(batch.rows());
            self.processor.process(batch, &mut out);
        }
        self.count(out)
    }

    fn count(&self, out: Vec<Batch>) -> Vec<Batch> {
        self.outgoing.inc_by(out.iter().map(Batch::rows).sum());
        out
    }
}

fn through(stages: &mut [Stage], batches: Vec<Batch>) -> Vec<Batch> {
    stages
        .iter_mut()
        .fold(batches, |batches, stage| stage.process(batches))
}

struct Runner {
    name: Arc<str>,
    stages: Vec<Stage>,
    outlets: Vec<Arc<dyn Outlet>>,
    seconds: Histogram,
}

impl Runner {
    async fn run(mut self, mut frames: mpsc::Receiver<Frame>, mut stopped: oneshot::Receiver<Instant>) {
        let deadline = loop {
            // Looking at the clock before each frame, and not only when a timer wakes the task, keeps frames that
            // never end from holding up the timers; taking frames before the timer keeps timers from holding up frames.
            self.serve(Instant::now()).await;
            let due = self
                .stages
                .iter()
                .filter_map(|stage| stage.processor.deadline())
                .min();
            tokio::select! {
                biased;
                deadline = &mut stopped => break deadline.ok(),
                frame = frames.recv() => match frame {
                    Some(frame) => self.take(frame).await,
                    None => break None,
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
        };
        self.finish(frames, deadline).await;
    }

    async fn take(&mut self, frame: Frame) {
        let start = Instant::now();
        let batches = self.pass(0, vec![frame.into()]).await;
        self.seconds.observe(start.elapsed().as_secs_f64());
        self.give(batches);
    }

    /// Calls the processors whose time has come.
    async fn serve(&mut self, now: Instant) {
        for at in 0..self.stages.len() {
            let stage = &mut self.stages[at];
            if stage.processor.deadline().is_some_and(|deadline| deadline <= now) {
                let mut out = Vec::new();
                stage.processor.on_deadline(now, &mut out);
                let out = stage.count(out);
                let batches = self.pass(at + 1, out).await;
                self.give(batches);
            }
        }
    }

    /// Takes what is left through, in order, until `deadline`; then drops it.
    async fn finish(mut self, mut frames: mpsc::Receiver<Frame>, deadline: Option<Instant>) {
        let is_over = || deadline.is_some_and(|deadline| Instant::now() >= deadline);
        frames.close();
        let mut lost = 0;
        while let Some(frame) = frames.recv().await {
            if is_over() {
                lost += frame.rows();
                frame.discard(DropReason::Shutdown);
            } else {
                self.take(frame).await;
            }
        }
        for at in 0..self.stages.len() {
            let stage = &mut self.stages[at];
            let mut out = Vec::new();
            stage.processor.flush(&mut out);
            let out = stage.count(out);
            if is_over() {
                lost += out.iter().map(Batch::rows).sum::<u64>();
                out.into_iter()
                    .for_each(|batch| batch.discard(DropReason::Shutdown));
            } else {
                let batches = self.pass(at + 1, out).await;
                self.give(batches);
            }
        }
        if lost > 0 {
            tracing::warn!(pipeline = %self.name, rows = lost, "the deadline passed before all rows went through");
        }
    }

    /// Takes batches through the processors from `first` on: on a thread of its own where one of them computes long.
    async fn pass(&mut self, first: usize, batches: Vec<Batch>) -> Vec<Batch> {
        if batches.is_empty() {
            return batches;
        }
        if !self.stages[first..]
            .iter()
            .any(|stage| stage.processor.is_heavy())
        {
            return through(&mut self.stages[first..], batches);
        }
        let mut stages = std::mem::take(&mut self.stages);
        let passing = spawn_blocking(move || {
            let batches = through(&mut stages[first..], batches);
            (stages, batches)
        });
        match passing.await {
            Ok((stages, batches)) => {
                self.stages = stages;
                batches
            }
            // a panic, or the whole program ends: either ends this pipeline
            Err(error) => resume_unwind(error.try_into_panic().unwrap_or_else(|error| Box::new(error))),
        }
    }

    fn give(&self, batches: Vec<Batch>) {
        for batch in batches.into_iter().filter(|batch| !batch.is_empty()) {
            if let Some((last, others)) = self.outlets.split_last() {
                others.iter().for_each(|outlet| outlet.accept(batch.copy()));
                last.accept(batch);
            }
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(pipeline = %self.name, "a processor panicked: the pipeline has ended and its frames are lost");
        }
    }
}

#[cfg(test)]
#[path = "runner_test.rs"]
mod tests;
