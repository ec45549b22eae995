//! Section `plans` of the receivers that read an engine's catalogue.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalar::Duration;

/// Asks for the plans of statements by plain EXPLAIN, and never executes them. Only statements that are proven to
/// read and change nothing are asked for, within an hourly budget. Yields one `db.server.query_plan` record per plan
/// that is new, has changed or was not sent for a while, and one `db.server.query_plan_change` record with the mean
/// time of a call before and after. Needs a logs pipeline and, of the role, the right to read the tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Plans {
    /// `false` switches it off without taking the section away.
    pub enabled: bool,
    /// How often it looks which statements ran.
    pub interval: Duration,
    /// At most so many plans are asked of one target in an hour.
    #[schemars(range(min = 1, max = 100_000))]
    pub per_hour: u32,
    /// At most so many plans are asked for one statement in an hour. A plan that is known is asked for again half as
    /// often, and at once when the mean time of a call doubled or halved.
    #[schemars(range(min = 1, max = 3600))]
    pub per_query_per_hour: u32,
    /// So many calls there must be before a change of a plan and after it to tell of it.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub min_calls: u32,
    /// At most so many statements are looked at each time, those first that took the most time since the last look.
    #[schemars(range(min = 1, max = 1000))]
    pub sample: u32,
    /// Larger plans are not taken, in KiB.
    #[schemars(range(min = 1, max = 10_240))]
    pub max_plan_size_kb: u32,
    /// How long a statement whose plan cannot be had is not asked for again.
    pub failures_remembered: Duration,
    /// How long a plan that stays the same is not sent again.
    pub resend: Duration,
    /// Plans that `auto_explain` wrote into the server's log. PostgreSQL only.
    pub log: Option<PlanLog>,
}

impl Default for Plans {
    fn default() -> Self {
        Self {
            enabled: true,
            interval: Duration::from_secs(60),
            per_hour: 60,
            per_query_per_hour: 2,
            min_calls: 5,
            sample: 20,
            max_plan_size_kb: 500,
            failures_remembered: Duration::from_secs(24 * 3600),
            resend: Duration::from_secs(3600),
            log: None,
        }
    }
}

/// Where the server's log is read for what `auto_explain` wrote. Exactly one of `path` and `through` is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PlanLog {
    /// A file of this machine, or several by `*` in its last part: `/var/log/postgresql/*.json`. What ends in `.csv`
    /// is read as `csvlog`, in `.json` as `jsonlog`, all else as `stderr`.
    pub path: Option<String>,
    /// `sql` reads the log of a server of another machine through `pg_read_binary_file`, which the role must be allowed
    /// to execute.
    pub through: Option<PlanLogThrough>,
    /// How often it is read.
    pub interval: Duration,
}

impl Default for PlanLog {
    fn default() -> Self {
        Self {
            path: None,
            through: None,
            interval: Duration::from_secs(10),
        }
    }
}

/// The way to a log that is not on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanLogThrough {
    /// By statements.
    Sql,
}
