//! Receiver `postgresql`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Plans, Tls};
use crate::scalar::{Duration, Endpoint, Secret};

/// Reads PostgreSQL servers, versions 14 to 18. The monitoring role needs `pg_monitor` and nothing more.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresqlReceiver {
    /// One server. Exactly one of `endpoint`, `targets` and `targets_file` is given.
    pub endpoint: Option<Endpoint>,
    /// Several servers, each with labels of its own.
    #[serde(default)]
    pub targets: Vec<Target>,
    /// A JSON or YAML file of servers in the form of Prometheus' `file_sd`, read again when it changes.
    pub targets_file: Option<String>,
    /// The role to log in as.
    pub username: String,
    /// Its password.
    pub password: Option<Secret>,
    /// The databases to read. Empty: all that are not templates. It does not narrow `statements` and `activity`, which
    /// tell of the whole server; `exclude_databases` does.
    #[serde(default)]
    pub databases: Vec<String>,
    /// Databases not to read.
    #[serde(default)]
    pub exclude_databases: Vec<String>,
    /// The database in which readings of the whole server are made, and where `pg_stat_statements` is looked for.
    #[serde(default = "postgres")]
    pub connect_database: String,
    /// How often metrics are read.
    #[serde(default = "ten_seconds")]
    pub collection_interval: Duration,
    /// How long connecting, or one query, may take from the client's side. The server is told to stop a little
    /// earlier.
    #[serde(default = "five_seconds")]
    pub timeout: Duration,
    /// Transport security. Default: encrypted, and the server's certificate is verified.
    #[serde(default)]
    pub tls: Tls,
    /// Reads `pg_stat_statements` and yields one `db.server.top_query` record per statement that ran. Needs a logs
    /// pipeline.
    pub statements: Option<Statements>,
    /// Reads the active sessions and yields one `db.server.query_sample` record per session. Needs a logs
    /// pipeline.
    pub activity: Option<Activity>,
    /// Asks for the plans of the statements that take the most time. Needs a logs pipeline.
    pub plans: Option<Plans>,
    /// Switches of single metrics, by name. `ringwatch catalogue list` shows them all with their defaults.
    #[serde(default)]
    pub metrics: BTreeMap<String, Switch>,
    /// Switches of resource attributes, by name: `server.address`, `server.port`, `service.instance.id`,
    /// `db.system.version`.
    #[serde(default)]
    pub resource_attributes: BTreeMap<String, Switch>,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Resource attributes of everything that is read from it.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// The reading of `pg_stat_statements`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Statements {
    /// `false` switches it off without taking the section away.
    pub enabled: bool,
    /// How often it is read.
    pub interval: Duration,
}

impl Default for Statements {
    fn default() -> Self {
        Self {
            enabled: true,
            interval: Duration::from_secs(30),
        }
    }
}

/// The reading of active sessions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Activity {
    /// `false` switches it off without taking the section away.
    pub enabled: bool,
    /// How often it is read.
    pub interval: Duration,
    /// At most so many sessions are read at a time, those longest at it first.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_rows: u32,
}

impl Default for Activity {
    fn default() -> Self {
        Self {
            enabled: true,
            interval: Duration::from_secs(1),
            max_rows: 1000,
        }
    }
}

/// Whether something is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// On or off.
    pub enabled: bool,
}

fn postgres() -> String {
    "postgres".into()
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn five_seconds() -> Duration {
    Duration::from_secs(5)
}
