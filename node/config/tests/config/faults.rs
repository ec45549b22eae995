//! Every fault is told at once, in order, with its place and the nearest key.

use crate::common::{SMALL, lines, load_texts};

#[test]
fn a_file_with_many_faults_gives_all_of_them_at_once_and_in_order() {
    let text = "\
reciever: {}
receivers:
  postgresql/a:
    endpoint: nowhere
    usrname: monitor
    collection_interval: 10
    metrics:
      postgresql.backends: { enabled: yes }
  oracle:
    endpoint: db:3306
  postgresql/b:
    endpoint: db2:5432
    username: ${env:PG_USER}
    username: monitor
    timeout: 0s
exporters:
  otlp:
    endpoint: ftp://x
    compression: gzp
    sending_queue: { num_consumers: 0 }
  debug: [1]
processors:
  memory_limiter:
service:
  pipelines:
    metrics:
      receivers: [postgresql/a, postgresql/c]
      processors: [batch]
      exporters: []
    traces:
      receivers: [oracle]
      exporters: [otlp]
";
    assert_eq!(
        lines(load_texts(&[text], &[], &[])),
        [
            "0.yaml:1:1: unknown key `reciever`; did you mean `receivers`?",
            "0.yaml:4:15: `endpoint` needs host:port, such as db1.internal:5432 or [::1]:5432, not `nowhere`",
            "0.yaml:5:5: unknown key `usrname`; did you mean `username`?",
            "0.yaml:6:26: `collection_interval` needs a duration, such as 500ms, 10s, 5m or 1h30m, not `10`",
            "0.yaml:8:39: `enabled` needs true or false, not `yes`",
            "0.yaml:9:3: unknown type of receiver in `oracle`; available: postgresql, mysql, sqlquery",
            "0.yaml:13:15: the variable `PG_USER` is not set; set it, or write `${PG_USER:default}`",
            "0.yaml:14:5: duplicate key `username`",
            "0.yaml:15:14: `timeout` must be longer than 0s",
            "0.yaml:18:15: `endpoint` needs host:port, http://host:port or https://host:port, such as http://localhost:4317",
            "0.yaml:19:18: `compression` needs one of none, gzip, zstd, not `gzp`; did you mean `gzip`?",
            "0.yaml:20:37: `num_consumers` needs a whole number from 1 to 1000, not `0`",
            "0.yaml:21:3: `debug` needs a map, not a list",
            "0.yaml:23:3: the memory limiter has no limit; give `limit_mib` or `limit_percentage`",
            "0.yaml:27:33: receiver `postgresql/c` is not defined under `receivers`; did you mean `postgresql/a`?",
            "0.yaml:28:20: processor `batch` is not defined under `processors`; known: memory_limiter",
            "0.yaml:29:7: `exporters` is empty; a pipeline needs at least one",
            "0.yaml:30:5: `traces` is not a pipeline: write `metrics`, `logs`, `metrics/name` or `logs/name`; known: metrics, logs",
        ]
    );
}

/// What to put in the place of what in the smallest configuration, and the faults that follow.
type Case = (&'static str, &'static str, &'static [&'static str]);

const RECEIVER: &str = "    username: monitor\n";

