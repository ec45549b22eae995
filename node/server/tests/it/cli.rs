use std::process::Command;

use crate::node::{BINARY, free_ports, ringwatch, text};

fn config(body: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ringwatch.yaml");
    std::fs::write(&file, body).unwrap();
    let path = file.to_str().unwrap().to_owned();
    (folder, path)
}

const GOOD: &str = "
receivers:
  postgresql: { endpoint: db1:5432, username: monitor, password: canary-secret }
exporters: { debug: }
service: { pipelines: { metrics: { receivers: [postgresql], exporters: [debug] } } }
";

#[test]
fn validate_says_nothing_of_a_good_file_and_every_fault_of_a_bad_one() {
    let (_folder, good) = config(GOOD);
    let done = ringwatch(&["validate", "--config", &good]);
    assert_eq!((done.status.code(), text(&done.stderr)), (Some(0), String::new()));

    let bad = GOOD
        .replace("receivers: [postgresql]", "recievers: [postgresql]")
        .replace("debug:", "debugg:");
    let bad = bad.replace(
        "password: canary-secret",
        "metrics: { postgresql.comits: { enabled: true } }",
    );
    let (_folder, bad) = config(&bad);
    let done = ringwatch(&["validate", "--config", &bad]);
    let faults = text(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{faults}");
    for (line, words) in [(3, "`postgresql.commits`"), (4, "`debug`"), (5, "`receivers`")] {
        let place = format!("{bad}:{line}:");
        let found = faults
            .lines()
            .any(|fault| fault.starts_with(&place) && fault.contains(words));
        assert!(found, "no fault on line {line} that names {words}: {faults}");
    }
    assert!(
        faults.lines().all(|fault| fault.starts_with(&bad)),
        "every line begins with its place: {faults}"
    );
}

#[test]
fn a_node_does_not_start_on_a_bad_file_or_a_taken_port() {
    let done = ringwatch(&["run", "--config", "absent.yaml"]);
    assert_eq!(done.status.code(), Some(1));
    assert!(
        text(&done.stderr).starts_with("absent.yaml:1:1: "),
        "{}",
        text(&done.stderr)
    );

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let health = format!("extensions: {{ health_check: {{ endpoint: 127.0.0.1:{port} }} }}\n{GOOD}");
    let health = health.replace("service: {", "service: { extensions: [health_check],");
    let (_folder, file) = config(&health);
    let done = ringwatch(&["run", "--config", &file]);
    let words = text(&done.stderr);
    assert_eq!(done.status.code(), Some(1));
    assert!(
        words.contains("extensions.health_check.endpoint") && words.contains(&port.to_string()),
        "{words}"
    );
}

#[test]
fn a_key_file_is_checked_and_never_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("gossip.key");
    let with = |keys: &str| format!("cluster:\n  gossip:\n    key_file: {keys}\n{GOOD}");
    let (_folder, file) = config(&with(keys.to_str().unwrap()));
    let good = "b25lIGtleSB3aXRoIGV4YWN0bHkgMzIgYnl0ZXMhISE=";
    for (content, words) in [
        (None, Some("No such file")),
        (Some(String::new()), Some("holds no key")),
        (Some(format!("# keys\n{good}\ncanary-secret\n")), Some("line 3")),
        (Some(format!("{good}\n")), None),
    ] {
        if let Some(content) = content {
            std::fs::write(&keys, content).unwrap();
        }
        let done = ringwatch(&["validate", "--config", &file]);
        let fault = text(&done.stderr);
        assert!(!fault.contains("canary") && !fault.contains(good), "{fault}");
        match words {
            Some(words) => {
                assert!(
                    fault.starts_with(&format!("{file}:3:15: ")) && fault.contains(words),
                    "{fault}"
                );
                assert_eq!(done.status.code(), Some(1));
            }
            None => assert_eq!((fault.as_str(), done.status.code()), ("", Some(0))),
        }
    }
}

