//! What a circuit is made of.

use std::time::Duration;

use tokio::time::Instant;

use super::phase::Reason;
use super::window::Counts;

/// Leaves of the half-open phase that another node gave and whose end this one will not hear.
#[derive(Clone, Copy, Debug)]
pub(super) struct Away {
    pub(super) since: Instant,
    pub(super) leaves: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Phase {
    Closed,
    Open {
        reason: Reason,
        until: Until,
    },
    HalfOpen {
        /// Leaves in all.
        leaves: u32,
        /// Leaves that nobody has.
        spare: u32,
        /// Readings that were answered.
        good: u32,
        answers: Counts,
    },
}

impl Phase {
    /// A half-open phase that gives so many leaves.
    pub(super) fn half_open(leaves: u32) -> Self {
        Self::HalfOpen {
            leaves,
            spare: leaves,
            good: 0,
            answers: Counts::default(),
        }
    }
}

/// What ends an open phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    Time(Instant),
    Reset,
    /// The process has enough of what it lacked.
    Calm,
}

/// What is remembered of earlier phases.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Past {
    /// How long the last break for the target's sake was; zero when there was none.
    pub(super) last_break: Duration,
    /// When it opened after it had last been closed.
    pub(super) opened: Option<Instant>,
    /// How long it had been closed already when this process took it over.
    pub(super) closed_before: Duration,
    pub(super) trips: u64,
}
