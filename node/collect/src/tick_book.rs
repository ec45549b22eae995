//! Who keeps the books of ticks: what became of each.

use std::time::Duration;

use ringwatch_frame::{Epoch, StreamId, TargetId, Tick};

/// Ticks of one stream that ended alike, one interval apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedTicks<'a> {
    /// The target.
    pub target: &'a TargetId,
    /// Its stream.
    pub stream: &'a StreamId,
    /// The last of them.
    pub last: Tick,
    /// How many there are; never 0.
    pub count: u64,
    /// The stream's interval.
    pub interval: Duration,
    /// What became of them: the label `outcome` of `ringwatch_ticks_total`.
    pub outcome: &'static str,
    /// The view under which they were read, if they were.
    pub epoch: Option<Epoch>,
}

/// Hears of every tick that has ended, where `ringwatch_ticks_total` counts it.
pub trait TickBook: Send + Sync {
    /// These ticks have ended. It must be quick and must not wait. The frame of a tick that was read may have
    /// gone before.
    fn ended(&self, ended: &EndedTicks<'_>);
}

/// Keeps no books.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTickBook;

impl TickBook for NoTickBook {
    fn ended(&self, _: &EndedTicks<'_>) {}
}