#[test]
fn wrong_usage_is_told_apart() {
    assert_eq!(ringwatch(&["run"]).status.code(), Some(2));
    assert_eq!(ringwatch(&["valdiate"]).status.code(), Some(2));
    let no_port = ["cluster", "members", "--address", "localhost"];
    assert_eq!(ringwatch(&no_port).status.code(), Some(2));
    assert_eq!(ringwatch(&["--version"]).status.code(), Some(0));
    let help = text(&ringwatch(&["--help"]).stdout);
    assert!(
        help.contains("Examples:") && help.contains("Exit codes:"),
        "{help}"
    );
}

#[test]
fn what_is_shown_is_effective_and_hides_secrets() {
    let (_folder, file) = config(GOOD);
    let done = ringwatch(&[
        "config",
        "show",
        "--config",
        &file,
        "--set",
        "receivers.postgresql.timeout=3s",
    ]);
    let shown = text(&done.stdout);
    assert!(
        !shown.contains("canary-secret") && shown.contains("[REDACTED]"),
        "{shown}"
    );
    assert!(
        shown.contains("timeout: 3s") && shown.contains("collection_interval: 10s"),
        "{shown}"
    );
    let schema: serde_json::Value = serde_json::from_slice(&ringwatch(&["config", "schema"]).stdout).unwrap();
    assert!(schema["properties"]["receivers"].is_object(), "{schema}");
}

#[test]
fn the_catalogue_is_listed_for_people_and_programs() {
    let list: serde_json::Value =
        serde_json::from_slice(&ringwatch(&["catalogue", "list", "-o", "json"]).stdout).unwrap();
    let metrics = list
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|stream| stream["metrics"].as_array().unwrap());
    let (all, on): (Vec<_>, Vec<_>) = (
        metrics.clone().collect(),
        metrics.filter(|m| m["enabled"] == true).collect(),
    );
    assert_eq!((all.len(), on.len()), (43, 22));
    let page = text(&ringwatch(&["catalogue", "show", "postgresql.statements"]).stdout);
    for words in ["db.server.top_query", "pg_stat_statements", "versions 14-18"] {
        assert!(page.contains(words), "no {words} in {page}");
    }
    let unknown = ringwatch(&["catalogue", "show", "postgresql.statement"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(
        text(&unknown.stderr).contains("postgresql.statements"),
        "{}",
        text(&unknown.stderr)
    );
}

#[test]
fn shells_get_their_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let script = text(&ringwatch(&["completions", shell]).stdout);
        assert!(script.contains("catalogue"), "{shell}: {script}");
    }
}

#[test]
fn the_example_configurations_are_valid() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");
    let files = [
        format!("{folder}/ringwatch.yaml"),
        format!("{folder}/development.yaml"),
    ];
    for args in [
        vec!["validate", "--config", &files[0]],
        vec!["validate", "--config", &files[0], "--config", &files[1]],
    ] {
        let done = Command::new(BINARY)
            .args(&args)
            .envs([
                ("PGPASSWORD", "x"),
                ("OTLP_ENDPOINT", "otlp:4317"),
                ("OTLP_API_KEY", "k"),
            ])
            .output()
            .unwrap();
        assert!(done.status.success(), "{args:?}: {}", text(&done.stderr));
    }
}

#[test]
fn targets_are_looked_at_when_that_is_wanted() {
    let [closed] = free_ports();
    let (_folder, file) = config(&format!(
        "receivers:
  postgresql: {{ endpoint: 127.0.0.1:{closed}, username: u, password: canary-secret, timeout: 2s, tls: {{ insecure: true }} }}
exporters: {{ debug: }}
service: {{ pipelines: {{ metrics: {{ receivers: [postgresql], exporters: [debug] }} }} }}
"
    ));
    let done = ringwatch(&["validate", "--config", &file]);
    assert_eq!((done.status.code(), text(&done.stdout).as_str()), (Some(0), ""));
    let done = ringwatch(&["validate", "--config", &file, "--connect"]);
    let (found, fault) = (text(&done.stdout), text(&done.stderr));
    assert_eq!(done.status.code(), Some(1), "{found}{fault}");
    let begin = format!("postgresql://127.0.0.1:{closed} postgresql: error: ");
    assert!(found.starts_with(&begin) && found.lines().count() == 1, "{found}");
    assert_eq!(fault.lines().count(), 1, "{fault}");
    assert!(!found.contains("canary-secret"));
}
