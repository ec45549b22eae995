//! Crashes: what was acknowledged is there, what was not may be, and the two never disagree.

use std::time::Duration;

use openraft::RaftSnapshotBuilder;
use openraft::storage::{RaftLogStorage, RaftLogStorageExt, RaftStateMachine};
use ringwatch_state::group::types::Vote;
use ringwatch_state::store::{MemoryKv, open_memory};

use crate::common::{clock, entry, fill, grow, log_id, metrics, said};

#[tokio::test(start_paused = true)]
async fn what_was_not_durable_is_lost_in_a_crash_and_nothing_else() {
    for seed in 0..50 {
        fastrand::seed(seed);
        let delay = (Duration::from_millis(1), Duration::from_millis(30));
        let mut kv = MemoryKv::new().with_delay(delay.0, delay.1);
        let mut acknowledged = None;
        for life in 1..6_u64 {
            let mut store = open_memory(&kv, &clock(), &metrics()).await.unwrap();
            let before = said(&mut store).await;
            assert!(before.last.map(|last| last.index) >= acknowledged, "seed {seed}");
            store.log.save_vote(&Vote::new(life, 1)).await.unwrap();
            let work = async {
                let first = before.last.map_or(0, |last| last.index + 1);
                for index in first..first + 40 {
                    store.log.blocking_append([entry(life, index)]).await.unwrap();
                    acknowledged = Some(index);
                    if before.applied.is_none_or(|applied| applied.index + 1 == first) {
                        store.machine.apply([entry(life, index)]).await.unwrap();
                    }
                }
            };
            // The process dies in the middle.
            let _ = tokio::time::timeout(Duration::from_millis(fastrand::u64(1..400)), work).await;
            kv = kv.crash();
            assert!(
                store.log.save_vote(&Vote::new(9, 1)).await.is_err(),
                "the dead do not write"
            );
        }
        let mut store = open_memory(&kv, &clock(), &metrics()).await.unwrap();
        let last = said(&mut store).await.last.map(|last| last.index);
        assert!(last >= acknowledged, "seed {seed}");
    }
}

#[tokio::test]
async fn applied_again_after_a_crash_the_machine_is_the_same() {
    let kv = MemoryKv::new();
    let mut store = open_memory(&kv, &clock(), &metrics()).await.unwrap();
    fill(&mut store).await;
    let before = said(&mut store).await;
    let mut again = open_memory(&kv.crash(), &clock(), &metrics()).await.unwrap();
    let lost = said(&mut again).await.applied;
    let first = lost.map_or(0, |id| id.index + 1);
    for index in first..150 {
        again.machine.apply([entry(1, index)]).await.unwrap();
    }
    assert_eq!(said(&mut again).await.records, before.records);
}

#[tokio::test]
async fn a_snapshot_never_knows_more_than_the_store_after_a_crash() {
    let kv = MemoryKv::new();
    let mut store = open_memory(&kv, &clock(), &metrics()).await.unwrap();
    store.log.save_vote(&Vote::new(1, 1)).await.unwrap();
    grow(&mut store, 1, 30).await;
    store
        .machine
        .get_snapshot_builder()
        .await
        .build_snapshot()
        .await
        .unwrap();
    let mut again = open_memory(&kv.crash(), &clock(), &metrics()).await.unwrap();
    assert_eq!(said(&mut again).await.applied, Some(log_id(1, 29)));
    let snapshot = again.machine.get_current_snapshot().await.unwrap().unwrap();
    assert_eq!(snapshot.meta.last_log_id, Some(log_id(1, 29)));
}

/// openraft purges what a snapshot covers while it is still being installed.
#[tokio::test]
async fn a_crash_between_purge_and_install_loses_nothing() {
    let kv = MemoryKv::new();
    let mut store = open_memory(&kv, &clock(), &metrics()).await.unwrap();
    store.log.save_vote(&Vote::new(1, 1)).await.unwrap();
    grow(&mut store, 1, 30).await;
    store.log.purge(log_id(1, 500)).await.unwrap();
    assert_eq!(said(&mut store).await.purged, Some(log_id(1, 500)));
    store.log.save_vote(&Vote::new(2, 1)).await.unwrap();

    let mut again = open_memory(&kv.crash(), &clock(), &metrics()).await.unwrap();
    let before = said(&mut again).await;
    assert_eq!((before.purged, before.last), (None, Some(log_id(1, 29))));
    assert_eq!(before.vote, Some(Vote::new(2, 1)));
}
