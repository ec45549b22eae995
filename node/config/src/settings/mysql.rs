//! Receiver `mysql`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Plans, Statements, Switch, Target, Tls};
use crate::scalar::{Duration, Endpoint, Secret};

/// Reads MySQL 5.7 to 9 and MariaDB 10.4 to 12. The account needs `SELECT` on `performance_schema`, and for `plans` also
/// `SELECT` on the tables whose statements are explained.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MysqlReceiver {
    /// One server. Exactly one of `endpoint`, `targets` and `targets_file` is given.
    pub endpoint: Option<Endpoint>,
    /// Several servers, each with labels of its own.
    #[serde(default)]
    pub targets: Vec<Target>,
    /// A JSON or YAML file of servers in the form of Prometheus' `file_sd`, read again when it changes.
    pub targets_file: Option<String>,
    /// The account to log in as.
    pub username: String,
    /// Its password.
    pub password: Option<Secret>,
    /// How often metrics are read. None are offered for MySQL yet, so it has no effect.
    #[serde(default = "ten_seconds")]
    pub collection_interval: Duration,
    /// How long connecting, or one query, may take from the client's side. The server is told to stop a little
    /// earlier.
    #[serde(default = "five_seconds")]
    pub timeout: Duration,
    /// Transport security. Default: encrypted, and the server's certificate is verified.
    #[serde(default)]
    pub tls: Tls,
    /// Reads `performance_schema.events_statements_summary_by_digest` and yields one `db.server.top_query` record per
    /// statement that ran. Needs a logs pipeline.
    pub statements: Option<Statements>,
    /// Asks for the plans of the statements that take the most time. `log` is for PostgreSQL only. Needs a logs
    /// pipeline.
    pub plans: Option<Plans>,
    /// Switches of resource attributes, by name: `server.address`, `server.port`, `service.instance.id`,
    /// `db.system.version`.
    #[serde(default)]
    pub resource_attributes: BTreeMap<String, Switch>,
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn five_seconds() -> Duration {
    Duration::from_secs(5)
}
