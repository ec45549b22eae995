//! The log: large entries, more than memory keeps, and any order of what openraft may do with it.

use openraft::storage::{RaftLogStorage, RaftLogStorageExt};
use openraft::{EntryPayload, RaftLogReader};
use proptest::prelude::*;
use ringwatch_state::group::types::{Entry, EntryBytes, LogId, Vote};
use ringwatch_state::store::{MemoryKv, open_memory};

use crate::common::{clock, files, log_id, metrics, open_at};

/// An entry of so many bytes.
fn sized(term: u64, index: u64, bytes: usize) -> Entry {
    let mut random = fastrand::Rng::with_seed(index);
    let content: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(bytes).collect();
    Entry {
        log_id: log_id(term, index),
        payload: EntryPayload::Normal(EntryBytes(content.into())),
    }
}

#[tokio::test]
async fn large_entries_are_kept_in_parts_and_read_from_disk_when_memory_has_them_no_more() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("raft");
    let mut store = open_at(&directory).await.unwrap();
    store.log.save_vote(&Vote::new(1, 1)).await.unwrap();
    let sizes = [0, 1, 4000, 4086, 4090, 8170, 70_000, 300_000];
    let wanted: Vec<Entry> = (0..80)
        .map(|index| sized(1, index, sizes[index as usize % sizes.len()]))
        .collect();
    for entries in wanted.chunks(7) {
        store.log.blocking_append(entries.to_vec()).await.unwrap();
    }
    assert_eq!(store.log.try_get_log_entries(..).await.unwrap(), wanted);
    let some = store.log.limited_get_log_entries(0, 80).await.unwrap();
    assert!((1..80).contains(&some.len()), "{}", some.len());
    assert_eq!(some, wanted[..some.len()]);
    assert_eq!(
        store.log.limited_get_log_entries(7, 8).await.unwrap(),
        wanted[7..8]
    );
    store.log.truncate(log_id(1, 70)).await.unwrap();
    store
        .log
        .blocking_append((70..75).map(|index| sized(1, index, 10)).collect::<Vec<_>>())
        .await
        .unwrap();
    let before = store.log.try_get_log_entries(..).await.unwrap();
    assert_eq!(before.len(), 75);
    store.meta.close().await.unwrap();

    let mut again = open_at(&directory).await.unwrap();
    assert!(again.set_aside.is_none());
    assert_eq!(again.log.try_get_log_entries(..).await.unwrap(), before);
    let blobs = files(&directory)
        .into_iter()
        .filter(|path| path.components().any(|part| part.as_os_str() == "blobs"));
    assert_eq!(blobs.count(), 0, "files that sled never syncs");
}

#[tokio::test]
async fn an_entry_that_no_store_can_hold_is_an_error() {
    let mut store = open_memory(&MemoryKv::new(), &clock(), &metrics()).await.unwrap();
    let error = store
        .log
        .blocking_append([sized(1, 0, 300 << 20)])
        .await
        .unwrap_err();
    assert!(error.to_string().contains("too large"), "{error}");
    store.log.blocking_append([sized(1, 0, 10)]).await.unwrap();
}

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<usize>),
    Truncate(u64),
    Purge(u64),
    Vote,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let size = prop_oneof![3 => 0usize..100, 1 => 4000usize..13_000];
    let step = prop_oneof![
        5 => prop::collection::vec(size, 1..6).prop_map(Step::Append),
        1 => (0u64..6).prop_map(Step::Truncate),
        1 => (0u64..20).prop_map(Step::Purge),
        1 => Just(Step::Vote),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..40)
}

/// What the log should be.
#[derive(Debug, Default)]
struct Model {
    entries: Vec<Entry>,
    purged: Option<LogId>,
    term: u64,
}

impl Model {
    fn next(&self) -> u64 {
        self.last().map_or(0, |last| last.index + 1)
    }

    fn last(&self) -> Option<LogId> {
        self.entries.last().map(|entry| entry.log_id).or(self.purged)
    }
}

async fn follows_the_model(steps: Vec<Step>) {
    let mut kv = MemoryKv::new();
    let mut store = open_memory(&kv, &clock(), &metrics()).await.unwrap();
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Append(sizes) => {
                let entries = (model.next()..).zip(sizes);
                let entries: Vec<Entry> = entries
                    .map(|(index, size)| sized(model.term, index, size))
                    .collect();
                store.log.blocking_append(entries.clone()).await.unwrap();
                model.entries.extend(entries);
            }
            Step::Truncate(back) => {
                let from = model.entries.len().saturating_sub(back as usize);
                let Some(first) = model.entries.get(from).map(|entry| entry.log_id) else {
                    continue;
                };
                store.log.truncate(first).await.unwrap();
                model.entries.truncate(from);
            }
            Step::Purge(count) => {
                let count = (count as usize).min(model.entries.len());
                let Some(to) = count.checked_sub(1).map(|last| model.entries[last].log_id) else {
                    continue;
                };
                // The machine has applied what is purged.
                let applied: Vec<Entry> = model
                    .entries
                    .drain(..count)
                    .map(|entry| blank(entry.log_id))
                    .collect();
                openraft::storage::RaftStateMachine::apply(&mut store.machine, applied)
                    .await
                    .unwrap();
                store.log.purge(to).await.unwrap();
                model.purged = Some(to);
            }
            Step::Vote => {
                model.term += 1;
                store.log.save_vote(&Vote::new(model.term, 1)).await.unwrap();
            }
            Step::Reopen => {
                kv = kv.crash();
                store = open_memory(&kv, &clock(), &metrics()).await.unwrap();
            }
        }
        let state = store.log.get_log_state().await.unwrap();
        assert_eq!(
            (state.last_purged_log_id, state.last_log_id),
            (model.purged, model.last())
        );
        assert_eq!(store.log.try_get_log_entries(..).await.unwrap(), model.entries);
    }
}

fn blank(log_id: LogId) -> Entry {
    Entry {
        log_id,
        payload: EntryPayload::Blank,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_the_log_is_what_was_written(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(follows_the_model(steps));
    }
}
