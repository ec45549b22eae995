//! A test's scene: its logs, its servers, its time limit.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use crate::node::{Node, NodeConfig, target_dir};
use crate::postgres::{Server, Wish};
use crate::sink::{Memory, Sink};

/// Scenarios that run at once, whatever the number of test threads: each has several processes.
const AT_ONCE: u32 = 3;
static STAGE: Semaphore = Semaphore::const_new(AT_ONCE as usize);

/// A scenario that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(300);

/// The names of scenarios that passed only when they were repeated alone, in the folder of the logs.
const REPEATED: &str = "passed-only-alone";

/// Set, a scenario that fails in company is not repeated alone.
const STRICT: &str = "RINGWATCH_NO_REPEAT";

/// Lines of each log that a failure prints.
const TAIL: usize = 25;

/// How much of each of those lines.
const WIDTH: usize = 400;

/// What a scenario has at hand.
#[derive(Debug)]
pub struct Scene {
    logs: PathBuf,
}

impl Scene {
    /// A server as wished.
    ///
    /// # Errors
    /// It cannot be made.
    pub async fn server(&self, name: &str, wish: &Wish) -> Result<Server> {
        Server::start(wish, &self.log(name)).await
    }

    /// A receiver that remembers everything.
    ///
    /// # Errors
    /// No port is free.
    pub async fn sink(&self) -> Result<Sink> {
        Sink::start(Memory::OF_A_TEST).await
    }

    /// A node that is ready.
    ///
    /// # Errors
    /// It does not get ready.
    pub async fn node(&self, config: &NodeConfig) -> Result<Node> {
        Node::start("node", config, &self.log("node")).await
    }

    /// The folder of its logs.
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// The file for the log of `name`.
    pub fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }
}

/// Plays a scenario. Its logs are in `target/it-logs/NAME`; they are removed when it ends well, else kept, and their
/// last lines printed.
///
/// Scenarios share two cores, and many hold nodes to ticks of a second. So one that fails in company is played once more
/// with the stage for itself, and that counts. Its name is noted for whoever looks at the run, with the first failure.
///
/// # Errors
/// What the story says when it is alone, or that it hangs.
#[expect(clippy::needless_pass_by_value, reason = "a story is told where it is passed")]
pub fn scenario(name: &str, story: impl AsyncFn(&Scene) -> Result<()>) -> Result<()> {
    let all = target_dir()?.join("it-logs");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let Err(first) = play(&runtime, &all, name, 1, &story) else {
        return Ok(());
    };
    if std::env::var_os(STRICT).is_some() {
        return Err(first);
    }
    eprintln!("scenario {name} failed in company and is repeated alone: {first:#}");
    let aside = all.join(format!("{name}.in-company"));
    let _ = std::fs::remove_dir_all(&aside);
    std::fs::rename(all.join(name), &aside).context("set the logs of the first try aside")?;
    play(&runtime, &all, name, AT_ONCE, &story)?;
    note(&all, name, &first).context("note the repetition")
}

/// Plays a scenario on as many of the stage's places.
fn play(
    runtime: &Runtime,
    all: &Path,
    name: &str,
    places: u32,
    story: &impl AsyncFn(&Scene) -> Result<()>,
) -> Result<()> {
    let logs = all.join(name);
    let mut keeper = Keeper {
        name: name.to_owned(),
        logs: logs.clone(),
        well: false,
    };
    let result = runtime.block_on(async {
        let _places = STAGE.acquire_many(places).await?;
        // What an earlier run left there would be taken for this one's.
        let _ = std::fs::remove_dir_all(&logs);
        std::fs::create_dir_all(&logs).with_context(|| format!("make {}", logs.display()))?;
        match tokio::time::timeout(LIMIT, story(&Scene { logs })).await {
            Ok(result) => result,
            Err(_) => bail!("the scenario hangs: it is not over after {LIMIT:?}"),
        }
    });
    keeper.well = result.is_ok();
    result
}

/// Adds a line to the list of scenarios that passed only alone.
fn note(all: &Path, name: &str, first: &anyhow::Error) -> Result<()> {
    let mut list = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(all.join(REPEATED))?;
    let why = format!("{first:#}").replace('\n', " ");
    writeln!(list, "{name}: {why}")?;
    Ok(())
}

/// Refuses the run if its fault never happened: such a run says nothing.
///
/// # Errors
/// It did not happen.
pub fn ensure_fault(happened: bool, what: &str) -> Result<()> {
    ensure!(happened, "invalid run: the fault never happened: {what}");
    Ok(())
}

/// Prints and keeps, or removes, the logs; also when the story panics.
struct Keeper {
    name: String,
    logs: PathBuf,
    well: bool,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if self.well {
            let _ = std::fs::remove_dir_all(&self.logs);
            return;
        }
        eprintln!(
            "scenario {} failed; its logs are in {}",
            self.name,
            self.logs.display()
        );
        for entry in std::fs::read_dir(&self.logs).into_iter().flatten().flatten() {
            print_tail(&entry.path());
        }
    }
}

fn print_tail(file: &Path) {
    let text = std::fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    eprintln!("--- {} (last of {} lines)", file.display(), lines.len());
    for line in lines.iter().skip(lines.len().saturating_sub(TAIL)) {
        eprintln!("{}", line.chars().take(WIDTH).collect::<String>());
    }
}
