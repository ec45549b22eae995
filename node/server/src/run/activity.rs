//! What the receivers do, in numbers, for the node's health.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use ringwatch_collect::ReaderPlan;

use crate::health::Figures;

/// The counts of all receivers. There are as many as the configuration names.
#[derive(Default)]
pub(super) struct Activity(BTreeMap<String, Counts>);

#[derive(Default)]
struct Counts {
    /// Ticks for which leave was asked, whether it was given or not.
    asked: AtomicU64,
    /// Readings that succeeded.
    read: AtomicU64,
    /// Readings that failed.
    failed: AtomicU64,
}

impl Activity {
    /// Nothing done yet by these receivers.
    pub(super) fn of(receivers: &[ReaderPlan]) -> Self {
        let counts = |plan: &ReaderPlan| (plan.source().to_string(), Counts::default());
        Self(receivers.iter().map(counts).collect())
    }

    /// A tick of a receiver came.
    pub(super) fn asked(&self, receiver: &str) {
        if let Some(counts) = self.0.get(receiver) {
            counts.asked.fetch_add(1, Relaxed);
        }
    }

    /// A reading ended.
    pub(super) fn ended(&self, receiver: &str, failed: bool, not_made: bool) {
        if let Some(counts) = self.0.get(receiver).filter(|_| !not_made) {
            let count = if failed { &counts.failed } else { &counts.read };
            count.fetch_add(1, Relaxed);
        }
    }

    /// How a receiver does, whose next tick comes within `due` where it reads anything.
    pub(super) fn figures(&self, receiver: &str, due: Option<Duration>) -> Figures {
        let Some(counts) = self.0.get(receiver) else {
            return Figures::default();
        };
        let (read, failed) = (counts.read.load(Relaxed), counts.failed.load(Relaxed));
        Figures {
            // A tick that is refused is no reading, and shows all the same that the receiver is at work.
            done: counts.asked.load(Relaxed),
            failed,
            attempts: read + failed,
            due,
            ..Figures::default()
        }
    }

    /// Readings of a receiver that succeeded, and that failed.
    pub(super) fn readings(&self, receiver: &str) -> (u64, u64) {
        let counts = self.0.get(receiver);
        counts.map_or((0, 0), |counts| {
            (counts.read.load(Relaxed), counts.failed.load(Relaxed))
        })
    }
}
