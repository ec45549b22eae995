//! What the store costs on this disk: one sync of a plain file, an append, opening again, and a snapshot of a
//! machine with 100 000 sampled statements. Set `RINGWATCH_BENCH_DIR` to measure another disk than that of
//! the temporary files.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

use openraft::storage::{RaftLogStorage, RaftLogStorageExt, RaftStateMachine};
use openraft::{CommittedLeaderId, EntryPayload, RaftSnapshotBuilder};
use prometheus::Registry;
use ringwatch_frame::Clock;
use ringwatch_proto::v1;
use ringwatch_state::group::types::{Entry, EntryBytes, LogId, Vote};
use ringwatch_state::store::{Opened, Place, StoreMetrics, open};
use tokio::io::AsyncSeekExt;
use tokio::time::Instant;
use v1::state_command::Kind;

const ROUNDS: u64 = 1500;
const STATEMENTS: u64 = 100_000;
const TOGETHER: u64 = 500;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    let home = match std::env::var("RINGWATCH_BENCH_DIR") {
        Ok(directory) => tempfile::tempdir_in(directory).unwrap(),
        Err(_) => tempfile::tempdir().unwrap(),
    };
    plain(home.path());
    snapshots(home.path()).await;
    for commands in [1, 16, 128] {
        appends(&home.path().join(format!("appends{commands}")), commands).await;
    }
}

/// The cost of the device itself: a file that has its size already, as the store's has mostly, and one that
/// grows.
fn plain(home: &Path) {
    let mut file = std::fs::File::create(home.join("plain")).unwrap();
    file.write_all(&vec![0; 256 * ROUNDS as usize]).unwrap();
    file.sync_all().unwrap();
    file.rewind().unwrap();
    for what in ["in place", "growing"] {
        let times = (0..ROUNDS).map(|_| {
            let start = Instant::now();
            file.write_all(&[7; 256]).unwrap();
            file.sync_data().unwrap();
            start.elapsed()
        });
        say(
            &format!("one fsync of a plain file, {what}"),
            times.collect(),
            None,
        );
    }
}

async fn open_at(directory: &Path) -> Opened {
    let metrics = StoreMetrics::register(&Registry::new()).unwrap();
    open(&Place::Disk(directory.to_owned()), &Clock::system(), &metrics)
        .await
        .unwrap()
}

/// Appends as a leader does it: one entry at a time, applied after it.
async fn appends(directory: &Path, commands: u64) {
    let mut store = open_at(directory).await;
    store.log.save_vote(&Vote::new(1, 1)).await.unwrap();
    let (mut times, mut applied) = (Vec::new(), Vec::new());
    for index in 0..ROUNDS {
        let breakers = (0..commands).map(|number| breaker(index * commands + number));
        let next = entry(index, breakers.collect());
        let start = Instant::now();
        store.log.blocking_append([next.clone()]).await.unwrap();
        times.push(start.elapsed());
        let start = Instant::now();
        store.machine.apply([next]).await.unwrap();
        applied.push(start.elapsed());
    }
    say(
        &format!("append of an entry with {commands} commands"),
        times,
        Some(commands),
    );
    say(
        &format!("  apply of it ({commands} commands)"),
        applied,
        Some(commands),
    );
    let bytes = store.meta.bytes_on_disk().await;
    store.meta.close().await.unwrap();
    let start = Instant::now();
    let again = open_at(directory).await;
    println!(
        "  {} to open it again with {ROUNDS} entries, {} KiB on disk",
        ms(start.elapsed()),
        bytes >> 10
    );
    again.meta.close().await.unwrap();
}

