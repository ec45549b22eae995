//! Receivers.

use std::collections::{HashMap, HashSet};

use super::sqlquery::{self, Used};
use super::{at, component, positive, tls};
use crate::Settings;
use crate::fault::Complaint;
use crate::scalar::{Duration, Endpoint};
use crate::settings::{ComponentId, PostgresqlReceiver, Receiver};

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(24 * 3600);

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
            Receiver::Postgresql(receiver) => receiver,
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

fn one(path: &[String], receiver: &PostgresqlReceiver, found: &mut Vec<Complaint>) {
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
    if let Some(statements) = &receiver.statements {
        interval(&at(path, "statements"), "interval", statements.interval, found);
    }
    if let Some(activity) = &receiver.activity {
        interval(&at(path, "activity"), "interval", activity.interval, found);
    }
    positive(path, "timeout", receiver.timeout, found);
    tls(path, &receiver.tls, found);
    if receiver.tls.server_name_override.is_some() {
        let message = "`server_name_override` cannot be had for PostgreSQL: give the certificate's name as the endpoint's host";
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
    receiver: &'a PostgresqlReceiver,
    seen: &mut HashMap<&'a Endpoint, String>,
    found: &mut Vec<Complaint>,
) {
    let single = receiver
        .endpoint
        .iter()
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
fn without_logs(
    path: &[String],
    id: &ComponentId,
    receiver: &PostgresqlReceiver,
    found: &mut Vec<Complaint>,
) {
    let streams = [
        (
            "statements",
            receiver
                .statements
                .as_ref()
                .is_some_and(|statements| statements.enabled),
        ),
        (
            "activity",
            receiver
                .activity
                .as_ref()
                .is_some_and(|activity| activity.enabled),
        ),
    ];
    for (key, _) in streams.iter().filter(|(_, enabled)| *enabled) {
        let message = format!(
            "`{key}` yields logs, and `{id}` is in no logs pipeline; add it to one, such as `logs/{key}` under \
             `service.pipelines`, or set `enabled: false`"
        );
        found.push(Complaint::new(at(path, key), message));
    }
}
