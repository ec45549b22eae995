//! No two parts of the node listen on one address.

use std::collections::{HashMap, HashSet};

use super::{at, component};
use crate::Settings;
use crate::fault::Complaint;
use crate::scalar::Endpoint;
use crate::settings::{Exporter, Extension, MetricLevel};

pub(super) fn check(settings: &Settings, found: &mut Vec<Complaint>) {
    let listeners = listeners(settings);
    let mut ports: HashMap<u16, Port> = HashMap::new();
    for (index, (path, endpoint)) in listeners.iter().enumerate() {
        if endpoint.port == 0 {
            continue;
        }
        let port = ports.entry(endpoint.port).or_insert_with(|| Port::new(index));
        let Some((other, _)) = port.take(endpoint, index).and_then(|first| listeners.get(first)) else {
            continue;
        };
        let message = format!(
            "`{}` and `{}` are the same address; give each its own port",
            path.join("."),
            other.join(".")
        );
        found.push(Complaint::new(path.clone(), message));
    }
}

/// Who listens on one port: the first of all, the first on every address, and the first on each address.
struct Port {
    first: usize,
    everywhere: Option<usize>,
    hosts: HashMap<String, usize>,
}

impl Port {
    fn new(first: usize) -> Self {
        Self {
            first,
            everywhere: None,
            hosts: HashMap::new(),
        }
    }

    /// Takes the address for `index`, and tells the first that has it already.
    fn take(&mut self, endpoint: &Endpoint, index: usize) -> Option<usize> {
        let host = endpoint.host.to_lowercase();
        let host = if host == "localhost" {
            "127.0.0.1".into()
        } else {
            host
        };
        let everywhere = matches!(endpoint.host.as_str(), "0.0.0.0" | "::");
        let same = self.hosts.get(&host).copied();
        let any = (everywhere && self.first != index).then_some(self.first);
        let clash = [same, any, self.everywhere].into_iter().flatten().min();
        self.hosts.entry(host).or_insert(index);
        if everywhere {
            self.everywhere.get_or_insert(index);
        }
        clash
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
    let running: HashSet<_> = settings.service.extensions.iter().collect();
    for (id, extension) in settings.extensions.iter().filter(|(id, _)| running.contains(id)) {
        all.push((at(&component("extensions", id), "endpoint"), address(extension)));
    }
    let pipelines = settings.service.pipelines.values();
    let used: HashSet<_> = pipelines.flat_map(|pipeline| &pipeline.exporters).collect();
    for (id, exporter) in settings.exporters.iter().filter(|(id, _)| used.contains(id)) {
        if let Exporter::Prometheus(prometheus) = exporter {
            all.push((at(&component("exporters", id), "endpoint"), &prometheus.endpoint));
        }
    }
    all
}

/// Where an extension listens.
pub(super) fn address(extension: &Extension) -> &Endpoint {
    match extension {
        Extension::HealthCheck(health) => &health.endpoint,
        Extension::Pprof(pprof) => &pprof.endpoint,
        Extension::Zpages(zpages) => &zpages.endpoint,
    }
}
