//! What people see of breakers.

use std::time::Duration;

use ringwatch_frame::{TargetId, Tick};

use super::phase::{Reason, State};

/// One circuit as lists show it.
#[derive(Clone, Debug, PartialEq)]
pub struct CircuitStatus {
    /// What it is called: the label `database` of its metrics.
    pub name: String,
    /// The target.
    pub target: TargetId,
    /// The processor whose settings hold for it.
    pub processor: String,
    /// The entry of the settings that is about it.
    pub entry: Option<String>,
    /// What it is.
    pub state: State,
    /// Since when.
    pub since: Tick,
    /// Why it opened last, while it is not closed.
    pub reason: Option<Reason>,
    /// Until when it is open; `None` also where only a reset or a calmer process ends it.
    pub until: Option<Tick>,
    /// How often it opened by itself.
    pub trips: u64,
    /// Readings that were refused since this process began.
    pub rejected: u64,
    /// Readings of the window.
    pub readings: u32,
    /// The share of them that failed, in percent.
    pub error_percent: f64,
    /// How long they took on average.
    pub average: Duration,
    /// Only one of so many ticks is read.
    pub slowdown: u32,
    /// How often self-healing doubled the intervals.
    pub doublings: u32,
    /// The longest timeout that was learnt.
    pub timeout: Option<Duration>,
}

/// All circuits in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BreakerHealth {
    /// Circuits.
    pub circuits: u64,
    /// Those that are open.
    pub open_circuits: u64,
    /// Those that are half-open.
    pub half_open_circuits: u64,
    /// How often circuits opened by themselves.
    pub total_trips: u64,
}

/// No circuit has the name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no circuit is called `{0}`: `ringwatch breaker list` shows the names; a target's id works too")]
pub struct UnknownCircuit(pub String);
