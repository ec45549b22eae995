//! Leaders come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ringwatch_state::{ProposeError, StateHandle};
use tokio::time::{Instant, sleep};

use crate::flags::{flag, get, sees, set};
use crate::nodes::Nodes;

#[tokio::test(flavor = "multi_thread")]
async fn another_leads_soon_after_the_leader_is_killed() {
    let mut nodes = Nodes::founded("a b c").await;
    let leader = nodes.leader().await;
    set(nodes.node(&leader), "acknowledged", true).await;
    let other = nodes.follower().await;
    let start = Instant::now();
    let killed = nodes.kill(&leader);
    killed.await;
    set(nodes.node(&other), "after", true).await;
    let took = start.elapsed();
    println!(
        "a leader killed: the next proposal is done after {} ms",
        took.as_millis()
    );
    assert!(took < Duration::from_secs(10), "{took:?}");
    for node in nodes.running.values() {
        sees(node, "acknowledged", true).await;
        assert_eq!(node.standing().missing, std::slice::from_ref(&leader));
    }
}

/// Proposes until told to stop; the longest time between two that were done, and how many were.
async fn write(handle: StateHandle, stop: Arc<AtomicBool>) -> (Duration, u64) {
    let (mut last, mut longest, mut done) = (Instant::now(), Duration::ZERO, 0);
    while !stop.load(Ordering::Relaxed) {
        let name = format!("flag-{}", done % 50);
        if handle.propose(vec![flag(&name, done % 2 == 0)]).await.is_ok() {
            longest = longest.max(last.elapsed());
            last = Instant::now();
            done += 1;
        }
        sleep(Duration::from_millis(2)).await;
    }
    (longest, done)
}

/// How short it is without a disk is proven in `handover`; here it only has to work.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_stops_hands_over() {
    let mut nodes = Nodes::founded("a b c").await;
    let leader = nodes.leader().await;
    let other = nodes.follower().await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(write(nodes.node(&other).handle.clone(), Arc::clone(&stop)));
    sleep(Duration::from_millis(300)).await;
    let start = Instant::now();
    let state = nodes.running.get_mut(&leader).unwrap().state.take().unwrap();
    assert!(state.hand_over(Duration::from_secs(10)).await);
    let handed = start.elapsed();
    state.stop().await;
    set(nodes.node(&other), "after", true).await;
    stop.store(true, Ordering::Relaxed);
    let (gap, done) = writer.await.unwrap();
    println!("handed over in {handed:?}, longest time without a proposal done {gap:?}, {done} were done");
    assert_ne!(nodes.leader().await, leader);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_majority_nothing_is_done_and_the_missing_are_named() {
    let mut nodes = Nodes::founded("a b c").await;
    let (leader, other) = (nodes.leader().await, nodes.follower().await);
    nodes.kill(&leader).await;
    nodes.kill(&other).await;
    let last = nodes.running.keys().next().unwrap().clone();
    let mut missing = vec![leader.clone(), other.clone()];
    missing.sort();
    let node = nodes.node(&last);
    node.until("without quorum", |standing| !standing.quorum).await;
    let start = Instant::now();
    let refused = node.handle.propose(vec![flag("lost", true)]).await;
    assert_eq!(
        refused,
        Err(ProposeError::NoQuorum {
            missing: missing.clone()
        })
    );
    assert!(
        start.elapsed() < Duration::from_millis(500),
        "what is hopeless is said at once"
    );
    let said = refused.unwrap_err().to_string();
    assert!(missing.iter().all(|name| said.contains(name.as_str())), "{said}");
    assert_eq!(get(node, "lost"), None);
    let term = node.standing().term;
    sleep(Duration::from_secs(4)).await;
    assert_eq!(
        nodes.node(&last).standing().term,
        term,
        "it does not stand for election without hope"
    );
    let start = Instant::now();
    nodes.start(&leader).await;
    nodes.start(&other).await;
    nodes.healthy().await;
    println!("two of three returned: healthy after {:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    set(nodes.node(&last), "again", true).await;
    nodes.equal().await;
}
