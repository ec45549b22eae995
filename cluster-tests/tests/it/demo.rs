//! The demo: it judges itself, and Ctrl-C leaves nothing behind.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ringwatch_cluster_tests::process::Process;
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::wait;
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// The programs here are without optimisation, and other scenarios run beside.
const FEW: [&str; 2] = ["--targets", "4"];

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

/// The processes that have the folder in their command or, as children of the demo, in their environment.
fn processes(folder: &TempDir) -> Result<Vec<String>> {
    let name = folder.path().display().to_string();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let read = |file: &str| {
            let bytes = std::fs::read(entry.path().join(file)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).replace('\0', " ")
        };
        let command = read("cmdline");
        if command.contains(&name) || read("environ").contains(&name) {
            found.push(command);
        }
    }
    Ok(found)
}

/// Ctrl-C, as a terminal sends it: to the whole group. The demo takes everything down and ends well.
async fn interrupt(mut process: Process, folder: &TempDir) -> Result<()> {
    let group = i32::try_from(process.id()).ok().and_then(Pid::from_raw);
    kill_process_group(group.context("odd process id")?, Signal::INT)?;
    let status = process.ended(PATIENCE).await?;
    ensure!(status.success(), "it ended with {status}");
    nothing_left(folder)
}

/// Neither a file nor a process is left.
fn nothing_left(folder: &TempDir) -> Result<()> {
    let files: Vec<_> = std::fs::read_dir(folder.path())?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    ensure!(files.is_empty(), "left behind: {files:?}");
    let running = processes(folder)?;
    ensure!(running.is_empty(), "still runs: {running:?}");
    Ok(())
}

#[test]
fn the_demo_ends_with_a_good_verdict() -> Result<()> {
    scenario("demo_verdict", async |scene| {
        let log = scene.log("demo");
        let (mut process, folder) = demo(&["--seconds", "12", FEW[0], FEW[1]], &log)?;
        let status = process.ended(PATIENCE).await?;
        let text = std::fs::read_to_string(&log)?;
        ensure!(status.success(), "it ended with {status}: {text}");
        ensure!(text.contains("ok     every tick collected"), "no verdict: {text}");
        nothing_left(&folder)
    })
}

#[test]
fn the_demo_kills_and_joins_and_its_verdict_is_good() -> Result<()> {
    scenario("demo_kill_join", async |scene| {
        let log = scene.log("demo");
        let (mut process, folder) = demo(&["--seconds", "15", "--kill", "--join", FEW[0], FEW[1]], &log)?;
        let status = process.ended(PATIENCE).await?;
        let text = std::fs::read_to_string(&log)?;
        ensure_fault(text.contains("killed node-"), "nobody was killed")?;
        ensure_fault(text.contains("node-3 joined"), "nobody joined")?;
        ensure!(status.success(), "it ended with {status}: {text}");
        nothing_left(&folder)
    })
}

#[test]
fn an_interrupted_demo_leaves_nothing_behind() -> Result<()> {
    scenario("demo_interrupted", async |scene| {
        let log = scene.log("demo");
        let (process, folder) = demo(&FEW, &log)?;
        wait::until("a running demo", PATIENCE, async || {
            let text = std::fs::read_to_string(&log).map_err(|e| e.to_string())?;
            wait::when(text.contains("nodes 3  targets 4/4"), || text.clone())
        })
        .await?;
        ensure!(
            nothing_left(&folder).is_err(),
            "the demo has no processes to leave behind"
        );
        interrupt(process, &folder).await
    })
}

#[test]
fn a_demo_interrupted_while_it_starts_leaves_nothing_behind() -> Result<()> {
    scenario("demo_interrupted_early", async |scene| {
        let log = scene.log("demo");
        let (process, folder) = demo(&FEW, &log)?;
        wait::until("initdb at work", PATIENCE, async || {
            let text = std::fs::read_to_string(&log).map_err(|e| e.to_string())?;
            let running = processes(&folder).map_err(|e| e.to_string())?;
            let at_work = running.iter().any(|command| command.contains("initdb"));
            wait::when(text.contains("starting PostgreSQL") && at_work, || {
                format!("{text} {running:?}")
            })
        })
        .await?;
        interrupt(process, &folder).await?;
        let text = std::fs::read_to_string(&log)?;
        ensure_fault(!text.contains("filling"), "it had started PostgreSQL before")
    })
}
