//! What the collector asks of others: whether it may read, and where frames go.

use ringwatch_frame::{Epoch, Frame, StreamId, TargetId, Tick};

/// Why a tick must not be read. The names are values of the label `outcome` of `ringwatch_ticks_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Another member owns the target.
    NotOwned,
    /// The breaker of the target or stream is open.
    BreakerOpen,
    /// What the target may be asked for is used up.
    Budget,
}

/// Says who may read a target. Asked before every tick, and before anything is sent.
pub trait Ownership: Send + Sync {
    /// The epoch under which `tick` may be read.
    ///
    /// # Errors
    /// When it must not be read here and now.
    fn ask(&self, target: &TargetId, stream: &StreamId, tick: Tick) -> Result<Epoch, Refusal>;
}

/// The ownership of a cluster of one: everything is ours, in the first epoch.
#[derive(Clone, Copy, Debug, Default)]
pub struct SoleOwner;

impl Ownership for SoleOwner {
    fn ask(&self, _: &TargetId, _: &StreamId, _: Tick) -> Result<Epoch, Refusal> {
        Ok(Epoch(1))
    }
}

/// Where frames go. It never waits: what it cannot take it discards, and the books know why.
pub trait Sink: Send + Sync {
    /// Takes one frame.
    fn offer(&self, frame: Frame);
}
