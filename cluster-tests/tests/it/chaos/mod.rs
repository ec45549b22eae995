//! The chaos rig, and a short run of it.

mod minority;
mod network;
mod short;

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::chaos::apart;
use ringwatch_cluster_tests::process::Process;
use ringwatch_cluster_tests::scene::{Scene, scenario};
use rustix::process::Signal;

/// What is in a machine apart ends before the scenario that waits for it gives up.
const LIMIT: Duration = Duration::from_secs(225);

/// Lines that a story prints about itself begin so.
const SAYS: &str = "  ";

/// Plays a scenario in a machine apart: the test with this path is started again there. Where there is none, it says why.
pub(crate) fn apart(name: &str, test: &str, story: impl AsyncFn(&Scene) -> Result<()>) -> Result<()> {
    if apart::inside() {
        return scenario(name, story);
    }
    if let Some(why) = apart::missing() {
        println!("skipped: {why}");
        return Ok(());
    }
    scenario(&format!("{name}-outside"), async |scene| {
        // What it makes is within a folder of ours, should it end without a word.
        let folder = tempfile::Builder::new().prefix("ringwatch-apart-").tempdir()?;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        let mut command = apart::again(["--exact", test, "--nocapture", "--include-ignored"])?;
        // Who waits for it repeats it.
        command
            .env("RINGWATCH_NO_REPEAT", "1")
            .env("TMPDIR", folder.path());
        let log = scene.log("inside");
        let mut process = Process::spawn("machine apart", &mut command, &log, Signal::KILL)?;
        let status = process.ended(LIMIT).await?;
        let said = std::fs::read_to_string(&log)?;
        ensure!(status.success(), "inside: {status}");
        ensure!(said.contains("1 passed"), "no test is called {test}");
        for line in said.lines().filter(|line| line.starts_with(SAYS)) {
            println!("{line}");
        }
        Ok(())
    })
}
