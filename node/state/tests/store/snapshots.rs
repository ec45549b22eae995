//! Snapshots: made, sent to another store, taken in there, and damaged on the way.

use openraft::RaftSnapshotBuilder;
use openraft::storage::{RaftLogStorage, RaftStateMachine};
use ringwatch_state::group::types::{Snapshot, SnapshotFile};
use ringwatch_state::machine::Touched;
use ringwatch_state::store::{MemoryKv, Opened, check_snapshot, open_memory};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use crate::common::{clock, fill, grow, log_id, metrics, open_at, said};

async fn made(store: &mut Opened) -> Snapshot {
    store
        .machine
        .get_snapshot_builder()
        .await
        .build_snapshot()
        .await
        .unwrap()
}

async fn bytes(snapshot: &mut SnapshotFile) -> Vec<u8> {
    let mut bytes = Vec::new();
    snapshot.rewind().await.unwrap();
    snapshot.read_to_end(&mut bytes).await.unwrap();
    bytes
}

/// Sends a snapshot to a store, in pieces, as the network does.
async fn send(to: &mut Opened, from: &mut Snapshot) {
    let mut received = to.machine.begin_receiving_snapshot().await.unwrap();
    for piece in bytes(&mut from.snapshot).await.chunks(10_000) {
        received.write_all(piece).await.unwrap();
    }
    received.flush().await.unwrap();
    let (meta, received) = check_snapshot(*received).await.unwrap();
    assert_eq!(meta, from.meta);
    to.machine
        .install_snapshot(&meta, Box::new(received))
        .await
        .unwrap();
    to.log.purge(meta.last_log_id.unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_snapshot_makes_another_store_the_same() {
    let home = tempfile::tempdir().unwrap();
    let directories = [home.path().join("a/raft"), home.path().join("b/raft")];
    let mut leader = open_at(&directories[0]).await.unwrap();
    fill(&mut leader).await;
    let mut learner = open_at(&directories[1]).await.unwrap();
    learner
        .log
        .save_vote(&said(&mut leader).await.vote.unwrap())
        .await
        .unwrap();
    grow(&mut learner, 1, 20).await;
    let mut touched = learner.machine.state().touched();
    for round in 0..3 {
        let mut snapshot = made(&mut leader).await;
        send(&mut learner, &mut snapshot).await;
        let (there, here) = (said(&mut leader).await, said(&mut learner).await);
        assert_eq!(
            (here.records, here.digest),
            (there.records, there.digest),
            "round {round}"
        );
        assert_eq!(
            (here.applied, &here.membership),
            (there.applied, &there.membership)
        );
        assert_eq!(here.last, here.applied);
        assert_eq!(*touched.recv().await.unwrap(), [Touched::All]);
        for index in here.applied.unwrap().index + 1..there.last.unwrap().index + 1 {
            let next = crate::common::entry(3, index);
            leader.machine.apply([next]).await.unwrap();
        }
        grow(&mut leader, 3, 200 + round * 30).await;
    }
    // The learner's directory holds what it said, without what was there before.
    let before = said(&mut learner).await;
    learner.meta.close().await.unwrap();
    let mut again = open_at(&directories[1]).await.unwrap();
    assert_eq!(said(&mut again).await, before);
    let mut current = again.machine.get_current_snapshot().await.unwrap().unwrap();
    assert_eq!(current.meta.last_log_id, before.applied);
    assert!(!bytes(&mut current.snapshot).await.is_empty());
    let kept = std::fs::read_dir(directories[1].join("snapshots"))
        .unwrap()
        .count();
    assert_eq!(kept, 1, "one from before the log's beginning is of no use");
}

#[tokio::test]
async fn a_damaged_snapshot_is_refused_before_it_is_installed() {
    let mut leader = open_memory(&MemoryKv::new(), &clock(), &metrics()).await.unwrap();
    fill(&mut leader).await;
    let whole = bytes(&mut made(&mut leader).await.snapshot).await;
    let mut learner = open_memory(&MemoryKv::new(), &clock(), &metrics()).await.unwrap();
    let before = said(&mut learner).await;
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut damaged = whole.clone();
        match seed % 4 {
            0 => damaged.truncate(random.usize(..whole.len())),
            1 => damaged.extend_from_slice(b"more"),
            _ => damaged[random.usize(..whole.len())] ^= 1 << random.u8(0..8),
        }
        let mut received = learner.machine.begin_receiving_snapshot().await.unwrap();
        received.write_all(&damaged).await.unwrap();
        check_snapshot(*received).await.unwrap_err();
    }
    assert_eq!(said(&mut learner).await, before);
}

#[tokio::test]
async fn a_damaged_snapshot_on_disk_is_not_given_out() {
    let home = tempfile::tempdir().unwrap();
    let mut store = open_at(&home.path().join("raft")).await.unwrap();
    fill(&mut store).await;
    let first = made(&mut store).await.meta;
    store.machine.apply([crate::common::entry(3, 150)]).await.unwrap();
    let second = made(&mut store).await.meta;
    assert_eq!(second.last_log_id, Some(log_id(3, 150)));
    let mut kept: Vec<_> = std::fs::read_dir(home.path().join("raft/snapshots"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    kept.sort();
    std::fs::write(kept.last().unwrap(), "nonsense").unwrap();
    let current = store.machine.get_current_snapshot().await.unwrap().unwrap();
    assert_eq!(current.meta, first);
    assert!(!kept.last().unwrap().exists());
}
