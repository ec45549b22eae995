//! A node whose state or store cannot be right.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ringwatch_state::{Peer, PeerRaft, Standing};

use crate::flags::{flag, sees};
use crate::nodes::Nodes;

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_differs_from_the_others_is_set_aside_and_fetched_anew() {
    let nodes = Nodes::founded("a b c").await;
    let odd = nodes.follower().await;
    let old = nodes.node(&odd).raft_id();
    for number in 0..80 {
        let leader = nodes.leader().await;
        nodes
            .node(&leader)
            .handle
            .propose(vec![flag("flag", number % 2 == 0)])
            .await
            .unwrap();
    }
    let (lies, told) = (Arc::new(AtomicBool::new(true)), odd.clone());
    let lying = Arc::clone(&lies);
    nodes.lie(move |me, directory| {
        if me == told && lying.load(Ordering::Relaxed) {
            for raft in directory
                .peers
                .iter_mut()
                .filter(|peer| !peer.is_me)
                .filter_map(|peer| peer.raft.as_mut())
            {
                raft.digest ^= 1;
            }
        }
    });
    nodes
        .node(&odd)
        .until("replacing its store", |standing| !standing.founded)
        .await;
    lies.store(false, Ordering::Relaxed);
    nodes
        .node(&odd)
        .until("back", |standing| standing.founded && standing.quorum)
        .await;
    assert_ne!(nodes.node(&odd).raft_id(), old);
    sees(nodes.node(&odd), "flag", false).await;
    nodes.healthy().await;
    let inspection = nodes.node(&odd).handle.inspect();
    assert!(
        inspection
            .set_aside
            .is_some_and(|(path, _)| std::path::Path::new(&path).exists())
    );
    let shown = nodes.node(&odd).registry.gather();
    let mismatches = shown
        .iter()
        .find(|family| family.name() == "ringwatch_state_digest_mismatches_total");
    assert_eq!(mismatches.unwrap().get_metric()[0].get_counter().get_value(), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_with_a_copied_store_the_later_stops() {
    let nodes = Nodes::founded("a b c").await;
    let odd = nodes.follower().await;
    let (told, id) = (odd.clone(), nodes.node(&odd).raft_id());
    nodes.lie(move |me, directory| {
        if me == told {
            directory.peers.push(Peer {
                node: "twin".into(),
                generation: 0,
                alive: true,
                raft: Some(PeerRaft {
                    id,
                    ..PeerRaft::default()
                }),
                ..Peer::default()
            });
        }
    });
    let failed = |standing: &Standing| {
        standing
            .failed
            .as_deref()
            .is_some_and(|why| why.contains("`twin`"))
    };
    nodes.node(&odd).until("stopped", failed).await;
    let refused = nodes.node(&odd).handle.propose(vec![flag("x", true)]).await;
    assert!(
        matches!(refused, Err(ringwatch_state::ProposeError::Failed(_))),
        "{refused:?}"
    );
    let leader = nodes.leader().await;
    nodes
        .node(&leader)
        .handle
        .propose(vec![flag("x", true)])
        .await
        .unwrap();
}
