//! What may enter an exporter: frames that the catalogue knows.

use std::sync::Arc;

use ringwatch_catalogue::{Projection, Projections};
use ringwatch_frame::{Batch, DropReason, Frame};

use crate::throttle::Throttle;

/// The projection of `frame`, if the node knows it.
pub(crate) fn projection<'a>(projections: &'a Projections, frame: &Frame) -> Option<&'a Arc<Projection>> {
    projections.get(&frame.meta().source, frame.id().stream.name())
}

/// Keeps the frames that have a projection; the others end as `invalid`, since nobody can say what their rows mean.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) projections: Arc<Projections>,
    log: Throttle,
}

impl Admission {
    pub(crate) fn new(projections: Arc<Projections>) -> Self {
        Self {
            projections,
            log: Throttle::default(),
        }
    }

    /// The part of `batch` that can be exported and is this node's to deliver.
    pub(crate) fn admit(&self, mut batch: Batch) -> Batch {
        batch.drop_withdrawn();
        if batch
            .frames()
            .iter()
            .all(|frame| projection(&self.projections, frame).is_some())
        {
            return batch;
        }
        let (known, unknown): (Vec<_>, Vec<_>) = batch
            .into_frames()
            .into_iter()
            .partition(|frame| projection(&self.projections, frame).is_some());
        for frame in unknown {
            if self.log.pass().is_some() {
                let (stream, source) = (&frame.id().stream, &frame.meta().source);
                tracing::warn!(%stream, %source, "a frame of a stream that this node does not know was dropped");
            }
            frame.discard(DropReason::Invalid);
        }
        known.into_iter().collect()
    }
}
