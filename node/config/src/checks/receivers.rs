//! Receivers.

use std::collections::{HashMap, HashSet};

use super::sqlquery::{self, Used};
use super::{at, component, plans, positive, tls};
use crate::Settings;
use crate::fault::Complaint;
use crate::scalar::{Duration, Endpoint};
use crate::settings::{
    Activity, ComponentId, MysqlReceiver, Plans, PostgresqlReceiver, Receiver, Statements, Target, Tls,
};

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// What is checked in the same way for every engine.
struct Common<'a> {
    /// Whose servers it reads, in words.
    product: &'static str,
    endpoint: Option<&'a Endpoint>,
    targets: &'a [Target],
    targets_file: Option<&'a str>,
    username: &'a str,
    collection_interval: Duration,
    timeout: Duration,
    tls: &'a Tls,
    statements: Option<&'a Statements>,
    activity: Option<&'a Activity>,
    plans: Option<&'a Plans>,
}

impl<'a> From<&'a PostgresqlReceiver> for Common<'a> {
    fn from(receiver: &'a PostgresqlReceiver) -> Self {
        Self {
            product: "PostgreSQL",
            endpoint: receiver.endpoint.as_ref(),
            targets: &receiver.targets,
            targets_file: receiver.targets_file.as_deref(),
            username: &receiver.username,
            collection_interval: receiver.collection_interval,
            timeout: receiver.timeout,
            tls: &receiver.tls,
            statements: receiver.statements.as_ref(),
            activity: receiver.activity.as_ref(),
            plans: receiver.plans.as_ref(),
        }
    }
}

impl<'a> From<&'a MysqlReceiver> for Common<'a> {
    fn from(receiver: &'a MysqlReceiver) -> Self {
        Self {
            product: "MySQL",
            endpoint: receiver.endpoint.as_ref(),
            targets: &receiver.targets,
            targets_file: receiver.targets_file.as_deref(),
            username: &receiver.username,
            collection_interval: receiver.collection_interval,
            timeout: receiver.timeout,
            tls: &receiver.tls,
            statements: receiver.statements.as_ref(),
            activity: None,
            plans: receiver.plans.as_ref(),
        }
    }
}

pub(super) fn check(settings: &Settings, found: &mut Vec<Complaint>) {
    let used = |kind: Option<&str>| -> HashSet<&ComponentId> {
        let pipelines = settings
            .service
            .pipelines
            .iter()
            .filter(|(id, _)| kind.is_none_or(|kind| id.kind == kind));
        pipelines.flat_map(|(_, pipeline)| &pipeline.receivers).collect()
    };
    let (anywhere, in_metrics, in_logs) = (used(None), used(Some("metrics")), used(Some("logs")));
    let mut read: HashMap<&Endpoint, String> = HashMap::new();
    for (id, receiver) in &settings.receivers {
        let path = component("receivers", id);
        let receiver = match receiver {
            Receiver::Postgresql(receiver) => &Common::from(&**receiver),
            Receiver::Mysql(receiver) => {
                of_mysql(&path, receiver, found);
                &Common::from(&**receiver)
            }
            Receiver::Sqlquery(receiver) => {
                let used = Used {
                    metrics: in_metrics.contains(id),
                    logs: in_logs.contains(id),
                };
                sqlquery::check(&path, id, receiver, &used, found);
                continue;
            }
        };
        one(&path, receiver, found);
        let mut own = HashMap::new();
        let seen = if anywhere.contains(id) {
            &mut read
        } else {
            &mut own
        };
        targets(&path, receiver, seen, found);
        if anywhere.contains(id) && !in_logs.contains(id) {
            without_logs(&path, id, receiver, found);
        }
    }
}

/// What does not make sense for MySQL.
fn of_mysql(path: &[String], receiver: &MysqlReceiver, found: &mut Vec<Complaint>) {
    if receiver.statements.is_none() && receiver.plans.is_none() {
        let message = "nothing would be read; give `statements` or `plans`";
        found.push(Complaint::new(path.to_vec(), message));
    }
    if receiver.plans.as_ref().is_some_and(|plans| plans.log.is_some()) {
        let message =
            "`log` is for PostgreSQL only: MySQL and MariaDB write no plans into their log; take it out";
        found.push(Complaint::new(at(&at(path, "plans"), "log"), message));
    }
}

