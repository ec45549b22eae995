//! One cut: a process that appends and says what it was promised, the cut at a random moment, and the proof afterwards.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde::Deserialize;
use tokio::time::sleep;

use super::Volume;
use crate::process::Process;
use crate::scene::ensure_fault;
use crate::{node, wait};

/// Longer than a store takes until it has opened and acknowledged something.
const SOON: Duration = Duration::from_secs(30);

/// Bytes that the witness writes and does not make durable.
const WITNESS: usize = 256 * 1024;

/// What is done in one cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// Its number; names the files beside the store.
    pub number: usize,
    /// Entries that are appended at once.
    pub batch: u64,
    /// How long after the first promise the power goes.
    pub after: Duration,
}

/// What was promised before the cut, and what was there after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The last entry that was acknowledged.
    pub acknowledged: u64,
    /// The last entry that was found, with all before it by their content.
    pub found: u64,
    /// How long the store took to open and to be proven.
    pub opened: Duration,
}

/// What the probe says of a store.
#[derive(Clone, Debug, Deserialize)]
struct Checked {
    fresh: bool,
    set_aside: Option<String>,
    first: u64,
    last: u64,
    applied: u64,
    term: u64,
    fault: Option<String>,
    opened_ms: u64,
}

impl Cycle {
    /// Plays it on a volume. Logs go to the folder `logs`, which is on another file system.
    ///
    /// # Errors
    /// The power was not cut, or what was acknowledged is not there.
    pub async fn play(self, volume: &mut Volume, logs: &Path) -> Result<Verdict> {
        let store = volume.place().join("raft");
        let log = logs.join(format!("append-{}.log", self.number));
        let mut command = Command::new(node::program("ringwatch-store-probe")?);
        command.arg("append").arg(&store).arg(self.batch.to_string());
        let mut process = Process::spawn("the probe", &mut command, &log, Signal::KILL)?;
        wait::until("the first promise", SOON, async || {
            let ended = process.exited().map_err(|e| e.to_string())?;
            let promises = Promises::read(&log).map_err(|e| e.to_string())?;
            wait::when(promises.entry > 0, || format!("ended: {ended:?}, {promises:?}"))
        })
        .await?;
        sleep(self.after).await;
        let witness = witness(volume, self.number)?;
        volume.cut()?;
        // It may have ended by itself, of the errors that it meets now.
        let _ = process.end(Signal::KILL, SOON).await;
        drop(process);
        volume.restore()?;
        let left = std::fs::metadata(&witness).map_or(0, |m| m.len());
        ensure_fault(left < WITNESS as u64, "what was not durable has outlived the cut")?;
        self.check(&store, &Promises::read(&log)?).await
    }

    async fn check(self, store: &Path, promised: &Promises) -> Result<Verdict> {
        let command = Command::new(node::program("ringwatch-store-probe")?)
            .arg("check")
            .arg(store)
            .output()
            .context("run ringwatch-store-probe")?;
        let said = String::from_utf8_lossy(&command.stdout).into_owned();
        let errors = String::from_utf8_lossy(&command.stderr);
        let checked: Checked =
            serde_json::from_str(said.trim()).with_context(|| format!("{said}{errors}"))?;
        let at = format!(
            "cycle {} after {:?}: {promised:?}, {checked:?}",
            self.number, self.after
        );
        ensure!(
            !checked.fresh && checked.set_aside.is_none(),
            "the store did not come back: {at}"
        );
        ensure!(checked.fault.is_none(), "the content is another one: {at}");
        ensure!(
            checked.last >= promised.entry,
            "acknowledged entries are lost: {at}"
        );
        ensure!(
            checked.term >= promised.term,
            "an acknowledged vote is lost: {at}"
        );
        // What was applied may be applied again, as long as the log has it.
        ensure!(checked.applied >= checked.first, "what was applied is lost: {at}");
        ensure!(checked.first <= promised.entry + 1, "entries are missing: {at}");
        Ok(Verdict {
            acknowledged: promised.entry,
            found: checked.last,
            opened: Duration::from_millis(checked.opened_ms),
        })
    }
}

/// Writes bytes that nobody makes durable.
fn witness(volume: &Volume, number: usize) -> Result<PathBuf> {
    let path = volume.place().join(format!("witness-{number}"));
    std::fs::File::create(&path)?.write_all(&vec![1; WITNESS])?;
    Ok(path)
}

/// What the probe was promised, as it wrote it down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Promises {
    entry: u64,
    term: u64,
}

impl Promises {
    fn read(log: &Path) -> Result<Self> {
        Ok(Self::of(&String::from_utf8_lossy(&std::fs::read(log)?)))
    }

    /// `entry N`, `term N`, one a line. A last line without its end is not finished.
    fn of(text: &str) -> Self {
        let mut promises = Self::default();
        for line in text
            .split_inclusive('\n')
            .filter_map(|line| line.strip_suffix('\n'))
        {
            let (Some(what), Some(number)) = pair(line) else {
                continue;
            };
            match what {
                "entry" => promises.entry = promises.entry.max(number),
                "term" => promises.term = promises.term.max(number),
                _ => {}
            }
        }
        promises
    }
}

fn pair(line: &str) -> (Option<&str>, Option<u64>) {
    let mut words = line.split(' ');
    (words.next(), words.next().and_then(|number| number.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_are_promises() {
        let promises = Promises::of("term 3\nentry 1\nentry 17\nan odd line\nentry 99");
        let wanted = Promises { entry: 17, term: 3 };
        assert_eq!(promises, wanted);
        assert_eq!(Promises::of("entry 1"), Promises::default());
    }
}
