//! Opening, closing, and what a store remembers.

use openraft::storage::{RaftLogStorage, RaftStateMachine};
use openraft::{EntryPayload, Membership};
use ringwatch_state::group::types::{Entry, RaftNode, Vote};
use ringwatch_state::store::{Place, StoreError, open_anew};

use crate::common::{clock, fill, grow, log_id, metrics, open_at, said};

#[tokio::test]
async fn a_store_says_again_what_it_was_told() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("deep/raft");
    let mut store = open_at(&directory).await.unwrap();
    assert!(store.fresh && store.group.is_none() && store.set_aside.is_none());
    assert!((1..1 << 53).contains(&store.raft_id));
    fill(&mut store).await;
    let before = said(&mut store).await;
    assert_eq!(before.entries.len(), 79);
    assert_eq!(before.applied.map(|id| id.index), Some(149));
    store.meta.close().await.unwrap();

    let mut again = open_at(&directory).await.unwrap();
    assert!(!again.fresh);
    assert_eq!(again.group, Some(77));
    assert_eq!(said(&mut again).await, before);
    grow(&mut again, 3, 300).await;
    let before = said(&mut again).await;
    // The process ends without a word.
    drop(again);
    assert_eq!(said(&mut open_at(&directory).await.unwrap()).await, before);
}

#[tokio::test]
async fn a_directory_has_one_process() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("raft");
    let first = open_at(&directory).await.unwrap();
    let second = open_at(&directory).await.unwrap_err();
    assert!(matches!(second, StoreError::InUse { .. }), "{second}");
    assert!(
        second.to_string().contains("in use by another process"),
        "{second}"
    );
    first.meta.close().await.unwrap();
    open_at(&directory).await.unwrap();
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let home = tempfile::tempdir().unwrap();
    let store = open_at(&home.path().join("raft")).await.unwrap();
    store.meta.close().await.unwrap();
    assert_eq!(store.meta.set_group(1).await, Err(StoreError::Closed));
    assert_eq!(store.meta.group(), None);
}

#[tokio::test]
async fn a_store_that_differs_is_set_aside_and_three_are_kept() {
    let home = tempfile::tempdir().unwrap();
    let place = Place::Disk(home.path().join("raft"));
    let mut ids = std::collections::BTreeSet::new();
    let mut aside = Vec::new();
    for _ in 0..5 {
        let opened = open_anew(&place, "its digest differs", &clock(), &metrics())
            .await
            .unwrap();
        assert!(opened.fresh && ids.insert(opened.raft_id));
        opened.meta.close().await.unwrap();
        aside.extend(opened.set_aside);
    }
    assert_eq!(aside.len(), 4, "at first there was nothing to set aside");
    assert!(
        aside
            .iter()
            .all(|aside| aside.reason.contains("its digest differs"))
    );
    let name = aside[0].path.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("raft.damaged-20261121T"), "{name}");
    assert!(name.ends_with("-differs"), "{name}");
    let there: Vec<bool> = aside.iter().map(|aside| aside.path.exists()).collect();
    assert_eq!(there, [false, true, true, true]);
}

#[tokio::test]
async fn what_was_half_made_is_made_again() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(home.path().join("raft.new/tree-1")).unwrap();
    let store = open_at(&home.path().join("raft")).await.unwrap();
    assert!(store.fresh && store.set_aside.is_none());
}

#[tokio::test]
async fn a_directory_that_is_not_ours_to_write_is_no_damage() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = open_at(&file.join("raft")).await.unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
}

#[tokio::test]
async fn what_was_large_may_become_small() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("raft");
    let mut store = open_at(&directory).await.unwrap();
    store.log.save_vote(&Vote::new(1, 1)).await.unwrap();
    for (index, nodes) in [(0, 3), (1, 500), (2, 300), (3, 1)] {
        let nodes = (1..=nodes).map(|id| (id, RaftNode::new(format!("node-{id}.example"))));
        let nodes: std::collections::BTreeMap<u64, RaftNode> = nodes.collect();
        let entry = Entry {
            log_id: log_id(1, index),
            payload: EntryPayload::Membership(Membership::new(vec![[1].into()], nodes)),
        };
        store.machine.apply([entry]).await.unwrap();
        store
            .meta
            .set_promise(Some(vec![7; 3000 * (4 - index as usize)]))
            .await
            .unwrap();
        let before = said(&mut store).await;
        store.meta.close().await.unwrap();
        store = open_at(&directory).await.unwrap();
        assert_eq!(store.set_aside, None);
        assert_eq!(said(&mut store).await, before);
    }
    store.meta.set_promise(None).await.unwrap();
    store.meta.close().await.unwrap();
    assert_eq!(open_at(&directory).await.unwrap().meta.promise(), None);
}
