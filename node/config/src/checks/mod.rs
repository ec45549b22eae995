//! What the types cannot say: checks over several keys. Each finds what is wrong and where; none quotes a value,
//! since it may be a secret or come by substitution, except names of components.

mod breaker;
mod cluster;
mod components;
mod limiter;
mod listeners;
mod notes;
mod pipelines;
mod plan_extractor;
mod plans;
mod receivers;
mod sampler;
mod sqlquery;
mod state;
mod statements;
mod verification;

use std::collections::HashSet;

pub(crate) use notes::notes;

use crate::Settings;
use crate::fault::Complaint;
use crate::scalar::{Duration, Endpoint};
use crate::settings::Tls;

/// The names of components that the files declare, by section; nothing where the section itself is faulty.
pub(crate) struct Declared {
    pub(crate) receivers: Option<HashSet<String>>,
    pub(crate) processors: Option<HashSet<String>>,
    pub(crate) exporters: Option<HashSet<String>>,
    pub(crate) extensions: Option<HashSet<String>>,
}

/// All that is wrong with the settings as a whole.
pub(crate) fn all(settings: &Settings, declared: &Declared) -> Vec<Complaint> {
    let mut found = Vec::new();
    pipelines::check(settings, declared, &mut found);
    receivers::check(settings, &mut found);
    components::check(settings, &mut found);
    state::check(settings, &mut found);
    cluster::check(&settings.cluster, &mut found);
    admin(settings, &mut found);
    listeners::check(settings, &mut found);
    found
}

/// A token that anyone has guarded nothing.
fn admin(settings: &Settings, found: &mut Vec<Complaint>) {
    if settings
        .admin
        .token
        .as_ref()
        .is_some_and(|token| token.expose().is_empty())
    {
        let message =
            "`token` is empty; give one, such as `${file:/run/secrets/admin}`, or leave the key out";
        found.push(Complaint::new(["admin", "token"], message));
    }
}

/// `path` and one key more.
fn at(path: &[String], key: &str) -> Vec<String> {
    path.iter().cloned().chain([key.to_owned()]).collect()
}

/// The path of a component.
fn component(section: &str, id: &impl ToString) -> Vec<String> {
    vec![section.to_owned(), id.to_string()]
}

fn positive(path: &[String], key: &str, duration: Duration, found: &mut Vec<Complaint>) {
    if duration.is_zero() {
        found.push(Complaint::new(
            at(path, key),
            format!("`{key}` must be longer than 0s"),
        ));
    }
}

/// A certificate and its key go together, and neither they nor a CA go with `insecure`.
fn tls(path: &[String], tls: &Tls, found: &mut Vec<Complaint>) {
    let path = at(path, "tls");
    let files = [
        ("ca_file", &tls.ca_file),
        ("cert_file", &tls.cert_file),
        ("key_file", &tls.key_file),
    ];
    for (key, file) in files {
        if tls.insecure && file.is_some() {
            let message = format!(
                "`{key}` contradicts `insecure: true`, which speaks without TLS; take one of them away"
            );
            found.push(Complaint::new(at(&path, key), message));
        }
    }
    match (&tls.cert_file, &tls.key_file) {
        (Some(_), None) => found.push(Complaint::new(
            at(&path, "cert_file"),
            "`cert_file` needs `key_file` beside it",
        )),
        (None, Some(_)) => found.push(Complaint::new(
            at(&path, "key_file"),
            "`key_file` needs `cert_file` beside it",
        )),
        _ => {}
    }
}

/// An OTLP receiver's address, with or without `http://` or `https://`.
fn otlp_endpoint(path: &[String], endpoint: &str, scheme_needed: bool, found: &mut Vec<Complaint>) {
    let bare = ["http://", "https://"]
        .iter()
        .find_map(|scheme| endpoint.strip_prefix(scheme));
    let address = if scheme_needed {
        bare
    } else {
        bare.or(Some(endpoint))
    };
    let fits = address
        .and_then(|address| address.parse::<Endpoint>().ok())
        .is_some_and(|address| address.port != 0);
    if !fits {
        let plain = if scheme_needed { "" } else { "host:port, " };
        let message = format!(
            "`endpoint` needs {plain}http://host:port or https://host:port, such as http://localhost:4317"
        );
        found.push(Complaint::new(at(path, "endpoint"), message));
    }
}
