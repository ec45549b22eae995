//! A child process that ends with its owner.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::wait;

/// How long a process that was told to go has for it before it is killed. `initdb` ends its step first.
const PATIENCE: Duration = Duration::from_secs(10);

/// A program that is to come to its end by itself and takes longer hangs.
const LONGEST: Duration = Duration::from_secs(120);

/// Runs a program to its end, off the thread that waits for it. Where the wait is given up, the program is ended
/// first, and it takes away what it has made so far.
///
/// # Errors
/// It cannot be started, fails, or is not over after two minutes; the message holds what it said.
pub async fn run(name: &str, command: &mut Command) -> Result<()> {
    let log = tempfile::NamedTempFile::new()?;
    let mut process = Process::spawn(name, command, log.path(), Signal::TERM)?;
    let status = process.ended(LONGEST).await?;
    let words = std::fs::read(log.path()).unwrap_or_default();
    ensure!(
        status.success(),
        "{name}: {status}: {}",
        String::from_utf8_lossy(&words)
    );
    Ok(())
}

/// A running child. Dropping it ends the process and waits for its end.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    farewell: Signal,
}

impl Process {
    /// Starts `command` in a process group of its own, so that Ctrl-C reaches only the one who orders the end.
    /// Both outputs go to the file `log`. `farewell` is what it is sent when dropped, before it is killed.
    ///
    /// # Errors
    /// The program cannot be started or the file cannot be made.
    pub fn spawn(name: &str, command: &mut Command, log: &Path, farewell: Signal) -> Result<Self> {
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("open {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {name}: {}", command.get_program().display()))?;
        Ok(Self {
            name: name.into(),
            child,
            farewell,
        })
    }

    /// What it is called in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends `signal` to this process alone.
    ///
    /// # Errors
    /// It has ended already.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.child), signal)
            .with_context(|| format!("send {signal:?} to {} (pid {})", self.name, self.id()))
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// The system does not know the child.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .with_context(|| format!("look at {}", self.name))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It still runs after `limit`.
    pub async fn ended(&mut self, limit: Duration) -> Result<ExitStatus> {
        let what = format!("the end of {} (pid {})", self.name, self.id());
        wait::until(&what, limit, async || match self.exited() {
            Ok(Some(status)) => Ok(status),
            Ok(None) => Err("it still runs".into()),
            Err(e) => Err(e.to_string()),
        })
        .await
    }

    /// Sends `signal` and waits for the end.
    ///
    /// # Errors
    /// It has ended already, or still runs after `limit`.
    pub async fn end(&mut self, signal: Signal, limit: Duration) -> Result<ExitStatus> {
        self.signal(signal)?;
        self.ended(limit).await
    }

    /// Memory held, in bytes (resident set size).
    ///
    /// # Errors
    /// It has ended.
    pub fn rss_bytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status
            .lines()
            .find(|l| l.starts_with("VmRSS:"))
            .context("no VmRSS: it has ended")?;
        let kib: u64 = line
            .split_whitespace()
            .nth(1)
            .context("VmRSS without a number")?
            .parse()?;
        Ok(kib * 1024)
    }

    /// Processor time used so far, in user and system mode.
    ///
    /// # Errors
    /// It has ended.
    pub fn cpu_time(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id()))?;
        let after_name = stat.rsplit_once(')').context("odd /proc stat")?.1;
        let ticks: u64 = after_name
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|t| t.parse::<u64>().ok())
            .sum();
        Ok(Duration::from_millis(
            ticks * 1000 / rustix::param::clock_ticks_per_second(),
        ))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !matches!(self.exited(), Ok(None)) {
            return;
        }
        let _ = self.signal(self.farewell);
        let _ = self.signal(Signal::CONT);
        let pause = Duration::from_millis(10);
        for _ in 0..PATIENCE.as_millis() / pause.as_millis() {
            if !matches!(self.exited(), Ok(None)) {
                return;
            }
            std::thread::sleep(pause);
        }
        // With its helpers, which are in its group. Not yet waited for, its id cannot be another's.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn a_failure_holds_what_the_program_said() {
        run("good", &mut shell("exit 0")).await.unwrap();
        let fault = run("bad", &mut shell("echo odd >&2; exit 3")).await.unwrap_err();
        assert!(fault.to_string().contains("exit status: 3: odd"), "{fault}");
    }

    #[tokio::test]
    async fn a_program_that_is_given_up_has_ended() {
        let id = tempfile::NamedTempFile::new().unwrap();
        let mut command = shell(&format!("echo $$ > {}; exec sleep 60", id.path().display()));
        let read = || std::fs::read_to_string(id.path()).unwrap_or_default();
        tokio::select! {
            ended = run("sleeper", &mut command) => panic!("it ended: {ended:?}"),
            _ = wait::until("its id", LONGEST, async || wait::when(read().ends_with('\n'), read)) => {}
        }
        let entry = format!("/proc/{}", read().trim());
        assert!(!Path::new(&entry).exists(), "{entry} is still there");
    }
}
