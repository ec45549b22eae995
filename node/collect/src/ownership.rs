//! What the collector asks of others: whether it may read, and where frames go.

use std::future::ready;

use arrow_array::RecordBatch;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use ringwatch_frame::{
    Epoch, Frame, FrameMeta, Receipt, StreamId, StreamMemory, TargetId, TargetMemory, Tick,
};

/// Why a tick must not be read. The names are values of the label `outcome` of `ringwatch_ticks_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Another member owns the target.
    NotOwned,
    /// The breaker of the target or stream is open.
    BreakerOpen,
    /// What the target may be asked for is used up.
    Budget,
    /// An operator has switched this kind of reading off for the whole cluster.
    SwitchedOff,
    /// This node was paused and does not know yet whether it still owns the target: ask again shortly. A tick
    /// whose time runs out meanwhile has the outcome `paused`.
    Unsure,
}

/// Says who may read a target. Asked before every tick, and before anything is sent.
pub trait Ownership: Send + Sync {
    /// The epoch under which `tick` may be read.
    ///
    /// # Errors
    /// When it must not be read here and now.
    fn ask(&self, target: &TargetId, stream: &StreamId, tick: Tick) -> Result<Epoch, Refusal>;

    /// Whether a question may be sent to the target at this very moment. Asked before each of the questions
    /// that make up a reading, because a node may have been paused between two of them.
    fn holds(&self, target: &TargetId) -> bool;

    /// Whether the standby may have begun to read `tick` in our place. Asked when a reading begins so late that it
    /// might. [`Late::GoOn`] at once where nobody stands by; an answer that does not come is one too.
    fn late(&self, _: &TargetId, _: &StreamId, _: Tick) -> BoxFuture<'_, Late> {
        ready(Late::GoOn).boxed()
    }
}

/// What a reading that begins late is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// The tick is ours, and will not be covered for a second.
    GoOn,
    /// The standby covers it. [`Succession::rebase`] tells where to go on.
    Covered,
}

/// Whether a tick that was missed was missed at a server that could be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It could, or it was not tried.
    Reached,
    /// It could not: another node may have more luck.
    Unreachable,
}

/// Keeps what is remembered of targets, beyond the life of their lanes and of this node.
pub trait Succession: Send + Sync {
    /// What is remembered of the target. Asked once when its lanes begin.
    fn recall(&self, target: &TargetId) -> TargetMemory;

    /// A tick was read. `baseline` is the new one, where there is one. Told before the frame is offered; the
    /// receipt goes with the frame.
    fn collected(
        &self,
        meta: &FrameMeta,
        rows: &RecordBatch,
        baseline: Option<RecordBatch>,
    ) -> Option<Receipt>;

    /// A tick was missed, for a reason that is counted, and so were those before it that have not ended
    /// otherwise. One that is refused because another member owns the target is that member's and not told. A
    /// stream that begins anew tells the tick before its first one, so that whoever goes on with it begins at
    /// the same.
    fn missed(&self, target: &TargetId, stream: &StreamId, tick: Tick, reach: Reach);

    /// Whether a tick that another node seems to have read is left to that one. `false`: that one was told from here that
    /// its reading does not count, so it is read here.
    fn leaves(&self, _: &TargetId, _: &StreamId, _: Tick) -> bool {
        true
    }

    /// As [`missed`](Self::missed), because another node has read the tick: the stream begins a baseline anew.
    fn read_elsewhere(&self, target: &TargetId, stream: &StreamId, tick: Tick) {
        self.missed(target, stream, tick, Reach::Reached);
    }

    /// Where the stream goes on, when the standby has covered ticks of it. Asked before each reading. What is older
    /// than what the lane has read itself changes nothing, so it may be told twice.
    fn rebase(&self, _: &TargetId, _: &StreamId) -> Option<StreamMemory> {
        None
    }

    /// A stream is gone: its database was dropped.
    fn forget(&self, target: &TargetId, stream: &StreamId);
}

/// Remembers nothing: for tests, and where a target is never handed on.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSuccession;

impl Succession for NoSuccession {
    fn recall(&self, _: &TargetId) -> TargetMemory {
        TargetMemory::new()
    }

    fn collected(&self, _: &FrameMeta, _: &RecordBatch, _: Option<RecordBatch>) -> Option<Receipt> {
        None
    }

    fn missed(&self, _: &TargetId, _: &StreamId, _: Tick, _: Reach) {}

    fn forget(&self, _: &TargetId, _: &StreamId) {}
}

/// The ownership of a cluster of one: everything is ours, in the first epoch.
#[derive(Clone, Copy, Debug, Default)]
pub struct SoleOwner;

impl Ownership for SoleOwner {
    fn ask(&self, _: &TargetId, _: &StreamId, _: Tick) -> Result<Epoch, Refusal> {
        Ok(Epoch(1))
    }

    fn holds(&self, _: &TargetId) -> bool {
        true
    }
}

/// Where frames go. It never waits: what it cannot take it discards, and the books know why.
pub trait Sink: Send + Sync {
    /// Takes one frame.
    fn offer(&self, frame: Frame);
}
