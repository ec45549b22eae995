//! Leave to make one reading, which ends exactly once, whatever becomes of the reading.

use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::{StreamId, TargetId, Tick};

use crate::guard::{Guard, ReadingEnd};
use crate::ownership::Refusal;

/// Leave that a [`Guard`] gave. Where nothing else is told of it, it is given back when it is dropped: the
/// reading was refused elsewhere, came too late or was broken off.
pub(crate) struct Leave {
    guard: Arc<dyn Guard>,
    target: TargetId,
    stream: StreamId,
    told: bool,
}

impl Leave {
    /// Asks for leave.
    pub(crate) fn ask(
        guard: &Arc<dyn Guard>,
        target: &TargetId,
        stream: &StreamId,
        tick: Tick,
        interval: Duration,
    ) -> Result<Self, Refusal> {
        guard.admit(target, stream, tick, interval)?;
        Ok(Self {
            guard: Arc::clone(guard),
            target: target.clone(),
            stream: stream.clone(),
            told: false,
        })
    }

    /// Tells how the reading ended.
    pub(crate) fn end(mut self, end: &ReadingEnd<'_>) {
        self.told = true;
        self.guard.ended(&self.target, &self.stream, end);
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        if !self.told {
            self.guard.ended(&self.target, &self.stream, &ReadingEnd::NotMade);
        }
    }
}
