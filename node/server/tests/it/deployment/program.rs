//! What the program itself says of the files: it is asked and started as the stateful set starts it.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::files::{Files, Port, at, list, number, text, words};
use super::manifests;
use super::pod::Pod;
use crate::node::{BINARY, get};

/// 32 bytes in base64.
const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n";

/// What the program says of the files.
pub(super) fn faults(files: &Files) -> Vec<String> {
    let pod = Pod::new(files, |key, _| {
        if key == "gossip.key" {
            KEY.into()
        } else {
            "secret".into()
        }
    });
    let mut found = pod.unknown.clone();
    let validated = pod.command(&["validate"]).output().unwrap();
    if !validated.status.success() {
        found.extend(errors(&validated).lines().map(String::from));
        return found;
    }
    let shown = pod.command(&["config", "show"]).output().unwrap();
    let settings: Value = serde_saphyr::from_str(&String::from_utf8(shown.stdout).unwrap()).unwrap();
    listeners_are_ports(files, &settings, &mut found);
    files_are_mounted(files, &pod, &settings, &mut found);
    seeds_are_nodes(files, &settings, &mut found);
    variables_are_used(files, &pod, &mut found);
    egress_is_allowed(files, &settings, &mut found);
    grace_is_long_enough(files, &mut found);
    if found.is_empty() {
        probes_are_answered(files, &pod, &settings, &mut found);
    }
    found
}

/// What a node says that is started with the placeholders of the secret.
pub(super) fn start_with_placeholders(files: &Files) -> String {
    let pod = Pod::new(files, |_, placeholder| placeholder.into());
    let mut child = pod
        .program(&Ports::free().settings(""))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    // It has ended already, or never will.
    let _ = child.kill();
    errors(&child.wait_with_output().unwrap())
}

/// The ports of a node with every part that listens and no setting changed.
pub(super) fn default_ports() -> BTreeSet<Port> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ringwatch.yaml");
    let config = "
cluster: { gossip: {} }
receivers: { postgresql: { endpoint: db1:5432, username: monitor } }
exporters: { prometheus: {} }
extensions: { health_check: {} }
service:
  extensions: [health_check]
  pipelines: { metrics: { receivers: [postgresql], exporters: [prometheus] } }
