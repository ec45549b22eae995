//! A configuration with ten faults: all ten are told, each with its place, and the node does not start.

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::node;
use ringwatch_cluster_tests::scene::scenario;

/// Ten faults, one a line; each marked by the line on which it is to be told.
const FAULTY: &str = r#"receivers:
  postgresql:
    endpoint: 127.0.0.1
    username: monitor
    pasword: canary-secret-1
    tls: { insecure: yes-please }
    collection_interval: 10 parsecs
  postgresql/none:
    username: monitor
    password: canary-secret-2
processors:
  bach: {}
  batch: { send_batch_size: 0 }
exporters:
  otlp: { endpoint: 127.0.0.1:4317, compression: lzma }
extensions: {}
service:
  pipelines:
    metrics: { receivers: [postgresql], processors: [batch], exporters: [otlp, debug] }
    sounds: { receivers: [postgresql/none], exporters: [otlp] }
"#;

const LINES: [u32; 10] = [3, 5, 6, 7, 8, 12, 13, 15, 19, 20];

#[test]
fn ten_faults_are_told_at_once() -> Result<()> {
    scenario("ten_faults", async |scene| {
        let file = scene.log("ten-faults").with_extension("yaml");
        std::fs::write(&file, FAULTY)?;
        let output = node::validate(&file)?;
        let told = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        ensure!(
            output.status.code() == Some(1),
            "validate ended with {}: {told}",
            output.status
        );
        let missing: Vec<u32> = LINES
            .into_iter()
            .filter(|line| !told.contains(&format!("{}:{line}:", file.display())))
            .collect();
        ensure!(missing.is_empty(), "no fault told for lines {missing:?}: {told}");
        ensure!(
            told.contains("`password`"),
            "the nearest key is not named: {told}"
        );
        ensure!(!told.contains("canary-secret"), "a secret was printed: {told}");
        Ok(())
    })
}
