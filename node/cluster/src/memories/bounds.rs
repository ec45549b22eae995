//! How much may be pending on one side of a node: in the memories of its own targets, or in its shadows.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use prometheus::{IntCounter, IntGauge};

/// How much memory the pending frames of all targets may take, in bytes of their columns.
pub(super) const MAX_BYTES_IN_ALL: usize = 128 * 1024 * 1024;
/// What has been pending for longer is not remembered: the books of ticks do not go further back either.
pub(super) const MAX_AGE: Duration = Duration::from_secs(3_600);

/// What the memories of one side hold together, and what fell out of them.
#[derive(Debug)]
pub(super) struct Bounds {
    bytes: AtomicUsize,
    /// How many memories there are.
    sharers: AtomicUsize,
    shown: IntGauge,
    lost: IntCounter,
}

impl Bounds {
    /// `shown` is the gauge of the bytes, `lost` counts the frames that fall out.
    pub(super) fn new(shown: IntGauge, lost: IntCounter) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            sharers: AtomicUsize::new(0),
            shown,
            lost,
        }
    }

    /// So many bytes more are pending.
    pub(super) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.show();
    }

    /// So many bytes are not pending any more.
    pub(super) fn remove(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.show();
    }

    /// A memory more.
    pub(super) fn join(&self) {
        self.sharers.fetch_add(1, Ordering::Relaxed);
    }

    /// A memory with so many bytes is no more.
    pub(super) fn part(&self, bytes: usize) {
        self.sharers.fetch_sub(1, Ordering::Relaxed);
        self.remove(bytes);
    }

    /// Whether too much is pending, and a memory of so many bytes has more than its share of it.
    pub(super) fn is_over(&self, own: usize) -> bool {
        let share = MAX_BYTES_IN_ALL / self.sharers.load(Ordering::Relaxed).max(1);
        own > share && self.bytes.load(Ordering::Relaxed) > MAX_BYTES_IN_ALL
    }

    /// So many frames fell out though they are not delivered.
    pub(super) fn lose(&self, frames: usize) {
        self.lost.inc_by(frames as u64);
    }

    fn show(&self) {
        let bytes = self.bytes.load(Ordering::Relaxed);
        self.shown.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}
