//! The configurations in the documents: whoever copies one must not be told that it is wrong.

use std::process::Command;

use crate::node::{BINARY, text};

/// What the examples are laid over: they show parts.
const BASE: &str = "
receivers:
  postgresql: { endpoint: \"db1:5432\", username: monitor, statements: {}, activity: {} }
processors:
  memory_limiter: { limit_mib: 512 }
  batch:
exporters: { otlp: { endpoint: \"otlp:4317\" } }
service:
  pipelines:
    metrics: { receivers: [postgresql], processors: [memory_limiter, batch], exporters: [otlp] }
    logs: { receivers: [postgresql], processors: [memory_limiter, batch], exporters: [otlp] }
";

const SECTIONS: [&str; 7] = [
    "receivers:",
    "processors:",
    "exporters:",
    "extensions:",
    "cluster:",
    "admin:",
    "service:",
];

/// The YAML of a document that is configuration.
fn examples(document: &str) -> Vec<&str> {
    let blocks = document.split("```yaml\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap());
    let is_configuration = |block: &&str| {
        let mut lines = block.lines();
        lines.any(|line| SECTIONS.iter().any(|section| line.starts_with(section)))
    };
    blocks.filter(is_configuration).collect()
}

#[test]
fn what_the_documents_show_is_valid() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("base.yaml");
    std::fs::write(&base, BASE).unwrap();
    for (name, least) in [
        ("README.md", 4),
        ("docs/processors.md", 15),
        ("docs/runbook.md", 5),
    ] {
        let document = std::fs::read_to_string(format!("{root}/{name}")).unwrap();
        let examples = examples(&document);
        assert!(examples.len() >= least, "{name} has {} examples", examples.len());
        for (at, example) in examples.into_iter().enumerate() {
            let file = folder.path().join(format!("{at}.yaml"));
            std::fs::write(&file, example).unwrap();
            let done = Command::new(BINARY)
                .arg("validate")
                .args([
                    "--config".as_ref(),
                    base.as_os_str(),
                    "--config".as_ref(),
                    file.as_os_str(),
                ])
                .envs([
                    ("PGPASSWORD", "x"),
                    ("ORDERS_DSN", "postgresql://monitor@db2:5432/shop"),
                    ("ADMIN_TOKEN", "x"),
                    ("N", "0"),
                ])
                .output()
                .unwrap();
            assert!(
                done.status.success(),
                "{name}: {}in\n{example}",
                text(&done.stderr)
            );
        }
    }
}
