//! Stores that fail.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use prometheus::Registry;
use ringwatch_frame::{Clock, Tick};
use ringwatch_proto::v1;
use ringwatch_state::store::{MemoryKv, Opened, StoreError, StoreMetrics, open_memory};
use ringwatch_state::{
    CallError, Destination, Directory, Me, Method, Place, Standing, StateError, StateParts, Storage,
    Transport, start_state, start_state_on,
};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::flags::{flag, sees, set};
use crate::nodes::{Key, Nodes};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_directory_is_refused() {
    let disk = TempDir::new().unwrap();
    let parts = |generation| {
        let (_, directory) = watch::channel(Arc::new(Directory::default()));
        StateParts {
            me: Me {
                node: "a".into(),
                generation,
            },
            cluster: "test".into(),
            place: Place::Disk(disk.path().join("raft")),
            voters: 3,
            alone: true,
            replace_after: Duration::from_secs(300),
            clock: Clock::system(),
            registry: Registry::new(),
            directory,
            credentials: Arc::new(Key("key")),
        }
    };
    let first = start_state(parts(1)).await.unwrap();
    let second = start_state(parts(2)).await;
    assert!(matches!(&second, Err(StateError::Store(error)) if error.to_string().contains("in use")));
    first.stop().await;
    start_state(parts(3)).await.unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_store_is_set_aside_and_the_node_comes_back_by_itself() {
    let mut nodes = Nodes::founded("a b c").await;
    set(nodes.node("a"), "kept", true).await;
    let damaged = nodes.follower().await;
    let old = nodes.node(&damaged).raft_id();
    nodes.kill(&damaged).await;
    let trees = std::fs::read_dir(nodes.place(&damaged)).unwrap();
    let mut files = trees.map(|tree| tree.unwrap().path().join("db"));
    let file = files.find(|file| file.exists()).unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[..middle].fill(0xff);
    std::fs::write(&file, bytes).unwrap();
    nodes.start(&damaged).await;
    assert_ne!(nodes.node(&damaged).raft_id(), old);
    let back = |standing: &Standing| standing.founded && standing.quorum;
    nodes.node(&damaged).until("back", back).await;
    nodes.healthy().await;
    sees(nodes.node(&damaged), "kept", true).await;
    assert!(nodes.node(&damaged).handle.inspect().set_aside.is_some());
}

/// A store in memory that survives its closing, as a disk does.
struct Disk {
    kv: MemoryKv,
    clock: Clock,
}

impl Storage for Disk {
    fn open<'a>(&'a self, _: Option<&'a str>) -> BoxFuture<'a, Result<Opened, StoreError>> {
        Box::pin(async move {
            let metrics = StoreMetrics::register(&Registry::new()).unwrap();
            open_memory(&self.kv.crash(), &self.clock, &metrics).await
        })
    }
}

/// Nobody is there to be called.
struct NoNetwork;

impl Transport for NoNetwork {
    fn call<'a>(
        &'a self,
        _: &'a Destination,
        _: Method,
        _: v1::RaftRequest,
    ) -> BoxFuture<'a, Result<Bytes, CallError>> {
        Box::pin(async { Err(CallError::Unreachable("nobody listens".into())) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_while_it_is_used_is_opened_again() {
    let clock = Clock::simulated(Tick::from_unix_nanos(1_800_000_000_000_000_000));
    let (_directory, seen) = watch::channel(Arc::new(Directory {
        quorum: true,
        joined: true,
        ..Directory::default()
    }));
    let kv = MemoryKv::new();
    let disk = Disk {
        kv: kv.clone(),
        clock: clock.clone(),
    };
    let parts = StateParts {
        me: Me {
            node: "a".into(),
            generation: 1,
        },
        cluster: "test".into(),
        place: Place::Memory,
        voters: 3,
        alone: true,
        replace_after: Duration::from_secs(300),
        clock,
        registry: Registry::new(),
        directory: seen,
        credentials: Arc::new(Key("key")),
    };
    let state = start_state_on(parts, Arc::new(disk), Arc::new(NoNetwork))
        .await
        .unwrap();
    let handle = state.handle();
    let mut standing = handle.standing();
    let stands = |now: &Standing| now.quorum && now.failed.is_none();
    standing.wait_for(stands).await.unwrap();
    handle.propose(vec![flag("kept", true)]).await.unwrap();

    kv.fail_after(Some(0));
    handle.propose(vec![flag("lost", true)]).await.unwrap_err();
    standing.wait_for(|now| now.failed.is_some()).await.unwrap();
    kv.fail_after(None);
    standing.wait_for(stands).await.unwrap();
    let kept = handle.read(|machine| machine.dataset().flag("kept"));
    assert_eq!(kept, Some(true));
    handle.propose(vec![flag("again", true)]).await.unwrap();
    state.stop().await;
}