";
    std::fs::write(&file, config).unwrap();
    let shown = Command::new(BINARY)
        .args(["config", "show", "--config"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(shown.status.success(), "{}", errors(&shown));
    listeners(&serde_saphyr::from_str(&String::from_utf8(shown.stdout).unwrap()).unwrap())
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn listeners(settings: &Value) -> BTreeSet<Port> {
    let pointers = [
        ("/cluster/gossip/listen", "UDP"),
        ("/cluster/grpc/listen", "TCP"),
        ("/service/telemetry/metrics/address", "TCP"),
        ("/extensions/health_check/endpoint", "TCP"),
        ("/exporters/prometheus/endpoint", "TCP"),
    ];
    let set = pointers
        .iter()
        .map(|(pointer, protocol)| (text(settings, pointer), *protocol));
    set.filter(|(endpoint, _)| !endpoint.is_empty())
        .map(|(endpoint, protocol)| (port(&endpoint), protocol.to_owned()))
        .collect()
}

/// The port of `host:port`.
fn port(endpoint: &str) -> u64 {
    endpoint
        .rsplit(':')
        .next()
        .unwrap_or_default()
        .parse()
        .unwrap_or_default()
}

fn listeners_are_ports(files: &Files, settings: &Value, found: &mut Vec<String>) {
    let listens = listeners(settings);
    let said: BTreeSet<Port> = files.container_ports().into_values().collect();
    if listens != said {
        found.push(format!(
            "the node listens on {listens:?}, the container's ports are {said:?}"
        ));
    }
    let ports = files.container_ports();
    let health = port(&text(settings, "/extensions/health_check/endpoint"));
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let asked = &ports[&text(&files.container(), &format!("/{probe}/httpGet/port"))];
        if *asked != (health, "TCP".into()) {
            found.push(format!("{probe} asks at {asked:?}, and health is on {health}"));
        }
    }
}

fn files_are_mounted(files: &Files, pod: &Pod, settings: &Value, found: &mut Vec<String>) {
    let key = text(settings, "/cluster/gossip/key_file");
    if !PathBuf::from(&key).is_file() {
        found.push(format!("cluster.gossip.key_file: {key} is not in the secret"));
    }
    let data = PathBuf::from(text(settings, "/cluster/data_dir"));
    let writable = list(&files.container(), "/volumeMounts")
        .into_iter()
        .any(|mount| {
            let place = pod
                .mounts
                .iter()
                .find(|(inside, _)| *inside == text(&mount, "/mountPath"));
            at(&mount, "/readOnly") != Value::Bool(true)
                && place.is_some_and(|(_, outside)| data.starts_with(outside))
        });
    if !writable {
        found.push(format!(
            "cluster.data_dir: nothing that can be written is mounted at {}",
            data.display()
        ));
    }
}

/// Every node is a seed, by the name that the headless service gives it.
fn seeds_are_nodes(files: &Files, settings: &Value, found: &mut Vec<String>) {
    let set = files.manifest("statefulset.yaml");
    let (name, service) = (text(&set, "/metadata/name"), text(&set, "/spec/serviceName"));
    let gossip = &files.container_ports()["gossip"].0;
    let nodes = (0..number(&set, "/spec/replicas")).map(|n| format!("{name}-{n}.{service}:{gossip}"));
    let seeds = words(settings, "/cluster/gossip/seeds");
    if !nodes.eq(seeds.iter().cloned()) {
        found.push(format!(
            "the seeds {seeds:?} are not the nodes of the stateful set"
        ));
    }
}

fn variables_are_used(files: &Files, pod: &Pod, found: &mut Vec<String>) {
    let config = files.config();
    let unused = pod
        .environment
        .keys()
        .filter(|name| !config.contains(&format!("${{{name}}}")));
    found.extend(unused.map(|name| format!("no key of the configuration takes the variable {name}")));
}

/// The node may call what it is configured to call, and ask for names.
fn egress_is_allowed(files: &Files, settings: &Value, found: &mut Vec<String>) {
    let rules = list(&files.manifest("network-policy.yaml"), "/spec/egress");
    let allowed: BTreeSet<Port> = rules.iter().flat_map(manifests::ports).collect();
    let own = files.container_ports();
    let mut called: Vec<Port> = vec![(53, "UDP".into()), (53, "TCP".into())];
    called.extend(["gossip", "grpc"].map(|name| own[name].clone()));
    let (receivers, exporters) = (at(settings, "/receivers"), at(settings, "/exporters"));
    for receiver in receivers.as_object().unwrap().values() {
        let targets = list(receiver, "/targets");
        called.extend(
            targets
                .iter()
                .map(|target| (port(&text(target, "/endpoint")), "TCP".into())),
        );
    }
    for exporter in exporters.as_object().unwrap().values() {
        called.push((port(&text(exporter, "/endpoint")), "TCP".into()));
    }
    let barred = called.iter().filter(|port| !allowed.contains(port));
    found.extend(barred.map(|port| format!("the network policy does not let the node call {port:?}")));
}

/// A pod is killed only after the node had the time that it says it takes.
fn grace_is_long_enough(files: &Files, found: &mut Vec<String>) {
    let help = Command::new(BINARY).args(["run", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap().replace('\n', " ");
    let drain: Option<u64> = help
        .split_once("within ")
        .and_then(|(_, rest)| rest.split_once(" seconds"))
        .and_then(|(seconds, _)| seconds.parse().ok());
    let grace = number(
        &files.manifest("statefulset.yaml"),
        "/spec/template/spec/terminationGracePeriodSeconds",
    );
    if drain.is_none_or(|drain| grace < drain + 10) {
        found.push(format!(
            "a grace period of {grace} s is not enough for a drain of {drain:?} s"
        ));
    }
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The listeners of one node of the stateful set on this machine.
struct Ports {
    gossip: u16,
    grpc: u16,
    health: u16,
    metrics: u16,
}

impl Ports {
    fn free() -> Self {
        let listeners: [TcpListener; 4] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let [gossip, grpc, health, metrics] = listeners.map(|listener| listener.local_addr().unwrap().port());
        Self {
            gossip,
            grpc,
            health,
            metrics,
        }
    }

    /// Settings that put every listener there, among nodes that take gossip at `seeds`.
    fn settings(&self, seeds: &str) -> Vec<String> {
        let Self {
            gossip,
            grpc,
            health,
            metrics,
        } = self;
        vec![
            format!("cluster.gossip.listen=127.0.0.1:{gossip}"),
            format!("cluster.gossip.advertise=127.0.0.1:{gossip}"),
            format!("cluster.gossip.seeds=[{seeds}]"),
            format!("cluster.grpc.listen=127.0.0.1:{grpc}"),
            format!("cluster.grpc.advertise=127.0.0.1:{grpc}"),
            format!("extensions.health_check.endpoint=127.0.0.1:{health}"),
            format!("service.telemetry.metrics.address=127.0.0.1:{metrics}"),
        ]
    }
}

/// Starts as many nodes as vote, on free ports, and asks each what the probes ask.
fn probes_are_answered(files: &Files, pod: &Pod, settings: &Value, found: &mut Vec<String>) {
    let all: [Ports; 3] = std::array::from_fn(|_| Ports::free());
    let seeds = all.iter().map(|ports| format!("127.0.0.1:{}", ports.gossip));
    let seeds = seeds.collect::<Vec<_>>().join(", ");
    let mut nodes: Vec<_> = all
        .iter()
        .enumerate()
        .map(|(number, ports)| {
            let mut sets = ports.settings(&seeds);
            let folder = pod.folder.path().join(format!("node-{number}"));
            sets.push(format!("cluster.node_id=ringwatch-{number}"));
            sets.push(format!("cluster.data_dir={}", folder.display()));
            sets.push("exporters.otlp.endpoint=127.0.0.1:1".into());
            for name in at(settings, "/receivers").as_object().unwrap().keys() {
                sets.push(format!("receivers.{name}.targets=[{{ endpoint: 127.0.0.1:1 }}]"));
            }
            let log = pod.folder.path().join(format!("log-{number}"));
            let child = pod
                .program(&sets)
                .stdout(Stdio::null())
                .stderr(std::fs::File::create(&log).unwrap())
                .spawn()
                .unwrap();
            (Running(child), log)
        })
        .collect();
    for (ports, (node, log)) in all.iter().zip(&mut nodes) {
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            let path = text(&files.container(), &format!("/{probe}/httpGet/path"));
            if let Some(answer) = unanswered(node, ports.health, &path) {
                let log = std::fs::read_to_string(&*log).unwrap();
                found.push(format!(
                    "{probe}: {path} is answered with {answer:?}; the node's log: {log}"
                ));
            }
        }
    }
}

/// What a probe is answered with, if that is not a yes in time.
fn unanswered(node: &mut Running, health: u16, path: &str) -> Option<Option<u16>> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = get(health, path).map(|(status, _)| status);
        let ended = node.0.try_wait().unwrap().is_some();
        if answer == Some(200) {
            return None;
        }
        // A node that starts does not answer, or says that it is not ready.
        if ended || !matches!(answer, None | Some(503)) || Instant::now() > deadline {
            return Some(answer);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