async fn snapshots(home: &Path) {
    let directory = home.join("leader");
    let mut leader = open_at(&directory).await;
    leader.log.save_vote(&Vote::new(1, 1)).await.unwrap();
    println!("an empty store: resident {} MiB", resident());
    let start = Instant::now();
    for index in 0..STATEMENTS / TOGETHER {
        let next = entry(index, vec![seen(index)]);
        leader.log.blocking_append([next.clone()]).await.unwrap();
        leader.machine.apply([next]).await.unwrap();
    }
    let (records, bytes) = leader
        .machine
        .state()
        .read(|machine| (machine.count(), machine.bytes()));
    println!(
        "{STATEMENTS} statements: {} to append and apply, {records} records, {} KiB, resident {} MiB",
        ms(start.elapsed()),
        bytes >> 10,
        resident()
    );
    let start = Instant::now();
    let mut snapshot = leader
        .machine
        .get_snapshot_builder()
        .await
        .build_snapshot()
        .await
        .unwrap();
    let took = start.elapsed();
    let size = snapshot.snapshot.seek(std::io::SeekFrom::End(0)).await.unwrap();
    println!("  {} to write a snapshot of {} KiB", ms(took), size >> 10);

    let mut learner = open_at(&home.join("learner")).await;
    learner.log.save_vote(&Vote::new(1, 1)).await.unwrap();
    let mut received = learner.machine.begin_receiving_snapshot().await.unwrap();
    snapshot.snapshot.rewind().await.unwrap();
    tokio::io::copy(&mut *snapshot.snapshot, &mut *received)
        .await
        .unwrap();
    let start = Instant::now();
    learner
        .machine
        .install_snapshot(&snapshot.meta, received)
        .await
        .unwrap();
    println!(
        "  {} to install it, resident {} MiB",
        ms(start.elapsed()),
        resident()
    );
    learner.meta.close().await.unwrap();
    leader.meta.close().await.unwrap();
    let start = Instant::now();
    let again = open_at(&directory).await;
    println!("  {} to open the store again", ms(start.elapsed()));
    again.meta.close().await.unwrap();
}

fn entry(index: u64, commands: Vec<Kind>) -> Entry {
    let content = v1::StateEntry {
        time_unix_nano: 1_795_271_696_000_000_000 + i64::try_from(index).unwrap() * 1_000_000,
        node: "node-1".to_owned(),
        generation: 1,
        commands: commands
            .into_iter()
            .map(|kind| v1::StateCommand { kind: Some(kind) })
            .collect(),
        ..Default::default()
    };
    Entry {
        log_id: LogId::new(CommittedLeaderId::new(1, 1), index),
        payload: EntryPayload::Normal(EntryBytes::of(&content)),
    }
}

/// A circuit that trips, of one of 2 000 targets.
fn breaker(number: u64) -> Kind {
    let record = v1::BreakerRecord {
        reason: "5 of the last 10 queries timed out".to_owned(),
        closed_ms: number,
        trips: 3,
        seq: number + 1,
        ..Default::default()
    };
    Kind::BreakerChanged(v1::BreakerChanged {
        breaker: "adaptive".to_owned(),
        target: format!("postgresql/db-{}.internal:5432", number % 2000),
        record: Some(record),
    })
}

fn seen(index: u64) -> Kind {
    let mut random = fastrand::Rng::with_seed(index);
    let entries = (0..TOGETHER).map(|_| v1::SeenStatement {
        fingerprint: random.u64(..),
        seen_unix_nano: 1_795_271_696_000_000_000 + random.i64(0..3_600_000_000_000),
        rules: 1,
        rules_before: 0,
    });
    Kind::SamplerSeen(v1::SamplerSeen {
        sampler: "adaptive".to_owned(),
        pipeline: "queries".to_owned(),
        rules: vec!["new".to_owned()],
        entries: entries.collect(),
    })
}

fn say(what: &str, mut times: Vec<Duration>, commands: Option<u64>) {
    times.sort();
    let total: Duration = times.iter().sum();
    let at = |part: usize| times[(times.len() - 1) * part / 100].as_micros();
    let rate = |each: u64| (times.len() as u64 * each) as f64 / total.as_secs_f64();
    print!(
        "{what}: p50 {} us, p99 {} us, {:.0} a second",
        at(50),
        at(99),
        rate(1)
    );
    println!(
        "{}",
        commands.map_or_else(String::new, |each| format!(
            ", {:.0} commands a second",
            rate(each)
        ))
    );
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// Memory of this process in MiB; 0 where the system does not say.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or(0)
        >> 10
}
