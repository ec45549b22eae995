//! Stores with content, and what they contain.

use std::path::Path;

use openraft::storage::{RaftLogStorage, RaftLogStorageExt, RaftStateMachine};
use openraft::{CommittedLeaderId, EntryPayload, Membership, RaftLogReader, RaftSnapshotBuilder};
use prometheus::Registry;
use ringwatch_frame::{Clock, Tick};
use ringwatch_proto::v1;
use ringwatch_state::group::types::{Entry, EntryBytes, LogId, RaftNode, StoredMembership, Vote};
use ringwatch_state::store::{Opened, Place, StoreError, StoreMetrics, open};

pub(crate) fn clock() -> Clock {
    Clock::simulated(Tick::from_unix_nanos(1_795_271_696_000_000_000))
}

pub(crate) fn metrics() -> StoreMetrics {
    StoreMetrics::register(&Registry::new()).unwrap()
}

pub(crate) async fn open_at(directory: &Path) -> Result<Opened, StoreError> {
    open(&Place::Disk(directory.to_owned()), &clock(), &metrics()).await
}

pub(crate) fn log_id(term: u64, index: u64) -> LogId {
    LogId::new(CommittedLeaderId::new(term, 1), index)
}

/// An entry with commands of several kinds, some of them with records of more than 4 KiB.
pub(crate) fn entry(term: u64, index: u64) -> Entry {
    let mut random = fastrand::Rng::with_seed(index);
    let weights = (0..random.u64(1..20)).map(|number| v1::TargetWeight {
        target: format!("db{}", (index + number) % 50),
        weight: 1.0 + random.f64(),
        ..Default::default()
    });
    let weights = v1::Weights {
        weights: weights.collect(),
        ..Default::default()
    };
    let seen = v1::SamplerSeen {
        sampler: "adaptive".to_owned(),
        pipeline: "queries".to_owned(),
        rules: vec!["new".to_owned(), "slow".to_owned()],
        entries: (0..40)
            .map(|_| v1::SeenStatement {
                fingerprint: random.u64(..),
                rules: random.u64(0..4),
                seen_unix_nano: time(index),
                ..Default::default()
            })
            .collect(),
    };
    let mut commands = vec![
        v1::state_command::Kind::Weights(weights),
        v1::state_command::Kind::SamplerSeen(seen),
    ];
    if index % 50 == 10 {
        commands.push(v1::state_command::Kind::TargetAdded(target(index)));
    }
    normal(term, index, commands)
}

/// An entry with these commands.
pub(crate) fn normal(term: u64, index: u64, commands: Vec<v1::state_command::Kind>) -> Entry {
    let content = v1::StateEntry {
        time_unix_nano: time(index),
        node: "n1".to_owned(),
        generation: 1,
        commands: commands
            .into_iter()
            .map(|kind| v1::StateCommand { kind: Some(kind) })
            .collect(),
        ..Default::default()
    };
    Entry {
        log_id: log_id(term, index),
        payload: EntryPayload::Normal(EntryBytes::of(&content)),
    }
}

/// A target with many labels, so that its record takes several parts.
fn target(index: u64) -> v1::TargetAdded {
    v1::TargetAdded {
        target: Some(v1::RuntimeTarget {
            target_id: format!("db{index}"),
            receiver: "postgresql".to_owned(),
            endpoint: "db.example:5432".to_owned(),
            labels: (0..30)
                .map(|label| v1::RuntimeLabel {
                    name: format!("label{label}"),
                    value: "x".repeat(500),
                })
                .collect(),
        }),
        ..Default::default()
    }
}

fn time(index: u64) -> i64 {
    1_795_271_696_000_000_000 + i64::try_from(index).unwrap() * 1_000_000
}

pub(crate) fn members(term: u64, index: u64) -> Entry {
    let nodes = (1..=3).map(|id| (id, RaftNode::new(format!("n{id}"))));
    let nodes: std::collections::BTreeMap<u64, RaftNode> = nodes.collect();
    let voters = nodes.keys().copied().collect();
    Entry {
        log_id: log_id(term, index),
        payload: EntryPayload::Membership(Membership::new(vec![voters], nodes)),
    }
}

/// Appends and applies entries from the present end of the log to before `to`.
pub(crate) async fn grow(store: &mut Opened, term: u64, to: u64) {
    let from = store
        .log
        .get_log_state()
        .await
        .unwrap()
        .last_log_id
        .map_or(0, |last| last.index + 1);
    for index in from..to {
        let next = if index == 0 {
            members(term, 0)
        } else {
            entry(term, index)
        };
        store.log.blocking_append([next.clone()]).await.unwrap();
        store.machine.apply([next]).await.unwrap();
    }
}

/// A store that has gone through everything: votes, entries, a snapshot, a purge, group and promise.
pub(crate) async fn fill(store: &mut Opened) {
    store.log.save_vote(&Vote::new(1, 1)).await.unwrap();
    store
        .meta
        .set_promise(Some(b"founders 1 2 3".to_vec()))
        .await
        .unwrap();
    store.meta.set_group(77).await.unwrap();
    grow(store, 1, 120).await;
    store
        .machine
        .get_snapshot_builder()
        .await
        .build_snapshot()
        .await
        .unwrap();
    store.log.purge(log_id(1, 80)).await.unwrap();
    grow(store, 1, 150).await;
    store.log.save_vote(&Vote::new(3, 2)).await.unwrap();
    // What is not applied yet is in the log alone.
    for index in 150..160 {
        store.log.blocking_append([entry(3, index)]).await.unwrap();
    }
}

/// All that a store says.
#[derive(Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) raft_id: u64,
    pub(crate) group: Option<u64>,
    pub(crate) promise: Option<Vec<u8>>,
    pub(crate) vote: Option<Vote>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) purged: Option<LogId>,
    pub(crate) last: Option<LogId>,
    pub(crate) applied: Option<LogId>,
    pub(crate) membership: StoredMembership,
    pub(crate) digest: u64,
    pub(crate) records: Vec<(Vec<u8>, Vec<u8>)>,
}

pub(crate) async fn said(store: &mut Opened) -> Said {
    let state = store.log.get_log_state().await.unwrap();
    let (applied, membership) = store.machine.applied_state().await.unwrap();
    let machine = store.machine.state();
    Said {
        raft_id: store.raft_id,
        group: store.meta.group(),
        promise: store.meta.promise(),
        vote: store.log.read_vote().await.unwrap(),
        entries: store.log.try_get_log_entries(..).await.unwrap(),
        purged: state.last_purged_log_id,
        last: state.last_log_id,
        applied,
        membership,
        digest: machine.read(ringwatch_state::machine::Machine::digest),
        records: machine.read(|machine| machine.records().collect()),
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// All files below a directory, in order.
pub(crate) fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}
