//! No two parts of the node listen on one address.

use super::{at, component};
use crate::Settings;
use crate::fault::Complaint;
use crate::scalar::Endpoint;
use crate::settings::{Exporter, Extension, MetricLevel};

pub(super) fn check(settings: &Settings, found: &mut Vec<Complaint>) {
    let listeners = listeners(settings);
    for (index, (path, endpoint)) in listeners.iter().enumerate() {
        let before = listeners
            .iter()
            .take(index)
            .find(|(_, other)| clash(endpoint, other));
        if let Some((other, _)) = before {
            let message = format!(
                "`{}` and `{}` are the same address; give each its own port",
                path.join("."),
                other.join(".")
            );
            found.push(Complaint::new(path.clone(), message));
        }
    }
}

/// What listens once the node runs. What may be left to its default comes first, so that a fault points at what
/// the file says.
fn listeners(settings: &Settings) -> Vec<(Vec<String>, &Endpoint)> {
    let grpc = ["cluster", "grpc", "listen"].map(String::from).to_vec();
    let mut all = vec![(grpc, &settings.cluster.grpc.listen)];
    let metrics = &settings.service.telemetry.metrics;
    if metrics.level != MetricLevel::None {
        all.push((
            ["service", "telemetry", "metrics", "address"]
                .map(String::from)
                .to_vec(),
            &metrics.address,
        ));
    }
    for (id, extension) in &settings.extensions {
        let Extension::HealthCheck(health) = extension;
        if settings.service.extensions.contains(id) {
            all.push((at(&component("extensions", id), "endpoint"), &health.endpoint));
        }
    }
    for (id, exporter) in &settings.exporters {
        let used = settings
            .service
            .pipelines
            .values()
            .any(|pipeline| pipeline.exporters.contains(id));
        if let (Exporter::Prometheus(prometheus), true) = (exporter, used) {
            all.push((at(&component("exporters", id), "endpoint"), &prometheus.endpoint));
        }
    }
    all
}

fn clash(a: &Endpoint, b: &Endpoint) -> bool {
    let every = |host: &str| matches!(host, "0.0.0.0" | "::");
    let name = |host: &str| {
        if host == "localhost" {
            "127.0.0.1".to_owned()
        } else {
            host.to_lowercase()
        }
    };
    a.port == b.port && a.port != 0 && (every(&a.host) || every(&b.host) || name(&a.host) == name(&b.host))
}
