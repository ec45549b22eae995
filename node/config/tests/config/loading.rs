//! Substitution, overlays, `--set`, `show`, and secrets.

use crate::common::{SMALL, good, json, lines, load_texts};
use ringwatch_config::settings::{Exporter, Processor, Receiver};
use ringwatch_config::{Settings, show};

const CANARY: &str = "canary-51d9";

fn receiver(settings: &Settings) -> serde_json::Value {
    json(settings)["receivers"]["postgresql"]["postgresql"].clone()
}

#[test]
fn what_is_left_out_has_its_default() {
    let settings = good(SMALL, &[]);
    let Some(Receiver::Postgresql(receiver)) = settings.receivers.values().next() else {
        panic!()
    };
    assert_eq!(receiver.collection_interval.to_string(), "10s");
    assert!(matches!(
        settings.exporters.values().next().unwrap(),
        Exporter::Debug(_)
    ));
    assert_eq!(settings.cluster.grpc.listen.port, 7947);
}

#[test]
fn substituted_values_are_typed_by_what_the_key_wants() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "  from file \n").unwrap();
    let text = format!(
        "\
receivers:
  postgresql:
    endpoint: ${{env:HOST}}:${{PORT:5432}}
    username: ${{USER}}
    password: 0123
    targets_file:
    connect_database: ${{file:{}}}
    databases: ${{DATABASES}}
    exclude_databases: [${{DB}}, 1.0, \"$${{DB}}\"]
    metrics:
      ${{METRIC}}: {{ enabled: ${{ON}} }}
processors:
  memory_limiter: {{ limit_mib: ${{env:OTEL_MEMORY_LIMIT_MIB}} }}
  batch: {{ timeout: ${{env:OTEL_BATCH_TIMEOUT}} }}
  resource:
    attributes:
      - {{ key: a, action: insert, value: ${{NUMBER}} }}
      - {{ key: b, action: insert, value: \"12\" }}
      - {{ key: c, action: insert, value: x${{NUMBER}} }}
exporters:
  debug: {{ sampling_initial: ${{env:NUMBER}} }}
service: {{ pipelines: {{ metrics: {{ receivers: [postgresql], exporters: [debug] }} }} }}
",
        file.path().display()
    );
    let env = [
        ("HOST", "db1"),
        ("USER", "007"),
        ("DB", "app"),
        ("DATABASES", "[a, 'b']"),
        ("METRIC", "postgresql.backends"),
        ("ON", "true"),
        ("NUMBER", "12"),
    ];
    let settings = good(&text, &env);
    let read = receiver(&settings);
    assert_eq!(read["endpoint"], "db1:5432");
    assert_eq!(read["username"], "007");
    assert_eq!(read["connect_database"], "  from file ");
    assert_eq!(read["databases"], serde_json::json!(["a", "b"]));
    assert_eq!(
        read["exclude_databases"],
        serde_json::json!(["app", "1.0", "${DB}"])
    );
    assert_eq!(read["metrics"]["postgresql.backends"]["enabled"], true);
    let Some(Receiver::Postgresql(typed)) = settings.receivers.values().next() else {
        panic!()
    };
    assert_eq!(typed.password.as_ref().unwrap().expose(), "0123");
    let processors = &json(&settings)["processors"];
    assert_eq!(processors["memory_limiter"]["memory_limiter"]["limit_mib"], 512);
    assert_eq!(processors["batch"]["batch"]["timeout"], "10s");
    let actions = &processors["resource"]["resource"]["attributes"];
    let values: Vec<_> = (0..3).map(|index| actions[index]["value"].clone()).collect();
    assert_eq!(values, [serde_json::json!(12), "12".into(), "x12".into()]);
}

#[test]
fn overlays_merge_maps_and_replace_the_rest() {
    let base = SMALL.replace(
        "    username: monitor\n",
        "    username: a\n    databases: [x, y]\n    tls: { insecure: true }\n",
    );
    let overlay =
        "receivers: { postgresql: { databases: [z], tls: { insecure_skip_verify: true }, timeout: 1s } }\n";
    let settings = load_texts(&[&base, overlay, "# nothing\n"], &[], &[]).unwrap();
    let read = receiver(&settings);
    assert_eq!(read["username"], "a");
    assert_eq!(read["databases"], serde_json::json!(["z"]));
    assert_eq!(read["tls"]["insecure"], true);
    assert_eq!(read["tls"]["insecure_skip_verify"], true);
    assert_eq!(read["timeout"], "1s");
}

#[test]
fn set_comes_last() {
    let sets = [
        "receivers.postgresql.timeout=${T}",
        "receivers.postgresql.databases=[a, b]",
        "receivers.postgresql.databases.1=c",
        "receivers.postgresql.metrics.postgresql.deadlocks.enabled=true",
        "processors.batch/big.send_batch_size=9",
        "service.pipelines.metrics.processors=[batch/big]",
    ];
    let settings = load_texts(
        &[SMALL, "receivers: {postgresql: {timeout: 2s}}"],
        &sets,
        &[("T", "3s")],
    )
    .unwrap();
    let read = receiver(&settings);
    assert_eq!(read["timeout"], "3s");
    assert_eq!(read["databases"], serde_json::json!(["a", "c"]));
    assert_eq!(read["metrics"]["postgresql.deadlocks"]["enabled"], true);
    let Some(Processor::Batch(batch)) = settings.processors.values().next() else {
        panic!()
    };
    assert_eq!(batch.send_batch_size, 9);
}

#[test]
fn a_shown_configuration_is_a_file_again() {
    let sets = [
        "receivers.postgresql.username=a$$b",
        "receivers.postgresql.databases=['yes', '1', '', '# x', 'é\u{1f418}']",
    ];
    let settings = load_texts(&[SMALL], &sets, &[]).unwrap();
    let shown = show(&settings);
    assert_eq!(json(&good(&shown, &[])), json(&settings), "{shown}");
    assert_eq!(receiver(&settings)["username"], "a$b");
    assert!(shown.contains("  postgresql:\n"), "{shown}");
}

#[test]
fn a_secret_is_in_no_text_that_anyone_sees() {
    let secrets = format!("    username: u\n    password: {CANARY}\n");
    let text = SMALL.replace("    username: monitor\n", &secrets)
        + "processors: { batch: { timeout: ${env:TIMEOUT:1s} } }\n";
    let text = text.replace(
        "  debug:\n",
        &format!("  debug:\n  otlp: {{ endpoint: \"a:1\", headers: {{ api-key: {CANARY} }} }}\n  debug/${{SECRET:x}}:\n"),
    );
    let settings = good(&text, &[]);
    for seen in [
        format!("{settings:?}"),
        format!("{settings:#?}"),
        show(&settings),
        json(&settings).to_string(),
    ] {
        assert!(seen.contains("[REDACTED]") && !seen.contains("canary"), "{seen}");
    }
    let pieces = [
        ("password: canary-51d9", "password: [canary-51d9]"),
        ("password: canary-51d9", "password: {canary-51d9: canary-51d9}"),
        ("username: u", "username: [${env:SECRET}]"),
        ("endpoint: db1:5432", "endpoint: ${env:SECRET}"),
        ("endpoint: db1:5432", "endpoint: ${env:SECRET}:99999"),
        ("[debug]", "[${env:SECRET}]"),
        ("[debug]", "[debug, \"${SECRET}\"]"),
        (
            "  debug:\n",
            "  debug: { verbosity: \"${SECRET}\", sampling_initial: x${SECRET} }\n",
        ),
        ("  debug:\n", "  debug:\n  ${SECRET}:\n"),
        (
            "  debug:\n",
            "  debug:\n  debug/${SECRET}: { x${SECRET}: 1, ${SECRET}: 2 }\n",
        ),
        ("    metrics:\n", "    ${SECRET}:\n"),
        ("[debug]\n", "[debg, debug/${SECRET}, debug/${SECRET}]\n"),
        ("endpoint: db1:5432", "targets: ${LIST}"),
        ("${env:TIMEOUT:1s}", "${env:SECRET}"),
        ("\"a:1\"", "http://${SECRET}"),
    ];
    let list = format!("[{{ endpoint: {CANARY}, {CANARY}: 1, labels: [{CANARY}] }}]");
    let env = [("SECRET", CANARY), ("LIST", &list)];
    for (original, changed) in pieces {
        assert!(text.contains(original), "{original}");
        let found = lines(load_texts(&[&text.replace(original, changed)], &[], &env)).join("\n");
        assert!(
            !found.is_empty() && !found.contains("canary"),
            "{changed}: {found}"
        );
    }
    let set = [
        format!("receivers.postgresql.password=[{CANARY}"),
        format!("receivers.postgresql.password=[{CANARY}]"),
        format!("receivers.postgresql.password {CANARY}"),
    ];
    for set in &set {
        let found = lines(load_texts(&[&text], &[set], &[])).join("\n");
        assert!(!found.is_empty() && !found.contains("canary"), "{set}: {found}");
    }
}

#[test]
fn a_hundred_targets_load_quickly() {
    use std::fmt::Write as _;
    let mut targets = String::from("    username: u\n    targets:\n");
    for n in 0..100 {
        let _ = writeln!(
            targets,
            "      - {{ endpoint: \"db{n}:5432\", labels: {{ team: t{n}, tier: gold }} }}"
        );
    }
    let text = SMALL.replace("    endpoint: db1:5432\n    username: monitor\n", &targets);
    let start = tokio_free_now();
    good(&text, &[]);
    let took = start.elapsed();
    assert!(
        took.as_millis() < 1000,
        "{took:?} without optimisation, where 50 ms with it are wanted"
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "it is the machine's time that this test is about"
)]
fn tokio_free_now() -> std::time::Instant {
    std::time::Instant::now()
}
