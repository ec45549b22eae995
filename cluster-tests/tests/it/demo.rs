//! The demo: it judges itself, and Ctrl-C leaves nothing behind.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::process::Process;
use ringwatch_cluster_tests::scene::scenario;
use ringwatch_cluster_tests::wait;
use rustix::process::Signal;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// A demo whose folders are all within one that the test owns.
fn demo(arguments: &[&str], log: &Path) -> Result<(Process, TempDir)> {
    let folder = tempfile::Builder::new().prefix("ringwatch-it-demo-").tempdir()?;
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringwatch-demo"));
    command.args(arguments).env("TMPDIR", folder.path());
    Ok((
        Process::spawn("ringwatch-demo", &mut command, log, Signal::INT)?,
        folder,
    ))
}

/// Neither a file nor a process is left.
fn nothing_left(folder: &TempDir) -> Result<()> {
    let files: Vec<_> = std::fs::read_dir(folder.path())?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    ensure!(files.is_empty(), "left behind: {files:?}");
    let name = folder.path().display().to_string();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        ensure!(!command.contains(&name), "still runs: {command}");
    }
    Ok(())
}

#[test]
fn the_demo_ends_with_a_good_verdict() -> Result<()> {
    scenario("demo_verdict", async |scene| {
        let log = scene.log("demo");
        let (mut process, folder) = demo(&["--seconds", "6"], &log)?;
        let status = process.ended(PATIENCE).await?;
        let text = std::fs::read_to_string(&log)?;
        ensure!(status.success(), "it ended with {status}: {text}");
        ensure!(text.contains("ok     every tick collected"), "no verdict: {text}");
        nothing_left(&folder)
    })
}

#[test]
fn an_interrupted_demo_leaves_nothing_behind() -> Result<()> {
    scenario("demo_interrupted", async |scene| {
        let log = scene.log("demo");
        let (mut process, folder) = demo(&[], &log)?;
        wait::until("a running demo", PATIENCE, async || {
            let text = std::fs::read_to_string(&log).map_err(|e| e.to_string())?;
            wait::when(text.contains("targets 1/1"), || text.clone())
        })
        .await?;
        ensure!(
            nothing_left(&folder).is_err(),
            "the demo has no processes to leave behind"
        );
        process.end(Signal::INT, PATIENCE).await?;
        nothing_left(&folder)
    })
}
