//! What a target may be asked for at this moment: what breakers and rate limits tell the collector.

use std::time::Duration;

use arrow_array::RecordBatch;
use ringwatch_frame::{StreamId, TargetId, Tick};

use crate::fault::FaultKind;
use crate::ownership::Refusal;

/// Says whether a target may be asked now. Asked after [`crate::Ownership`], before every tick.
pub trait Guard: Send + Sync {
    /// Leave to make one reading. Every leave ends by exactly one [`Guard::ended`].
    ///
    /// # Errors
    /// [`Refusal::BreakerOpen`], [`Refusal::Budget`] or [`Refusal::SwitchedOff`], when the tick must be missed.
    fn admit(
        &self,
        target: &TargetId,
        stream: &StreamId,
        tick: Tick,
        interval: Duration,
    ) -> Result<(), Refusal>;

    /// Whether nothing stands in the way of what is not a reading: connecting ahead, listing databases.
    fn at_ease(&self, target: &TargetId) -> bool;

    /// The longest that one round trip of this stream may take now. `None`: what the receiver says.
    fn deadline(&self, target: &TargetId, stream: &StreamId) -> Option<Duration>;

    /// How a reading that had leave ended.
    fn ended(&self, target: &TargetId, stream: &StreamId, end: &ReadingEnd<'_>);
}

/// How a reading ended.
#[derive(Clone, Copy, Debug)]
pub enum ReadingEnd<'a> {
    /// The server answered.
    Read {
        /// From the first question to the last answer.
        took: Duration,
        /// The rows of the frame.
        rows: &'a RecordBatch,
    },
    /// It did not, or with an error.
    Failed {
        /// From the first question to the failure.
        took: Duration,
        /// What went wrong.
        kind: FaultKind,
    },
    /// Nothing was asked: the leave is given back.
    NotMade,
}

/// Never says no.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoGuard;

impl Guard for NoGuard {
    fn admit(&self, _: &TargetId, _: &StreamId, _: Tick, _: Duration) -> Result<(), Refusal> {
        Ok(())
    }

    fn at_ease(&self, _: &TargetId) -> bool {
        true
    }

    fn deadline(&self, _: &TargetId, _: &StreamId) -> Option<Duration> {
        None
    }

    fn ended(&self, _: &TargetId, _: &StreamId, _: &ReadingEnd<'_>) {}
}
