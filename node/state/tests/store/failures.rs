//! A disk that fails: openraft gets an error, nobody panics, and nothing is acknowledged after it.

use openraft::RaftSnapshotBuilder;
use openraft::storage::{RaftLogStorage, RaftLogStorageExt, RaftStateMachine};
use ringwatch_proto::v1;
use ringwatch_state::group::types::Vote;
use ringwatch_state::store::{MemoryKv, open_memory};

use crate::common::{clock, entry, fill, grow, log_id, metrics, normal, said};

#[tokio::test]
async fn a_full_disk_is_an_error_and_the_last_word() {
    let kv = MemoryKv::new();
    let mut store = open_memory(&kv, &clock(), &metrics()).await.unwrap();
    store.log.save_vote(&Vote::new(1, 1)).await.unwrap();
    grow(&mut store, 1, 20).await;
    kv.fail_after(Some(0));
    let error = store.log.blocking_append([entry(1, 20)]).await.unwrap_err();
    assert!(error.to_string().contains("check the disk's space"), "{error}");
    // What a failed disk kept is not known: it is not asked again, even if it could.
    kv.fail_after(None);
    assert!(store.log.save_vote(&Vote::new(2, 1)).await.is_err());
    assert!(store.log.truncate(log_id(1, 10)).await.is_err());
    assert!(store.log.purge(log_id(1, 5)).await.is_err());
    assert!(store.machine.apply([entry(1, 20)]).await.is_err());
    assert!(
        store
            .machine
            .get_snapshot_builder()
            .await
            .build_snapshot()
            .await
            .is_err()
    );
    assert!(store.meta.set_group(3).await.is_err());

    let mut again = open_memory(&kv.crash(), &clock(), &metrics()).await.unwrap();
    let said = said(&mut again).await;
    assert_eq!(said.last, Some(log_id(1, 19)));
    assert_eq!(said.vote, Some(Vote::new(1, 1)));
}

#[tokio::test]
async fn an_entry_of_a_newer_program_ends_the_group_here_and_keeps_what_came_before() {
    let kv = MemoryKv::new();
    let mut store = open_memory(&kv, &clock(), &metrics()).await.unwrap();
    fill(&mut store).await;
    let newer = v1::StateEntry {
        requires: u32::MAX,
        ..Default::default()
    };
    let mut unknown = normal(3, 151, Vec::new());
    unknown.payload = openraft::EntryPayload::Normal(ringwatch_state::group::types::EntryBytes::of(&newer));
    let error = store.machine.apply([entry(3, 150), unknown]).await.unwrap_err();
    assert!(error.to_string().contains("upgrade this node"), "{error}");
    assert_eq!(said(&mut store).await.applied, Some(log_id(3, 150)));
    store.meta.close().await.unwrap();
    let mut again = open_memory(&kv.crash(), &clock(), &metrics()).await.unwrap();
    assert_eq!(said(&mut again).await.applied, Some(log_id(3, 150)));
}
