//! Checks of the configuration that need the catalogue, or a file that it names.

use std::error::Error as _;
use std::path::Path;

use ringwatch_catalogue::Catalogue;
use ringwatch_cluster::gossip::Keyring;
use ringwatch_config::settings::Receiver;
use ringwatch_config::{Complaint, Settings};

/// Resource attributes that a target has.
pub(super) const RESOURCE_ATTRIBUTES: [&str; 4] = [
    "server.address",
    "server.port",
    "service.instance.id",
    "db.system.version",
];

/// Complaints about switches of metrics and resource attributes that do not exist.
pub(super) fn switch_names(settings: &Settings, catalogue: &Catalogue) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (id, receiver) in &settings.receivers {
        let (engine, metrics, attributes) = match receiver {
            Receiver::Postgresql(receiver) => (
                "postgresql",
                Some(&receiver.metrics),
                &receiver.resource_attributes,
            ),
            Receiver::Mysql(receiver) => ("mysql", None, &receiver.resource_attributes),
            Receiver::Sqlquery(_) => continue,
        };
        let Some(engine) = catalogue.engine(engine) else {
            continue;
        };
        let known: Vec<&str> = engine.metric_names().collect();
        let id = id.to_string();
        let mut check = |section: &str, name: &str, what: &str, known: &[&str]| {
            if !known.contains(&name) {
                complaints.push(Complaint::unknown(
                    ["receivers", &id, section, name],
                    what,
                    name,
                    known,
                ));
            }
        };
        for name in metrics.into_iter().flat_map(|metrics| metrics.keys()) {
            check("metrics", name, "metric", &known);
        }
        for name in attributes.keys() {
            check(
                "resource_attributes",
                name,
                "resource attribute",
                &RESOURCE_ATTRIBUTES,
            );
        }
    }
    complaints
}

/// A complaint about a key file that holds no keys or cannot be read. It never quotes what is in it.
pub(super) fn key_file(settings: &Settings) -> Option<Complaint> {
    let gossip = settings.cluster.gossip.as_ref()?;
    let path = gossip.key_file.as_deref().filter(|path| !path.is_empty())?;
    let error = Keyring::read(Path::new(path)).err()?;
    let cause = error
        .source()
        .map_or_else(String::new, |cause| format!(": {cause}"));
    Some(Complaint::new(
        ["cluster", "gossip", "key_file"],
        format!("{error}{cause}"),
    ))
}
