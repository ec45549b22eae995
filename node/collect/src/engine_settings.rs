//! The settings of an engine's receiver, in the form that is the same for all engines.

use std::collections::BTreeMap;
use std::time::Duration;

use ringwatch_config::settings::{
    Activity, Driver, MysqlReceiver, Plans, PostgresqlReceiver, Statements, Switch, Target, Tls,
};
use ringwatch_config::{Endpoint, Secret};

/// What a receiver that reads the catalogue's streams was told, whatever the engine. What an engine does not have
/// is empty.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// How servers are spoken to.
    pub driver: Driver,
    /// The one server, where only one is named.
    pub endpoint: Option<Endpoint>,
    /// The servers.
    pub targets: Vec<Target>,
    /// A file that names servers.
    pub targets_file: Option<String>,
    /// The role to log in as.
    pub username: String,
    /// Its password.
    pub password: Option<Secret>,
    /// Transport security.
    pub tls: Tls,
    /// The databases to read; empty means all.
    pub databases: Vec<String>,
    /// The databases not to read.
    pub exclude_databases: Vec<String>,
    /// The database to connect to; empty for none.
    pub connect_database: String,
    /// How often metrics are read.
    pub collection_interval: Duration,
    /// How long connecting, or one question, may take.
    pub timeout: Duration,
    /// The reading of statements.
    pub statements: Option<Statements>,
    /// The reading of active sessions.
    pub activity: Option<Activity>,
    /// The plans that are asked for.
    pub plans: Option<Plans>,
    /// Switches of metrics.
    pub metrics: BTreeMap<String, Switch>,
    /// Switches of resource attributes.
    pub resource_attributes: BTreeMap<String, Switch>,
}

impl From<&PostgresqlReceiver> for EngineSettings {
    fn from(receiver: &PostgresqlReceiver) -> Self {
        Self {
            driver: Driver::Postgres,
            endpoint: receiver.endpoint.clone(),
            targets: receiver.targets.clone(),
            targets_file: receiver.targets_file.clone(),
            username: receiver.username.clone(),
            password: receiver.password.clone(),
            tls: receiver.tls.clone(),
            databases: receiver.databases.clone(),
            exclude_databases: receiver.exclude_databases.clone(),
            connect_database: receiver.connect_database.clone(),
            collection_interval: *receiver.collection_interval,
            timeout: *receiver.timeout,
            statements: receiver.statements.clone(),
            activity: receiver.activity.clone(),
            plans: receiver.plans.clone(),
            metrics: receiver.metrics.clone(),
            resource_attributes: receiver.resource_attributes.clone(),
        }
    }
}

impl From<&MysqlReceiver> for EngineSettings {
    fn from(receiver: &MysqlReceiver) -> Self {
        Self {
            driver: Driver::Mysql,
            endpoint: receiver.endpoint.clone(),
            targets: receiver.targets.clone(),
            targets_file: receiver.targets_file.clone(),
            username: receiver.username.clone(),
            password: receiver.password.clone(),
            tls: receiver.tls.clone(),
            databases: Vec::new(),
            exclude_databases: Vec::new(),
            connect_database: String::new(),
            collection_interval: *receiver.collection_interval,
            timeout: *receiver.timeout,
            statements: receiver.statements.clone(),
            activity: None,
            plans: receiver.plans.clone(),
            metrics: BTreeMap::new(),
            resource_attributes: receiver.resource_attributes.clone(),
        }
    }
}
