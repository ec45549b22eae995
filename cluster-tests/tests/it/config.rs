//! A configuration with ten faults: all ten are told, each with its place, by `validate` and by `run`, which does not
//! start.

use std::process::Command;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::node;
use ringwatch_cluster_tests::process::Process;
use ringwatch_cluster_tests::scene::scenario;
use rustix::process::Signal;

use crate::story::SOON;

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

/// The lines of the faults that are told, each with `FILE:LINE:COLUMN:` before its words.
fn faulty_lines(told: &str, file: &str) -> Vec<u32> {
    let place = |line: &str| {
        let mut parts = line.strip_prefix(file)?.strip_prefix(':')?.splitn(3, ':');
        let (at, column) = (parts.next()?.parse().ok()?, parts.next()?.parse::<u32>().ok()?);
        let words = parts.next()?;
        (column > 0 && !words.trim().is_empty()).then_some(at)
    };
    told.lines().filter_map(place).collect()
}

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
        let faulty = faulty_lines(&told, &file.display().to_string());
        ensure!(
            faulty.len() >= 10,
            "{} faults with their places: {told}",
            faulty.len()
        );
        let missing: Vec<u32> = LINES.into_iter().filter(|line| !faulty.contains(line)).collect();
        ensure!(missing.is_empty(), "no fault told for lines {missing:?}: {told}");
        ensure!(
            told.contains("`password`"),
            "the nearest key is not named: {told}"
        );
        ensure!(!told.contains("canary-secret"), "a secret was printed: {told}");

        let log = scene.log("run");
        let mut command = Command::new(node::binary()?);
        command.arg("run").arg("--config").arg(&file);
        let mut run = Process::spawn("ringwatch run", &mut command, &log, Signal::KILL)?;
        let status = run.ended(SOON).await?;
        let told_by_run = std::fs::read_to_string(&log)?;
        ensure!(status.code() == Some(1), "run ended with {status}: {told_by_run}");
        ensure!(told_by_run == told, "run tells other faults: {told_by_run}");
        Ok(())
    })
}