const RECEIVERS: &[Case] = &[
    (
        "endpoint: db1:5432",
        "endpoint: db1:0",
        &["0.yaml:3:15: `endpoint` needs a port from 1 to 65535"],
    ),
    (
        "    endpoint: db1:5432\n",
        "    targets_file: t\n    timeout: [1s]\n",
        &["0.yaml:4:5: `timeout` needs a duration, such as 500ms, 10s, 5m or 1h30m, not a list"],
    ),
    (
        SMALL,
        "",
        &[
            "0.yaml:1:1: missing key `exporters`",
            "0.yaml:1:1: missing key `receivers`",
            "0.yaml:1:1: missing key `service`",
        ],
    ),
    (SMALL, "- a\n", &["0.yaml:1:1: the file needs a map, not a list"]),
    (
        SMALL,
        "just text",
        &["0.yaml:1:1: the file needs a map, not `just text`"],
    ),
    (
        RECEIVER,
        "    username: \"\"\n",
        &["0.yaml:4:15: `username` is empty; name the role to log in as"],
    ),
    (
        RECEIVER,
        "    username:\n",
        &["0.yaml:4:5: `username` has no value; it needs text"],
    ),
    (
        RECEIVER,
        "    username: [a]\n",
        &["0.yaml:4:5: `username` needs text, not a list"],
    ),
    (
        RECEIVER,
        "",
        &["0.yaml:2:3: missing key `username` in `postgresql`"],
    ),
    (
        "endpoint: db1:5432",
        "databases: []",
        &["0.yaml:2:3: no server is named; give one of `endpoint`, `targets` and `targets_file`"],
    ),
    (
        RECEIVER,
        "    username: a\n    targets: [{ endpoint: db1:5432 }]\n",
        &[
            "0.yaml:5:5: `targets` stands beside `endpoint`; give only one of `endpoint`, `targets` and `targets_file`",
            "0.yaml:5:27: the same server as at `receivers.postgresql.endpoint`; name each server once",
        ],
    ),
    (
        RECEIVER,
        "    username: a\n    collection_interval: 50ms\n",
        &["0.yaml:5:26: `collection_interval` must be from 100ms to 24h, in whole milliseconds"],
    ),
    (
        RECEIVER,
        "    username: a\n    activity: { interval: 1.5ms }\n",
        &[
            "0.yaml:5:5: `activity` yields logs, and `postgresql` is in no logs pipeline; add it to one, such as `logs/activity` under `service.pipelines`, or set `enabled: false`",
            "0.yaml:5:27: `interval` must be from 100ms to 24h, in whole milliseconds",
        ],
    ),
    (
        RECEIVER,
        "    username: a\n    plans: { per_hour: 0, log: { path: 'x*/a.log', through: sql } }\n",
        &[
            "0.yaml:5:24: `per_hour` needs a whole number from 1 to 100000, not `0`",
            "0.yaml:5:40: `path` must be the whole path of a file, such as `/var/log/postgresql/*.json`",
            "0.yaml:5:61: `through` stands beside `path`; give only one of them",
        ],
    ),
    (
        RECEIVER,
        "    username: a\n    plans: { sample: 1001, log: {} }\n",
        &[
            "0.yaml:5:22: `sample` needs a whole number from 1 to 1000, not `1001`",
            "0.yaml:5:28: no log is named; give `path` for a file of this machine, or `through: sql`",
        ],
    ),
    (
        "    endpoint: db1:5432\n    username: monitor\n",
        "    username: a\n    targets: [{ endpoint: db1:5432 }, { endpoint: db2:5432 }]\n    plans: { log: { path: /var/log/a.log } }\n",
        &[
            "0.yaml:5:5: `plans` yields logs, and `postgresql` is in no logs pipeline; add it to one, such as `logs/plans` under `service.pipelines`, or set `enabled: false`",
            "0.yaml:5:27: a file of this machine is the log of one server, and this receiver may have several; give the server a receiver of its own, or use `through: sql`",
        ],
    ),
    (
        RECEIVER,
        "    username: a\n    tls: { insecure: true, ca_file: /ca, key_file: /key }\n",
        &[
            "0.yaml:5:37: `ca_file` contradicts `insecure: true`, which speaks without TLS; take one of them away",
            "0.yaml:5:52: `key_file` contradicts `insecure: true`, which speaks without TLS; take one of them away",
            "0.yaml:5:52: `key_file` needs `cert_file` beside it",
        ],
    ),
];

const OTHERS: &[Case] = &[
    (
        "  debug:\n",
        "  debug: {verbosity: loud}\n",
        &["0.yaml:6:22: `verbosity` needs one of basic, normal, detailed, not `loud`"],
    ),
    (
        "  debug:\n",
        "  debug:\n  pro metheus:\n",
        &["0.yaml:7:3: `pro metheus` is not the name of a component; write `type` or `type/name`"],
    ),
    (
        "  debug:\n",
        "  debug:\n  oltp: {endpoint: a:1}\n",
        &[
            "0.yaml:7:3: unknown type of exporter in `oltp`; did you mean `otlp`? available: otlp, prometheus, debug",
        ],
    ),
    (
        "  debug:\n",
        "  debug:\n  otlp: {endpoint: \"a:1\", retry_on_failure: {max_elapsed_time: 1s}}\n",
        &[
            "0.yaml:7:64: `max_elapsed_time` must be 0s or at least as long as `initial_interval` and `max_interval`",
        ],
    ),
    (
        "[debug]\n",
        "[debg]\n",
        &["0.yaml:11:19: exporter `debg` is not defined under `exporters`; did you mean `debug`?"],
    ),
    (
        "[debug]\n",
        "[debug, debug]\n",
        &["0.yaml:11:26: exporter `debug` stands in this list twice"],
    ),
    (
        "  pipelines:\n",
        "  extensions: [health_check]\n  pipelines:\n",
        &["0.yaml:8:16: extension `health_check` is not defined under `extensions`"],
    ),
    (
        "[postgresql]\n",
        "[postgresql\n",
        &["0.yaml:11:16: not YAML: illegal placement of ':' indicator"],
    ),
    (
        "  debug:\n",
        "  debug:\n  prometheus: { endpoint: 0.0.0.0:8888 }\n",
        &[],
    ),
];

