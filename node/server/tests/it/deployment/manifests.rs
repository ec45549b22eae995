//! Whether the manifests agree with each other and with what a cluster needs.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::files::{Files, Port, at, list, number, text, words};

const POD: &str = "/spec/template/spec";

/// What must stand where in the stateful set.
const SETTINGS: [(&str, &str, &str); 14] = [
    ("/spec", "/podManagementPolicy", "\"Parallel\""),
    ("/spec", "/updateStrategy/type", "\"RollingUpdate\""),
    (POD, "/automountServiceAccountToken", "false"),
    (POD, "/securityContext/runAsNonRoot", "true"),
    (POD, "/securityContext/seccompProfile/type", "\"RuntimeDefault\""),
    (
        POD,
        "/containers/0/securityContext/allowPrivilegeEscalation",
        "false",
    ),
    (
        POD,
        "/containers/0/securityContext/readOnlyRootFilesystem",
        "true",
    ),
    (
        POD,
        "/containers/0/securityContext/capabilities/drop",
        "[\"ALL\"]",
    ),
    (POD, "/containers/1", "null"),
    (
        POD,
        "/topologySpreadConstraints/0/topologyKey",
        "\"kubernetes.io/hostname\"",
    ),
    (POD, "/containers/0/startupProbe/httpGet/path", "\"/health/live\""),
    (POD, "/hostNetwork", "null"),
    (POD, "/containers/0/resources/limits/cpu", "null"),
    (POD, "/containers/0/command", "null"),
];

pub(super) fn faults(files: &Files) -> Vec<String> {
    let mut found = Vec::new();
    let set = files.manifest("statefulset.yaml");
    for (under, pointer, expected) in SETTINGS {
        let is = at(&set, &format!("{under}{pointer}")).to_string();
        if is != expected {
            found.push(format!("{pointer} is {is} and should be {expected}"));
        }
    }
    majority(files, &set, &mut found);
    selectors(files, &set, &mut found);
    services(files, &set, &mut found);
    probes(files, &mut found);
    volumes(files, &set, &mut found);
    policy(files, &mut found);
    kustomization(files, &mut found);
    found
}

/// One node may go, on purpose or not, and most of them are still there.
fn majority(files: &Files, set: &Value, found: &mut Vec<String>) {
    let replicas = number(set, "/spec/replicas");
    let away = number(
        &files.manifest("pod-disruption-budget.yaml"),
        "/spec/maxUnavailable",
    );
    if away != 1 || 2 * (replicas.saturating_sub(away)) <= replicas {
        found.push(format!(
            "{away} of {replicas} may be away: what stays is no majority"
        ));
    }
    if number(set, "/spec/minReadySeconds") == 0 {
        found.push("minReadySeconds leaves no time to move targets between two restarts".into());
    }
}

fn selectors(files: &Files, set: &Value, found: &mut Vec<String>) {
    let labels = at(set, "/spec/template/metadata/labels");
    let policy = files.manifest("network-policy.yaml");
    let mut selectors = vec![
        ("statefulset.yaml", at(set, "/spec/selector/matchLabels")),
        (
            "pod-disruption-budget.yaml",
            at(
                &files.manifest("pod-disruption-budget.yaml"),
                "/spec/selector/matchLabels",
            ),
        ),
        (
            "network-policy.yaml",
            at(&policy, "/spec/podSelector/matchLabels"),
        ),
    ];
    for constraint in list(set, "/spec/template/spec/topologySpreadConstraints") {
        selectors.push(("statefulset.yaml", at(&constraint, "/labelSelector/matchLabels")));
    }
    for service in ["service-headless.yaml", "service-client.yaml"] {
        selectors.push((service, at(&files.manifest(service), "/spec/selector")));
    }
    for (file, selector) in selectors {
        let wanted = selector.as_object().cloned().unwrap_or_default();
        if wanted.is_empty() || !wanted.iter().all(|(key, value)| labels.get(key) == Some(value)) {
            found.push(format!(
                "{file}: the selector {selector} is not of the pods' labels {labels}"
            ));
        }
    }
}

