//! From the collector to the pipelines: which frames go where.

use std::collections::HashMap;
use std::sync::Arc;

use ringwatch_catalogue::{Projection, Projections};
use ringwatch_collect::Sink;
use ringwatch_deliver::Signal;
use ringwatch_frame::{DropReason, Frame};
use ringwatch_pipeline::PipelineInput;

use super::pipelines::INPUT_FRAMES;

/// The ways that frames of one receiver may take.
#[derive(Default)]
pub(super) struct Ways {
    metrics: Vec<PipelineInput>,
    logs: Vec<PipelineInput>,
}

impl Ways {
    /// Adds a pipeline of this signal.
    pub(super) fn add(&mut self, signal: Signal, input: PipelineInput) {
        match signal {
            Signal::Metrics => self.metrics.push(input),
            Signal::Logs => self.logs.push(input),
        }
    }

    /// The pipelines that want a frame with this projection.
    fn for_projection(&self, projection: &Projection) -> impl Iterator<Item = &PipelineInput> {
        let metrics = if projection.metrics.is_empty() {
            &[][..]
        } else {
            &self.metrics[..]
        };
        let logs = if projection.events.is_empty() {
            &[][..]
        } else {
            &self.logs[..]
        };
        metrics.iter().chain(logs)
    }
}

/// Offers each frame to every pipeline that its receiver is connected to and that wants the stream's signal.
pub(super) struct Router {
    ways: HashMap<String, Ways>,
    projections: Arc<Projections>,
}

impl Router {
    /// A router over `ways`, by receiver.
    pub(super) fn new(ways: HashMap<String, Ways>, projections: Arc<Projections>) -> Self {
        Self { ways, projections }
    }

    /// Whether the pipelines of a receiver would take many more frames at once. For frames that can wait.
    pub(super) fn has_room(&self, source: &str) -> bool {
        let ways = self.ways.get(source);
        let mut inputs = ways
            .into_iter()
            .flat_map(|ways| ways.metrics.iter().chain(&ways.logs));
        inputs.all(|input| input.waiting() < INPUT_FRAMES / 2)
    }
}

impl Sink for Router {
    fn offer(&self, frame: Frame) {
        let source = &*frame.meta().source;
        let known = self
            .projections
            .get(source, frame.id().stream.name())
            .zip(self.ways.get(source));
        let Some((projection, ways)) = known else {
            frame.discard(DropReason::Invalid);
            return;
        };
        let mut inputs = ways.for_projection(projection).peekable();
        let mut frame = Some(frame);
        while let Some(input) = inputs.next() {
            let one = if inputs.peek().is_some() {
                frame.as_ref().map(Frame::copy)
            } else {
                frame.take()
            };
            if let Some(one) = one {
                input.offer(one);
            }
        }
        if let Some(frame) = frame {
            frame.discard(DropReason::Invalid);
        }
    }
}
