//! `ringwatch-store-probe`: uses the store of the Raft group as a node does, to be killed, cut off and asked afterwards.
//!
//! What it appends is a function of the index, so that any other process can tell whether it is still there.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what it says is its answer"
)]

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Parser, Subcommand};
use openraft::storage::{
    RaftLogReaderExt as _, RaftLogStorage as _, RaftLogStorageExt as _, RaftStateMachine as _,
};
use openraft::{CommittedLeaderId, EntryPayload, RaftLogReader as _, RaftSnapshotBuilder as _};
use prometheus::Registry;
use ringwatch_cluster_tests::content;
use ringwatch_frame::Clock;
use ringwatch_state::group::types::{Entry, EntryBytes, LogId, Vote};
use ringwatch_state::machine::Machine;
use ringwatch_state::store::{self, Opened, Place, StoreMetrics};
use serde_json::json;
use tokio::time::Instant;

/// Whose entries they are.
const WRITER: u64 = 7;
/// So many entries make a snapshot, after which the log is purged up to [`KEPT`] before its end.
const SNAPSHOT: u64 = 1_000;
const KEPT: u64 = 200;
/// At most so many records are forgotten.
const FORGOTTEN: usize = 8;

#[derive(Debug, Parser)]
#[command(name = "ringwatch-store-probe")]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Appends and applies entries until it is killed; says `term N`, `entry N` of what was acknowledged
    Append {
        /// The store's folder
        folder: PathBuf,
        /// Entries at once
        batch: u64,
    },
    /// Opens the store and proves its content; answers one line of JSON
    Check {
        /// The store's folder
        folder: PathBuf,
    },
    /// Applies decisions of a sampler about so many statements, makes a snapshot of them and says what it took
    Snapshot {
        /// The store's folder
        folder: PathBuf,
        /// How many
        statements: u64,
    },
    /// Removes some records without a trace
    Forget {
        /// The store's folder
        folder: PathBuf,
        /// Which ones
        seed: u64,
    },
}

#[tokio::main]
async fn main() -> Result<()> {
    match Args::parse().what {
        What::Append { folder, batch } => append(&folder, batch.max(1)).await,
        What::Check { folder } => check(&folder).await,
        What::Snapshot { folder, statements } => snapshot(&folder, statements).await,
        What::Forget { folder, seed } => forget(&folder, seed),
    }
}

async fn open(folder: &Path) -> Result<Opened> {
    let metrics = StoreMetrics::register(&Registry::new())?;
    Ok(store::open(&Place::Disk(folder.to_owned()), &Clock::system(), &metrics).await?)
}

fn entry(index: u64, term: u64) -> Entry {
    Entry {
        log_id: LogId::new(CommittedLeaderId::new(term, WRITER), index),
        payload: EntryPayload::Normal(EntryBytes::of(&content::entry(index))),
    }
}

async fn append(folder: &Path, batch: u64) -> Result<()> {
    let Opened {
        mut log, mut machine, ..
    } = open(folder).await?;
    let state = log.get_log_state().await?;
    let term = log.read_vote().await?.map_or(0, |vote| vote.leader_id().term) + 1;
    log.save_vote(&Vote::new_committed(term, WRITER)).await?;
    println!("term {term}");
    let (applied, _) = machine.applied_state().await?;
    let mut next = applied.map_or(0, |id| id.index + 1);
    if let Some(last) = state.last_log_id.filter(|last| last.index >= next) {
        // As a new leader does with what was never committed.
        let from = log
            .get_log_id(next)
            .await
            .with_context(|| format!("{next} to {last}"))?;
        log.truncate(from).await?;
    }
    let mut until_snapshot = SNAPSHOT;
    loop {
        let entries: Vec<Entry> = (next..next + batch).map(|index| entry(index, term)).collect();
        next += batch;
        log.blocking_append(entries.clone()).await?;
        println!("entry {}", next - 1);
        machine.apply(entries).await?;
        until_snapshot = until_snapshot.saturating_sub(batch);
        if until_snapshot == 0 {
            until_snapshot = SNAPSHOT;
            machine.get_snapshot_builder().await.build_snapshot().await?;
            log.purge(LogId::new(CommittedLeaderId::new(term, WRITER), next - KEPT))
                .await?;
        }
    }
}

