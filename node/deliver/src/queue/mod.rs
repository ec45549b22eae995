//! What waits for a backend.
//!
//! A queue hands out batches by lease. A lease ends in one of three ways: it is acknowledged, which takes the batch
//! out of the queue for good; it is split, which puts two halves in its place (a single frame by its rows); or it goes back to where it was, also
//! when it is merely dropped. So a consumer that ends in the middle of its work loses nothing.

mod memory;

use std::future::Future;
use std::time::Duration;

use ringwatch_frame::{Batch, DropReason};

use crate::Signal;

pub use memory::{MemoryLease, MemoryQueue, Room};

/// A queue of batches, oldest first.
pub trait Queue: Send + Sync + 'static {
    /// The right to deliver one batch.
    type Lease: Lease;

    /// Puts a batch at the end. What the queue cannot take it drops and counts: `queue_full`, or `shutdown` after
    /// it was closed; it says which. Never waits.
    fn push(&self, signal: Signal, batch: Batch) -> Option<DropReason>;

    /// Waits for the oldest batch that nobody has. `None` when the queue is closed and nothing waits. Dropping the
    /// future loses nothing.
    fn lease(&self) -> impl Future<Output = Option<Self::Lease>> + Send;

    /// From now on nothing is taken; what is there can still be leased.
    fn close(&self);

    /// Closes, drops what waits for `shutdown`, and says how many rows that were. A lease that is out can still be
    /// acknowledged; one that would go back is dropped for `shutdown`, too.
    fn discard_rest(&self) -> u64;

    /// How it stands.
    fn state(&self) -> QueueState;
}

/// The right to deliver one batch. Dropped, it goes back to its place in the queue.
pub trait Lease: Send + Sync + Sized + 'static {
    /// What the batch becomes.
    fn signal(&self) -> Signal;

    /// The batch.
    fn batch(&self) -> &Batch;

    /// Drops the frames of the batch that were taken back.
    fn drop_withdrawn(&mut self);

    /// How often the batch was leased before and went back without an answer. Halves begin anew.
    fn tried(&self) -> u32;

    /// Whether the batch is older than the queue's age limit.
    fn is_expired(&self) -> bool;

    /// How long until it is older than that; `None` without a limit.
    fn time_left(&self) -> Option<Duration>;

    /// Takes the batch out of the queue for good; the caller ends it in the books.
    fn acknowledge(self) -> Batch;

    /// Puts the frames back as two batches of about half the frames each; a single frame as two of half its rows.
    ///
    /// # Errors
    /// Gives the lease back when the batch is one frame of at most one row.
    fn split(self) -> Result<(), Self>;
}

/// How a queue stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueState {
    /// Batches that wait.
    pub waiting: u64,
    /// The most batches that it takes.
    pub capacity: u64,
    /// Frames that wait or are on their way.
    pub frames: u64,
    /// Memory of those frames in bytes.
    pub bytes: u64,
    /// How long the oldest of those frames has been here.
    pub oldest: Duration,
    /// Whether it would take a batch now.
    pub accepts: bool,
    /// Rows of batches that it could not take so far.
    pub refused_rows: u64,
}

impl QueueState {
    /// That of an exporter without a queue, which takes everything at once.
    pub(crate) fn without_end() -> Self {
        Self {
            accepts: true,
            ..Self::default()
        }
    }
}
