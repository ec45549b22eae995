//! Damage of five kinds: no panic escapes, and nothing that is damaged is believed.
//!
//! `RINGWATCH_DAMAGE_SEEDS` says how many seeds of each kind are tried, 20 without it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Once;

use openraft::storage::RaftLogStorage;
use ringwatch_state::group::types::Vote;
use ringwatch_state::store::{MemoryKv, StoreError, open_memory};

use crate::common::{Said, clock, copy, files, fill, grow, metrics, open_at, said};

/// What became of damaged stores.
#[derive(Debug, Default)]
struct Outcomes {
    whole: u64,
    set_aside: std::collections::BTreeMap<String, u64>,
}

fn seeds() -> u64 {
    std::env::var("RINGWATCH_DAMAGE_SEEDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20)
}

/// Damages copies of one store, and opens each: it has to say exactly what was acknowledged, or be set aside.
async fn damaged_by(damage: impl Fn(&Path, &mut fastrand::Rng)) -> Outcomes {
    quiet_panics();
    let base = tempfile::tempdir().unwrap();
    let original = base.path().join("original");
    let mut store = open_at(&original).await.unwrap();
    fill(&mut store).await;
    let acknowledged = said(&mut store).await;
    store.meta.close().await.unwrap();
    let mut outcomes = Outcomes::default();
    for seed in 0..seeds() {
        let home = base.path().join(format!("seed{seed}"));
        let directory = home.join("raft");
        copy(&original, &directory);
        damage(&directory, &mut fastrand::Rng::with_seed(seed));
        try_one(&directory, &acknowledged, seed, &mut outcomes).await;
        std::fs::remove_dir_all(&home).unwrap();
    }
    println!("{outcomes:?}");
    outcomes
}

async fn try_one(directory: &Path, acknowledged: &Said, seed: u64, outcomes: &mut Outcomes) {
    let mut store = open_at(directory)
        .await
        .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    match &store.set_aside {
        None => {
            assert!(!store.fresh, "seed {seed}");
            assert_eq!(said(&mut store).await, *acknowledged, "seed {seed}");
            outcomes.whole += 1;
        }
        Some(aside) => {
            assert!(
                store.fresh && store.raft_id != acknowledged.raft_id,
                "seed {seed}"
            );
            assert!(aside.path.is_dir(), "seed {seed}");
            assert_eq!((store.group, store.meta.promise()), (None, None), "seed {seed}");
            let name = aside.path.file_name().unwrap().to_str().unwrap();
            let why = name.rsplit_once("Z-").unwrap().1.to_owned();
            *outcomes.set_aside.entry(why).or_default() += 1;
        }
    }
    // Whatever it is, it works.
    store.log.save_vote(&Vote::new(4, 1)).await.unwrap();
    let next = said(&mut store).await.last.map_or(0, |last| last.index + 1);
    grow(&mut store, 4, next + 3).await;
    let before = said(&mut store).await;
    store
        .meta
        .close()
        .await
        .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    let mut again = open_at(directory).await.unwrap();
    assert_eq!(said(&mut again).await, before, "seed {seed}");
    again.meta.close().await.unwrap();
}

/// Panics in the store's own threads are part of these tests.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let thread = std::thread::current();
            let name = thread.name().unwrap_or_default();
            if !name.starts_with("state-") && !name.starts_with("sled") {
                usual(info);
            }
        }));
    });
}

/// One of the store's files, mostly the one with the data.
fn some_file(directory: &Path, random: &mut fastrand::Rng) -> PathBuf {
    let all = files(directory);
    let data = all.iter().find(|path| path.ends_with("db")).unwrap();
    if random.u8(..) < 160 {
        data.clone()
    } else {
        random.choice(&all).unwrap().clone()
    }
}

fn change(path: &Path, at: u64, with: impl Fn(&mut [u8]), length: usize) {
    let mut file = File::options().read(true).write(true).open(path).unwrap();
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(at)).unwrap();
    let read = file.read(&mut bytes).unwrap();
    bytes.truncate(read);
    with(&mut bytes);
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn flipped_bits_are_not_believed() {
    let outcomes = damaged_by(|directory, random| {
        let path = some_file(directory, random);
        let length = path.metadata().unwrap().len();
        for _ in 0..random.u32(1..=16) {
            let (at, bit) = (random.u64(0..length.max(1)), random.u8(0..8));
            change(
                &path,
                at,
                |bytes| bytes.iter_mut().for_each(|byte| *byte ^= 1 << bit),
                1,
            );
        }
    });
    assert!(!outcomes.await.set_aside.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_cut_is_not_believed() {
    let outcomes = damaged_by(|directory, random| {
        let path = some_file(directory, random);
        let file = File::options().write(true).open(&path).unwrap();
        let length = file.metadata().unwrap().len();
        file.set_len(random.u64(0..length.max(1))).unwrap();
    });
    assert!(!outcomes.await.set_aside.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn zeroed_pages_are_not_believed() {
    let outcomes = damaged_by(|directory, random| {
        let path = some_file(directory, random);
        let pages = path.metadata().unwrap().len().div_ceil(4096).max(1);
        for _ in 0..random.u32(1..=8) {
            change(&path, random.u64(0..pages) * 4096, |bytes| bytes.fill(0), 4096);
        }
    });
    assert!(!outcomes.await.set_aside.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_files_are_not_believed() {
    let outcomes = damaged_by(|directory, random| {
        let all = files(directory);
        std::fs::remove_file(random.choice(&all).unwrap()).unwrap();
    });
    assert!(!outcomes.await.set_aside.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn silently_missing_keys_are_noticed() {
    let outcomes = damaged_by(|directory, random| {
        let tree = files(directory)
            .into_iter()
            .find(|path| path.ends_with("db"))
            .unwrap();
        let tree = sled::open(tree.parent().unwrap()).unwrap();
        let keys: Vec<sled::IVec> = tree.iter().keys().map(Result::unwrap).collect();
        for _ in 0..random.u32(1..=3) {
            tree.remove(random.choice(&keys).unwrap()).unwrap();
        }
        tree.flush().unwrap();
    });
    assert_eq!(outcomes.await.whole, 0);
}

#[tokio::test]
async fn each_key_that_is_lost_is_noticed() {
    let kv = MemoryKv::new();
    let mut store = open_memory(&kv, &clock(), &metrics()).await.unwrap();
    fill(&mut store).await;
    store.meta.close().await.unwrap();
    let kv = kv.crash();
    let keys = kv.keys();
    assert!(keys.len() > 100);
    for key in keys {
        let damaged = kv.copy();
        assert!(damaged.lose(&key));
        let opened = open_memory(&damaged, &clock(), &metrics()).await;
        assert!(matches!(opened, Err(StoreError::Damaged { .. })), "{key:?}");
    }
    open_memory(&kv, &clock(), &metrics()).await.unwrap();
}