#[test]
fn each_fault_has_its_line() {
    for (original, changed, expected) in RECEIVERS.iter().chain(OTHERS) {
        assert!(SMALL.contains(original));
        let found = lines(load_texts(&[&SMALL.replace(original, changed)], &[], &[]));
        assert_eq!(found, *expected, "{changed}");
    }
}

#[test]
fn processors_and_listeners_are_checked() {
    let text = SMALL.to_owned()
        + "processors:
  memory_limiter: { limit_mib: 100, limit_percentage: 50, spike_limit_mib: 100 }
  batch: { send_batch_size: 10, send_batch_max_size: 5 }
  attributes:
    actions:
      - { key: a, action: insert }
      - { key: b, action: delete, value: 1 }
      - { key: c, action: upsert, value: 1, from_attribute: d }
extensions:
  health_check: { endpoint: 127.0.0.1:8888 }
  health_check/unused: { endpoint: 127.0.0.1:8888 }
";
    let sets = [
        "service.extensions=[health_check]",
        "cluster.grpc.listen=localhost:8888",
        "service.telemetry.traces.processors=[{batch: {timeout: 0s, exporter: {otlp: {endpoint: 'a:1'}}}}]",
    ];
    assert_eq!(
        lines(load_texts(&[&text], &sets, &[])),
        [
            "0.yaml:13:55: `limit_percentage` stands beside `limit_mib`; give only one of them",
            "0.yaml:13:76: `spike_limit_mib` must be less than `limit_mib`",
            "0.yaml:14:54: `send_batch_max_size` must be 0 (no limit) or at least `send_batch_size`, which is 10",
            "0.yaml:17:27: this action needs `value` or `from_attribute`",
            "0.yaml:18:42: `delete` and `hash` take no `value`",
            "0.yaml:19:61: `from_attribute` stands beside `value`; give only one of them",
            "0.yaml:21:29: `extensions.health_check.endpoint` and `cluster.grpc.listen` are the same address; give each its own port",
            "--set service.telemetry.traces.processors=...: `endpoint` needs http://host:port or https://host:port, such as http://localhost:4317",
            "--set service.telemetry.traces.processors=...: `service.telemetry.metrics.address` and `cluster.grpc.listen` are the same address; give each its own port",
            "--set service.telemetry.traces.processors=...: `timeout` must be longer than 0s",
        ]
    );
}

