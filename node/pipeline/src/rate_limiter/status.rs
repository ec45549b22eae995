//! What people see of limits, and what they answer.

use ringwatch_frame::TargetId;

/// A reading that is beyond a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverLimit {
    /// That of the target.
    Target,
    /// That of all targets of this node.
    Global,
}

/// One limit as lists show it.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitStatus {
    /// What it is called: the label `database` of its metrics.
    pub name: String,
    /// The target.
    pub target: TargetId,
    /// The key of its entry under `database_limits`.
    pub entry: Option<String>,
    /// Readings a second that may be made now; `None`: as many as are wanted.
    pub rps: Option<f64>,
    /// The same as it is configured for this time of the day.
    pub configured_rps: Option<f64>,
    /// What was set at run time in place of that.
    pub override_rps: Option<f64>,
    /// The entry of the schedule that holds, counted from 0.
    pub scheduled: Option<usize>,
    /// Rows a second that go on.
    pub rows_per_second: Option<f64>,
    /// The share of the readings of the last minute that were refused, from 0 to 1.
    pub rejection_rate: f64,
    /// Readings refused since this process began.
    pub rejections: u64,
}
