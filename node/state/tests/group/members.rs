//! The members of the group change.

use std::time::Duration;

use ringwatch_state::{Role, Standing};

use crate::flags::{sees, set};
use crate::nodes::Nodes;

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_voter_comes_back_as_a_learner_with_a_new_id_and_votes_again() {
    let mut nodes = Nodes::founded("a b c").await;
    set(nodes.node("a"), "kept", true).await;
    let wiped = nodes.follower().await;
    let old = nodes.node(&wiped).raft_id();
    nodes.kill(&wiped).await;
    nodes.wipe(&wiped);
    nodes.start(&wiped).await;
    assert_ne!(nodes.node(&wiped).raft_id(), old);
    let voting = |standing: &Standing| standing.role == Role::Follower && standing.quorum;
    nodes.node(&wiped).until("voting", voting).await;
    nodes.healthy().await;
    sees(nodes.node(&wiped), "kept", true).await;
    let leader = nodes.leader().await;
    let alone = |standing: &Standing| standing.learners.is_empty() && standing.voters.len() == 3;
    nodes.node(&leader).until("rid of the old store", alone).await;
    // Each of the three counts: with its old store the group would not bear this.
    let other = nodes
        .running
        .keys()
        .find(|name| **name != wiped && **name != leader)
        .unwrap()
        .clone();
    nodes.kill(&other).await;
    set(nodes.node(&wiped), "two are enough", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voter_that_stays_away_is_replaced_by_a_learner() {
    let mut nodes = Nodes::new();
    nodes.replace_after = Duration::from_secs(2);
    for name in ["a", "b", "c"] {
        nodes.start(name).await;
    }
    nodes.healthy().await;
    nodes.start("d").await;
    nodes.healthy().await;
    let gone = nodes.follower().await;
    nodes.kill(&gone).await;
    let leader = nodes.leader().await;
    let replaced = |standing: &Standing| {
        standing.voters.contains(&"d".to_owned())
            && !standing.voters.contains(&gone)
            && standing.voters.len() == 3
    };
    nodes.node(&leader).until("replaced", replaced).await;
    nodes.start(&gone).await;
    let learns = |standing: &Standing| standing.role == Role::Learner && standing.quorum;
    nodes.node(&gone).until("learning", learns).await;
    set(nodes.node(&gone), "back", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_restarts_elsewhere_is_the_same_member() {
    let mut nodes = Nodes::founded("a b c").await;
    let name = nodes.follower().await;
    let (id, address) = (nodes.node(&name).raft_id(), nodes.node(&name).address.clone());
    nodes.kill(&name).await;
    set(nodes.running.values().next().unwrap(), "meanwhile", true).await;
    nodes.start(&name).await;
    assert_eq!(nodes.node(&name).raft_id(), id);
    assert_ne!(nodes.node(&name).address, address);
    sees(nodes.node(&name), "meanwhile", true).await;
    nodes.healthy().await;
}