fn services(files: &Files, set: &Value, found: &mut Vec<String>) {
    let ports = files.container_ports();
    for file in ["service-headless.yaml", "service-client.yaml"] {
        for port in list(&files.manifest(file), "/spec/ports") {
            let target = text(&port, "/targetPort");
            let here: Port = (number(&port, "/port"), text(&port, "/protocol"));
            if ports.get(&target) != Some(&here) {
                found.push(format!(
                    "{file}: {here:?} leads to the container's port `{target}`, which is another"
                ));
            }
        }
    }
    let headless = files.manifest("service-headless.yaml");
    let is_headless = at(&headless, "/spec/clusterIP") == json!("None")
        && at(&headless, "/spec/publishNotReadyAddresses") == json!(true);
    if !is_headless || at(&headless, "/metadata/name") != at(set, "/spec/serviceName") {
        found.push("the stateful set's service is not the headless one that shows all nodes".into());
    }
}

fn probes(files: &Files, found: &mut Vec<String>) {
    let container = files.container();
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let port = text(&container, &format!("/{probe}/httpGet/port"));
        if !files.container_ports().contains_key(&port) {
            found.push(format!("{probe} asks at `{port}`, which the container has not"));
        }
    }
}

fn volumes(files: &Files, set: &Value, found: &mut Vec<String>) {
    let claims = list(set, "/spec/volumeClaimTemplates");
    let volumes = list(set, "/spec/template/spec/volumes");
    let defined: BTreeSet<String> = claims
        .iter()
        .map(|claim| text(claim, "/metadata/name"))
        .chain(volumes.iter().map(|volume| text(volume, "/name")))
        .collect();
    let mounts = list(&files.container(), "/volumeMounts");
    let mounted: BTreeSet<String> = mounts.iter().map(|mount| text(mount, "/name")).collect();
    if defined != mounted {
        found.push(format!("the volumes are {defined:?}, mounted are {mounted:?}"));
    }
    for volume in volumes {
        for (source, file) in [
            ("/configMap/name", "configmap.yaml"),
            ("/secret/secretName", "secret.yaml"),
        ] {
            let name = text(&volume, source);
            if !name.is_empty() && name != text(&files.manifest(file), "/metadata/name") {
                found.push(format!("the volume {volume} is not what {file} defines"));
            }
        }
    }
}

/// Everything that the container offers is let in, and gossip and gRPC only from the cluster's own pods.
fn policy(files: &Files, found: &mut Vec<String>) {
    let policy = files.manifest("network-policy.yaml");
    if words(&policy, "/spec/policyTypes") != ["Ingress", "Egress"] {
        found.push("the network policy does not speak of both ways".into());
    }
    let rules = list(&policy, "/spec/ingress");
    for (name, port) in files.container_ports() {
        let own = json!([{ "podSelector": at(&policy, "/spec/podSelector") }]);
        let among_nodes = name == "gossip" || name == "grpc";
        let lets_in = |rule: &&Value| ports(rule).contains(&port);
        let from: Vec<Value> = rules
            .iter()
            .filter(lets_in)
            .map(|rule| at(rule, "/from"))
            .collect();
        if from.is_empty() || from.iter().any(|from| among_nodes && *from != own) {
            found.push(format!(
                "the network policy lets {port:?} ({name}) in from {from:?}"
            ));
        }
    }
}

/// The ports of a rule.
pub(super) fn ports(rule: &Value) -> Vec<Port> {
    let ports = list(rule, "/ports");
    ports
        .iter()
        .map(|port| (number(port, "/port"), text(port, "/protocol")))
        .collect()
}

/// All but the secret's form, which would take the place of real keys.
fn kustomization(files: &Files, found: &mut Vec<String>) {
    let named: BTreeSet<String> = words(&files.manifest("kustomization.yaml"), "/resources")
        .into_iter()
        .collect();
    let expected = [
        "configmap.yaml",
        "network-policy.yaml",
        "pod-disruption-budget.yaml",
        "service-client.yaml",
        "service-headless.yaml",
        "statefulset.yaml",
    ];
    if named != expected.map(String::from).into() {
        found.push(format!("kustomization.yaml names {named:?}"));
    }
}
