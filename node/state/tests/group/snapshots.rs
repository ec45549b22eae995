//! Who is far behind gets a snapshot.

use std::sync::Arc;

use futures::future::join_all;
use tokio::time::Instant;

use crate::flags::{flag, get};
use crate::nodes::Nodes;

/// More than a snapshot is made after.
const ENTRIES: usize = 1600;

#[tokio::test(flavor = "multi_thread")]
async fn a_learner_catches_up_by_snapshot_after_the_log_was_purged() {
    let mut nodes = Nodes::founded("a b c").await;
    let leader = nodes.leader().await;
    let start = Instant::now();
    let handle = Arc::new(nodes.node(&leader).handle.clone());
    let writers = (0..16).map(|writer| {
        let handle = Arc::clone(&handle);
        async move {
            for number in 0..ENTRIES / 16 {
                let name = format!("flag-{}", number % 10);
                handle.propose(vec![flag(&name, writer % 2 == 0)]).await.unwrap();
            }
        }
    });
    join_all(writers).await;
    println!("{ENTRIES} proposals of 16 writers in {:?}", start.elapsed());
    let purged = |node: &crate::nodes::Node| {
        let inspection = node.handle.inspect();
        inspection.snapshot >= 1000 && inspection.log_first > 100
    };
    let end = Instant::now() + crate::nodes::PATIENCE;
    while !purged(nodes.node(&leader)) {
        assert!(Instant::now() < end, "{:?}", nodes.node(&leader).handle.inspect());
        // What was built while nothing more came is purged with what comes next.
        handle.propose(vec![flag("flag-0", true)]).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let start = Instant::now();
    nodes.start("d").await;
    nodes.healthy().await;
    nodes.equal().await;
    let inspection = nodes.node("d").handle.inspect();
    println!("a new learner has caught up after {:?}", start.elapsed());
    // Without entries after the snapshot its log is empty.
    let fetched = inspection.log_first == 0 || inspection.log_first > 1000;
    assert!(inspection.snapshot >= 1000 && fetched, "{inspection:?}");
    assert!(get(nodes.node("d"), "flag-9").is_some());
}