async fn check(folder: &Path) -> Result<()> {
    let begun = Instant::now();
    let mut opened = open(folder).await?;
    let took = begun.elapsed();
    let state = opened.log.get_log_state().await?;
    let first = state.last_purged_log_id.map_or(0, |id| id.index + 1);
    let last = state.last_log_id.map_or(0, |id| id.index);
    let term = opened
        .log
        .read_vote()
        .await?
        .map_or(0, |vote| vote.leader_id().term);
    let (applied, _) = opened.machine.applied_state().await?;
    // How many entries: the first one has the index 0.
    let applied = applied.map_or(0, |id| id.index + 1);
    let fault = match opened.fresh {
        true => None,
        false => compare(&mut opened, first, last, applied).await.err(),
    };
    let answer = json!({
        "fresh": opened.fresh,
        "set_aside": opened.set_aside.map(|aside| format!("{}: {}", aside.path.display(), aside.reason)),
        "first": first,
        "last": last,
        "applied": applied,
        "term": term,
        "fault": fault.map(|fault| format!("{fault:#}")),
        "opened_ms": u64::try_from(took.as_millis())?,
    });
    println!("{answer}");
    Ok(())
}

/// Every entry is the one that was appended, and the state is what those entries make of it.
async fn compare(opened: &mut Opened, first: u64, last: u64, applied: u64) -> Result<()> {
    let entries = opened.log.try_get_log_entries(first..last + 1).await?;
    for (index, found) in (first..=last).zip(&entries) {
        ensure!(
            found.log_id.index == index,
            "{} is in the place of {index}",
            found.log_id
        );
        let EntryPayload::Normal(bytes) = &found.payload else {
            bail!("{index} is another kind of entry");
        };
        ensure!(
            *bytes == EntryBytes::of(&content::entry(index)),
            "{index} has another content"
        );
    }
    let wanted = last + 1 - first;
    ensure!(
        entries.len() as u64 == wanted,
        "{} entries from {first} to {last}",
        entries.len()
    );
    let mut machine = Machine::new();
    for index in 0..applied {
        machine.apply(&content::entry(index))?;
    }
    let (count, digest) = opened.machine.state().read(|m| (m.count(), m.digest()));
    ensure!(
        (count, digest) == (machine.count(), machine.digest()),
        "the state of {applied} entries has {count} records, not {}, or others",
        machine.count()
    );
    Ok(())
}

async fn snapshot(folder: &Path, statements: u64) -> Result<()> {
    let Opened {
        mut log, mut machine, ..
    } = open(folder).await?;
    let count = statements / content::DECISIONS;
    let entry = |index| Entry {
        log_id: LogId::new(CommittedLeaderId::new(1, WRITER), index),
        payload: EntryPayload::Normal(EntryBytes::of(&content::decisions(index, content::BEGIN))),
    };
    log.blocking_append((0..count).map(entry).collect::<Vec<_>>())
        .await?;
    let begun = Instant::now();
    for index in 0..count {
        machine.apply([entry(index)]).await?;
    }
    let applied = begun.elapsed();
    let (records, bytes) = machine.state().read(|m| (m.count(), m.bytes()));
    let begun = Instant::now();
    machine.get_snapshot_builder().await.build_snapshot().await?;
    let built = begun.elapsed();
    let file = largest(&folder.join("snapshots"))?;
    println!("{statements} decisions applied in {applied:?}: {records} records, {bytes} bytes");
    println!("  snapshot: {file} bytes, built and durable in {built:?}");
    Ok(())
}

fn largest(folder: &Path) -> Result<u64> {
    let mut most = 0;
    for entry in std::fs::read_dir(folder)? {
        most = most.max(entry?.metadata()?.len());
    }
    Ok(most)
}

fn forget(folder: &Path, seed: u64) -> Result<()> {
    let mut entries = std::fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let tree = entries
        .find(|path| path.join("db").exists())
        .context("no tree in the store")?;
    let db = sled::Config::new().path(tree).open()?;
    let keys = db.iter().keys().collect::<Result<Vec<_>, _>>()?;
    ensure!(!keys.is_empty(), "the store is empty");
    let mut rng = fastrand::Rng::with_seed(seed);
    let count = rng.usize(1..=FORGOTTEN.min(keys.len()));
    let mut batch = sled::Batch::default();
    for key in rng.choose_multiple(keys.iter(), count) {
        batch.remove(key);
    }
    db.apply_batch(batch)?;
    db.flush()?;
    println!("{count} of {} records are gone", keys.len());
    Ok(())
}
