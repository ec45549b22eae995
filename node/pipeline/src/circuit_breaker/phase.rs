//! The words for what a circuit is and why.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Whether a circuit lets readings through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// All of them.
    Closed,
    /// None.
    Open,
    /// A few, to see whether the database is well.
    HalfOpen,
}

impl State {
    /// The value of the metrics' label `state`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }

    /// The value of the metric `circuit_breaker_state`.
    pub const fn code(self) -> i64 {
        match self {
            Self::Closed => 0,
            Self::Open => 1,
            Self::HalfOpen => 2,
        }
    }
}

/// Why a circuit opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Too large a share of the readings of the window failed.
    ErrorRate,
    /// Every one of the last readings failed.
    FailuresInARow,
    /// Readings took too long on average.
    Latency,
    /// The server had too many active sessions.
    ActiveSessions,
    /// This node made too many readings a second.
    Volume,
    /// This process used too much of its CPUs.
    ProcessCpu,
    /// This process used too much of its memory limit.
    ProcessMemory,
    /// A reading of the half-open circuit did not go well.
    TrialFailed,
    /// Somebody opened it.
    Manual,
}

impl Reason {
    /// The word for logs and lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ErrorRate => "error_rate",
            Self::FailuresInARow => "failures_in_a_row",
            Self::Latency => "latency",
            Self::ActiveSessions => "active_sessions",
            Self::Volume => "volume",
            Self::ProcessCpu => "process_cpu",
            Self::ProcessMemory => "process_memory",
            Self::TrialFailed => "trial_failed",
            Self::Manual => "manual",
        }
    }

    /// The reason of this word, if it is one.
    pub fn of_str(word: &str) -> Option<Self> {
        const ALL: [Reason; 9] = [
            Reason::ErrorRate,
            Reason::FailuresInARow,
            Reason::Latency,
            Reason::ActiveSessions,
            Reason::Volume,
            Reason::ProcessCpu,
            Reason::ProcessMemory,
            Reason::TrialFailed,
            Reason::Manual,
        ];
        ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// Whether it is about the database, so that opening again soon means a longer break.
    pub(crate) const fn is_of_target(self) -> bool {
        !matches!(self, Self::Manual | Self::ProcessCpu | Self::ProcessMemory)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a reading may not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The circuit is open, or half-open with all its leaves given.
    Open,
    /// The target is asked less often for now, and this tick is left out.
    Slowed,
}

/// How a reading that had leave ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server answered.
    Answered {
        /// From the first question to the last answer.
        took: Duration,
        /// The active sessions that it told of, if the reading tells them.
        sessions: Option<u64>,
    },
    /// It did not, or with an error that means that it suffers.
    Failed {
        /// From the first question to the failure.
        took: Duration,
    },
    /// It answered that something is not set up: no sign of suffering.
    Ignored,
    /// Nothing was asked: the leave is given back.
    NotMade,
}

/// A circuit went from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It opened, for so long; `None` when no time ends it.
    Opened { reason: Reason, lasts: Option<Duration> },
    /// The break is over, and so many readings are let through.
    HalfOpened { leaves: u32 },
    /// It closed, so long after it had opened.
    Closed { after: Duration, by_hand: bool },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_known_by_their_words() {
        for reason in [
            Reason::ErrorRate,
            Reason::Manual,
            Reason::TrialFailed,
            Reason::ProcessMemory,
        ] {
            assert_eq!(Reason::of_str(reason.as_str()), Some(reason));
        }
        assert_eq!(Reason::of_str("none"), None);
    }
}
