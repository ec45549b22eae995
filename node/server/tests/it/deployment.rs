//! The files of `deploy/` are held to the program: every port, path, flag, variable and configuration key in
//! them must be one that it has. The checks are themselves checked with broken copies.

mod files;
mod image;
mod manifests;
mod pod;
mod program;

use files::Files;

/// Everything that is wrong with the files. The program is asked once the files agree with each other.
fn faults(files: &Files) -> Vec<String> {
    let mut found = files.missing();
    if found.is_empty() {
        found.extend(manifests::faults(files));
        found.extend(image::faults(files));
    }
    if found.is_empty() {
        found = program::faults(files);
    }
    found
}

#[test]
fn the_deployment_files_say_what_the_program_does() {
    assert_eq!(faults(&Files::read()), Vec::<String>::new());
}

#[test]
fn a_secret_that_nobody_replaced_stops_the_node() {
    let words = program::start_with_placeholders(&Files::read());
    assert!(
        words.contains("gossip.key") && words.contains("not a key"),
        "{words}"
    );
}

/// A file (`*`: all), what is replaced in it by what, and words of the fault that must then be found.
const BROKEN: [(&str, &str, &str, &str); 25] = [
    (
        "statefulset.yaml",
        "containerPort: 8888",
        "containerPort: 8889",
        "8889",
    ),
    (
        "statefulset.yaml",
        "path: /health/ready",
        "path: /healthy",
        "/healthy",
    ),
    (
        "statefulset.yaml",
        "port: health }\n            periodSeconds: 2",
        "port: web }",
        "web",
    ),
    ("*", "--config", "--confg", "unexpected argument '--confg'"),
    ("statefulset.yaml", "args: [run,", "args: [start,", "CMD"),
    ("statefulset.yaml", "name: POD_IP", "name: POD_ADDRESS", "POD_IP"),
    (
        "statefulset.yaml",
        "mountPath: /var/lib/ringwatch",
        "mountPath: /data",
        "data_dir",
    ),
    (
        "statefulset.yaml",
        "{ name: data, mountPath",
        "{ name: date, mountPath",
        "date",
    ),
    (
        "statefulset.yaml",
        "secretName: ringwatch",
        "secretName: ringwatsch",
        "ringwatsch",
    ),
    (
        "statefulset.yaml",
        "GracePeriodSeconds: 60",
        "GracePeriodSeconds: 20",
        "grace",
    ),
    (
        "statefulset.yaml",
        "serviceName: ringwatch",
        "serviceName: ringwatch-client",
        "headless",
    ),
    (
        "statefulset.yaml",
        "runAsNonRoot: true",
        "runAsNonRoot: false",
        "runAsNonRoot",
    ),
    ("statefulset.yaml", "replicas: 3", "replicas: 2", "majority"),
    ("configmap.yaml", "key_file:", "keyfile:", "keyfile"),
    (
        "configmap.yaml",
        "address: \"${POD_IP}:8888\"",
        "address: \"${POD_IP}:9999\"",
        "9999",
    ),
    (
        "configmap.yaml",
        "ringwatch-2.ringwatch:7946",
        "ringwatch-3.ringwatch:7946",
        "seeds",
    ),
    (
        "configmap.yaml",
        "/ringwatch/gossip.key",
        "/ringwatch/gossip",
        "gossip",
    ),
    (
        "configmap.yaml",
        "endpoint: otlp.internal:4317",
        "endpoint: otlp.internal:4318",
        "4318",
    ),
    (
        "service-client.yaml",
        "targetPort: metrics",
        "targetPort: metric",
        "metric",
    ),
    (
        "service-headless.yaml",
        "kubernetes.io/name: ringwatch }\n  ports",
        "kubernetes.io/name: ring }\n  ports",
        "selector",
    ),
    (
        "pod-disruption-budget.yaml",
        "maxUnavailable: 1",
        "maxUnavailable: 2",
        "majority",
    ),
    (
        "network-policy.yaml",
        "- { port: 13133, protocol: TCP }",
        "",
        "13133",
    ),
    ("Dockerfile", "USER 65532:65532", "USER root", "USER"),
    ("Dockerfile", "COPY proto proto", "COPY protos protos", "protos"),
    ("Dockerfile", "7947/tcp", "7950/tcp", "EXPOSE"),
];

#[test]
fn a_broken_copy_is_found_out() {
    for (file, from, to, words) in BROKEN {
        let mut files = Files::read();
        files.replace(file, from, to);
        let found = faults(&files);
        assert!(
            found.iter().any(|fault| fault.contains(words)),
            "{file} with `{to}` in place of `{from}`: no fault says `{words}`: {found:?}"
        );
    }
}
