//! How groups begin.

use std::time::Duration;

use ringwatch_state::{Peer, PeerRaft, Role};
use tokio::time::timeout;

use crate::flags::{get, sees, set};
use crate::nodes::Nodes;

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_found_one_group_and_take_proposals_on_any() {
    let mut nodes = Nodes::new();
    nodes.start("a").await;
    nodes.start("b").await;
    let two = |standing: &ringwatch_state::Standing| {
        standing
            .waiting
            .as_deref()
            .is_some_and(|why| why.contains("2 of 3 voters have met"))
    };
    nodes.node("a").until("waiting for a third", two).await;
    nodes.start("c").await;
    nodes.healthy().await;
    let groups: Vec<u64> = nodes
        .running
        .values()
        .map(|node| node.handle.inspect().group)
        .collect();
    assert!(
        groups[0] != 0 && groups.iter().all(|group| *group == groups[0]),
        "{groups:?}"
    );
    let leader = nodes.leader().await;
    let follower = nodes.follower().await;
    set(nodes.node(&follower), "from-a-follower", true).await;
    assert_eq!(
        get(nodes.node(&leader), "from-a-follower"),
        Some(true),
        "the leader has applied it"
    );
    for node in nodes.running.values() {
        sees(node, "from-a-follower", true).await;
        assert!(!node.standing().voters.is_empty());
    }
    nodes.equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_nodes_than_voters_learn() {
    let nodes = Nodes::founded("a b c d e").await;
    let leader = nodes.leader().await;
    let standing = nodes.node(&leader).standing();
    assert_eq!(
        (standing.voters.len(), standing.learners.len()),
        (3, 2),
        "{standing:?}"
    );
    for learner in &standing.learners {
        let node = nodes.node(learner);
        assert_eq!(node.standing().role, Role::Learner);
        set(node, learner, true).await;
        sees(node, learner, true).await;
    }
    nodes.equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_vote_where_five_shall() {
    let mut nodes = Nodes::new();
    nodes.voters = 5;
    for name in ["a", "b", "c", "d", "e"] {
        nodes.start(name).await;
    }
    nodes.healthy().await;
    assert_eq!(nodes.node("a").standing().voters.len(), 5);
    set(nodes.node("e"), "five", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_gossip_is_a_group_at_once_and_after_a_restart() {
    let mut nodes = Nodes::new();
    nodes.alone = true;
    nodes.start("a").await;
    let founded = nodes.node("a").until("leading", |standing| standing.leads);
    timeout(Duration::from_secs(5), founded).await.unwrap();
    set(nodes.node("a"), "kept", true).await;
    let id = nodes.node("a").raft_id();
    nodes.kill("a").await;
    nodes.start("a").await;
    nodes
        .node("a")
        .until("leading again", |standing| standing.leads)
        .await;
    assert_eq!(nodes.node("a").raft_id(), id);
    sees(nodes.node("a"), "kept", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_of_one_takes_in_those_who_come_later() {
    let mut nodes = Nodes::new();
    nodes.alone = true;
    nodes.start("a").await;
    nodes.node("a").until("leading", |standing| standing.leads).await;
    set(nodes.node("a"), "before", true).await;
    nodes.kill("a").await;
    nodes.alone = false;
    for name in ["a", "b", "c"] {
        nodes.start(name).await;
    }
    nodes.healthy().await;
    sees(nodes.node("c"), "before", true).await;
}

/// One that is alive by gossip and cannot be asked holds the founding up; what was promised meanwhile is
/// taken back, and other founders found the group.
#[tokio::test(flavor = "multi_thread")]
async fn a_founding_that_comes_to_nothing_is_begun_anew_with_others() {
    let mut nodes = Nodes::new();
    nodes.lie(|_, directory| {
        if directory.peer("c").is_none() {
            directory.peers.push(Peer {
                node: "c".into(),
                alive: true,
                address: "127.0.0.1:1".into(),
                raft: Some(PeerRaft {
                    id: 99,
                    ..PeerRaft::default()
                }),
                ..Peer::default()
            });
        }
    });
    nodes.start("a").await;
    nodes.start("b").await;
    let held_up = |standing: &ringwatch_state::Standing| {
        standing
            .waiting
            .as_deref()
            .is_some_and(|why| why.contains("`c` cannot be asked"))
    };
    nodes.node("a").until("held up", held_up).await;
    nodes.start("c").await;
    nodes.healthy().await;
    set(nodes.node("c"), "founded", true).await;
}