fn one(path: &[String], receiver: &Common<'_>, found: &mut Vec<Complaint>) {
    let given = [
        ("endpoint", receiver.endpoint.is_some()),
        ("targets", !receiver.targets.is_empty()),
        ("targets_file", receiver.targets_file.is_some()),
    ];
    let mut given = given.iter().filter(|(_, given)| *given).map(|(key, _)| *key);
    match (given.next(), given.next()) {
        (None, _) => {
            let message = "no server is named; give one of `endpoint`, `targets` and `targets_file`";
            found.push(Complaint::new(path.to_vec(), message));
        }
        (Some(first), Some(second)) => {
            let message = format!(
                "`{second}` stands beside `{first}`; give only one of `endpoint`, `targets` and `targets_file`"
            );
            found.push(Complaint::new(at(path, second), message));
        }
        _ => {}
    }
    if receiver.username.is_empty() {
        found.push(Complaint::new(
            at(path, "username"),
            "`username` is empty; name the role to log in as",
        ));
    }
    interval(path, "collection_interval", receiver.collection_interval, found);
    if let Some(statements) = receiver.statements {
        interval(&at(path, "statements"), "interval", statements.interval, found);
    }
    if let Some(activity) = receiver.activity {
        interval(&at(path, "activity"), "interval", activity.interval, found);
    }
    if let Some(section) = receiver.plans {
        let several = receiver.targets.len() > 1 || receiver.targets_file.is_some();
        plans::check(&at(path, "plans"), section, several, found);
    }
    positive(path, "timeout", receiver.timeout, found);
    tls(path, receiver.tls, found);
    if receiver.tls.server_name_override.is_some() {
        let message = format!(
            "`server_name_override` cannot be had for {}: give the certificate's name as the endpoint's host",
            receiver.product
        );
        found.push(Complaint::new(
            at(&at(path, "tls"), "server_name_override"),
            message,
        ));
    }
}

/// Ticks are whole milliseconds.
pub(super) fn interval(path: &[String], key: &str, interval: Duration, found: &mut Vec<Complaint>) {
    let whole = interval.subsec_nanos().is_multiple_of(1_000_000);
    if !whole || interval < SHORTEST || interval > LONGEST {
        let message = format!("`{key}` must be from 100ms to 24h, in whole milliseconds");
        found.push(Complaint::new(at(path, key), message));
    }
}

/// A server that is read twice would count twice, and none listens on port 0.
fn targets<'a>(
    path: &[String],
    receiver: &Common<'a>,
    seen: &mut HashMap<&'a Endpoint, String>,
    found: &mut Vec<Complaint>,
) {
    let single = receiver
        .endpoint
        .into_iter()
        .map(|endpoint| (at(path, "endpoint"), endpoint));
    let targets = at(path, "targets");
    let several = receiver.targets.iter().enumerate();
    let several = several.map(|(index, target)| {
        (
            at(&at(&targets, &index.to_string()), "endpoint"),
            &target.endpoint,
        )
    });
    for (path, endpoint) in single.chain(several) {
        if endpoint.port == 0 {
            found.push(Complaint::new(path, "`endpoint` needs a port from 1 to 65535"));
        } else if let Some(first) = seen.get(endpoint) {
            found.push(Complaint::new(
                path,
                format!("the same server as at `{first}`; name each server once"),
            ));
        } else {
            seen.insert(endpoint, path.join("."));
        }
    }
}

/// Records need a logs pipeline to go somewhere.
fn without_logs(path: &[String], id: &ComponentId, receiver: &Common<'_>, found: &mut Vec<Complaint>) {
    let streams = [
        (
            "statements",
            receiver.statements.is_some_and(|statements| statements.enabled),
        ),
        (
            "activity",
            receiver.activity.is_some_and(|activity| activity.enabled),
        ),
        ("plans", receiver.plans.is_some_and(|plans| plans.enabled)),
    ];
    for (key, _) in streams.iter().filter(|(_, enabled)| *enabled) {
        let message = format!(
            "`{key}` yields logs, and `{id}` is in no logs pipeline; add it to one, such as `logs/{key}` under \
             `service.pipelines`, or set `enabled: false`"
        );
        found.push(Complaint::new(at(path, key), message));
    }
}