#[test]
fn a_logs_pipeline_takes_no_prometheus_and_the_same_server_is_read_once() {
    let text = "\
receivers:
  postgresql/a: { endpoint: \"db:1\", username: u, statements: }
  postgresql/b: { endpoint: \"db:1\", username: u }
  postgresql/unused: { endpoint: \"db:1\", username: u, statements: }
exporters:
  prometheus:
service:
  pipelines:
    logs: { receivers: [postgresql/a], exporters: [prometheus] }
    metrics: { receivers: [postgresql/b], exporters: [prometheus] }
";
    assert_eq!(
        lines(load_texts(&[text], &[], &[])),
        [
            "0.yaml:3:29: the same server as at `receivers.postgresql/a.endpoint`; name each server once",
            "0.yaml:9:52: exporter `prometheus` takes metrics only and cannot stand in a logs pipeline",
        ]
    );
}

#[test]
fn faults_of_overlays_and_of_the_command_line_say_where_they_come_from() {
    let overlay = "receivers:\n  postgresql:\n    timeuot: 1s\n    timeout: soon\n";
    let sets = [
        "exporters.debug.verbosity=loud",
        "service.pipelines.metrics.receivers.7=x",
        "nonsense",
    ];
    assert_eq!(
        lines(load_texts(&[SMALL, overlay], &sets[..1], &[])),
        [
            "1.yaml:3:5: unknown key `timeuot`; did you mean `timeout`?",
            "1.yaml:4:14: `timeout` needs a duration, such as 500ms, 10s, 5m or 1h30m, not `soon`",
            "--set exporters.debug.verbosity=...: `verbosity` needs one of basic, normal, detailed, not `loud`",
        ]
    );
    assert_eq!(
        lines(load_texts(&[SMALL], &sets[1..], &[])),
        [
            "--set service.pipelines.metrics.receivers.7=...: `7` is not an entry of the list, which has 1; entries count from 0",
            "--set KEY=...: not `key.path=value`",
        ]
    );
}

#[test]
fn files_that_cannot_be_read_are_told_together() {
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("binary.yaml");
    std::fs::write(&binary, b"a: 1\nb: \xff\n").unwrap();
    let files = [folder.path().join("absent.yaml"), binary];
    let request = ringwatch_config::Request {
        files: &files,
        sets: &[],
        env: &|_| None,
    };
    let found = crate::common::lines(ringwatch_config::load(&request, &|_| Vec::new()));
    assert_eq!(found.len(), 2);
    assert!(
        found[0].starts_with("absent.yaml:1:1: cannot be read: "),
        "{found:?}"
    );
    assert_eq!(found[1], "binary.yaml:2:4: not UTF-8");
}

#[test]
fn a_complaint_of_the_caller_gets_its_place_unless_something_is_wrong_there_already() {
    use ringwatch_config::Complaint;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("0.yaml");
    let metrics = "    username: u\n    metrics:\n      ${M}: { enabled: true }\n    timeout: soon\n";
    std::fs::write(&file, SMALL.replace("    username: monitor\n", metrics)).unwrap();
    let env = |name: &str| (name == "M").then(|| "postgresql.backend".to_owned());
    let request = ringwatch_config::Request {
        files: &[file],
        sets: &[],
        env: &env,
    };
    let extra = |_: &ringwatch_config::Settings| {
        let path = ["receivers", "postgresql", "metrics", "postgresql.backend"];
        vec![
            Complaint::unknown(path, "metric", "postgresql.backend", &["postgresql.backends"]),
            Complaint::new(
                ["receivers", "postgresql", "timeout"],
                "of no interest: the stand-in is short",
            ),
        ]
    };
    assert_eq!(
        lines(ringwatch_config::load(&request, &extra)),
        [
            "0.yaml:6:7: unknown metric `${M}`; did you mean `postgresql.backends`?",
            "0.yaml:7:14: `timeout` needs a duration, such as 500ms, 10s, 5m or 1h30m, not `soon`",
        ]
    );
}

#[test]
fn a_complaint_about_a_text_quotes_it_as_it_is_written() {
    use ringwatch_config::Complaint;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("0.yaml");
    let sampler = "processors:
  adaptive_sampler:
    rules:
      - { name: a, condition: \"x >\\n 1 ${TAIL}\" }
      - { name: b, condition: \"${TAIL}\" }
      - { name: c, condition: y > 1 }
";
    std::fs::write(&file, format!("{SMALL}{sampler}")).unwrap();
    let env = |name: &str| (name == "TAIL").then(|| "canary 7".to_owned());
    let request = ringwatch_config::Request {
        files: &[file],
        sets: &[],
        env: &env,
    };
    let extra = |_: &ringwatch_config::Settings| {
        let path =
            |rule: &str| ["processors", "adaptive_sampler", "rules", rule, "condition"].map(str::to_owned);
        let of = |rule| Complaint::new(path(rule), "`canary` is no `x`; write a number").quoting();
        vec![of("0"), of("1"), of("2")]
    };
    assert_eq!(
        lines(ringwatch_config::load(&request, &extra)),
        [
            "0.yaml:15:31: `x >\\n 1 ${TAIL}`: `...` is no `x`; write a number",
            "0.yaml:16:31: `${TAIL}`: `...` is no `...`; write a number",
            "0.yaml:17:31: `y > 1`: `canary` is no `x`; write a number",
        ]
    );
}

#[test]
fn a_complaint_about_a_statement_alone_quotes_it_and_nothing_that_came_by_substitution() {
    use ringwatch_config::Complaint;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("0.yaml");
    let transform = "processors:
  transform:
    metric_statements: ['x > 1', '${ONE}', '${GROUP}']
    log_statements: ${ALL}
";
    std::fs::write(&file, format!("{SMALL}{transform}")).unwrap();
    let env = |name: &str| match name {
        "ONE" => Some("canary".to_owned()),
        "GROUP" => Some("{ statements: [canary] }".to_owned()),
        "ALL" => Some("[canary]".to_owned()),
        _ => None,
    };
    let request = ringwatch_config::Request {
        files: &[file],
        sets: &[],
        env: &env,
    };
    let extra = |_: &ringwatch_config::Settings| {
        let of = |section: &str, group: &str| {
            let path = ["processors", "transform", section, group, "statements", "0"].map(str::to_owned);
            Complaint::new(path, "`canary` is none; write another").quoting()
        };
        let groups = ["0", "1", "2"].map(|group| of("metric_statements", group));
        groups.into_iter().chain([of("log_statements", "0")]).collect()
    };
    assert_eq!(
        lines(ringwatch_config::load(&request, &extra)),
        [
            "0.yaml:14:25: `x > 1`: `canary` is none; write another",
            "0.yaml:14:34: `${ONE}`: `...` is none; write another",
            "0.yaml:14:44: `${GROUP}`: `...` is none; write another",
            "0.yaml:15:21: `...` is none; write another",
        ]
    );
}
