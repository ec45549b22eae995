//! Stores that fail.

use std::sync::Arc;

use prometheus::Registry;
use ringwatch_frame::Clock;
use ringwatch_state::{Directory, Me, Place, Standing, StateError, StateParts, start_state};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::flags::{sees, set};
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
            replace_after: std::time::Duration::from_secs(300),
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
