//! Single calls.

use std::collections::BTreeMap;
use std::time::Duration;

use ringwatch_cluster::member::NodeId;
use ringwatch_cluster::memories::Change;
use ringwatch_cluster::peer::{Handed, MAX_COMPANION, PeerError, Peers};
use ringwatch_frame::{PendingFrame, StreamMemory, TargetMemory, Tick};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::common::{FIRST, Node, activity, caller, incarnation, member, meta, statements, target};

fn memory() -> TargetMemory {
    let mut baseline = statements(3, 1);
    baseline
        .schema_metadata_mut()
        .insert("ringwatch.baseline.reset", "7");
    BTreeMap::from([(
        activity(),
        StreamMemory {
            last: Some(Tick::from_unix_nanos(FIRST + 2_000_000_000)),
            baseline: Some(baseline),
            pending: [PendingFrame {
                meta: meta(&target(1), &activity(), 1),
                rows: statements(2, 2),
            }]
            .into(),
        },
    )])
}

fn handed(handoff: u64, view: u64, companion: &[u8]) -> Handed {
    Handed {
        target: target(1),
        memory: memory(),
        companion: companion.to_vec(),
        moves: Vec::new(),
        handoff,
        view,
    }
}

#[tokio::test]
async fn under_an_older_view_than_the_callees_nothing_is_done() {
    let node = Node::start("b", 3).await;
    *node.desk.view.lock().unwrap() = 9;
    let (member, peers) = (node.member(), caller(&incarnation("a", 5)));
    let stale = PeerError::Stale { view: 9 };
    assert_eq!(peers.prepare(&member, &target(1), 7, 8).await, Err(stale.clone()));
    assert_eq!(peers.commit(&member, handed(7, 8, b"")).await, Err(stale.clone()));
    assert_eq!(peers.recall(&member, &[target(1)], 8).await, Err(stale.clone()));
    let (changes, queue) = mpsc::channel(1);
    let snapshot = Change::Snapshot {
        target: target(1),
        memory: memory(),
        covers: BTreeMap::new(),
        serial: 1,
        view: 8,
    };
    changes.send(snapshot).await.unwrap();
    let (says, _words) = mpsc::channel(1);
    assert_eq!(peers.replicate(&member, queue, says).await, stale);
    assert_eq!(node.desk.memories.shadow_count(), 0);
    assert!(node.desk.asked.lock().unwrap().is_empty());
    // Who claims nothing may ask at any time.
    assert_eq!(peers.recall(&member, &[target(1)], 0).await.unwrap().len(), 1);
    assert_eq!(peers.prepare(&member, &target(1), 7, 9).await, Ok(()));
}

#[tokio::test]
async fn an_offer_is_taken_or_refused_with_its_reason() {
    let node = Node::start("b", 3).await;
    let (member, peers) = (node.member(), caller(&incarnation("a", 5)));
    let heir = NodeId::new("c");
    assert_eq!(peers.offer(&member, &target(1), &heir).await, Ok(()));
    assert_eq!(
        node.desk.asked.lock().unwrap()[0],
        format!("offer a {} c", target(1))
    );
    *node.desk.no.lock().unwrap() = Some("pinned".into());
    let refused = peers.offer(&member, &target(1), &heir).await;
    assert_eq!(refused, Err(PeerError::Refused("pinned".into())));
}

#[tokio::test]
async fn a_companion_that_is_too_large_is_refused() {
    let node = Node::start("b", 3).await;
    let (member, peers) = (node.member(), caller(&incarnation("a", 5)));
    let most = vec![1; MAX_COMPANION];
    assert_eq!(peers.commit(&member, handed(7, 1, &most)).await, Ok(()));
    let more = vec![1; MAX_COMPANION + 1];
    let answer = peers.commit(&member, handed(8, 1, &more)).await;
    assert!(matches!(answer, Err(PeerError::Refused(_))), "{answer:?}");
    assert_eq!(node.desk.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_node_answers_what_it_is_asked() {
    let node = Node::start("b", 3).await;
    let (member, peers) = (node.member(), caller(&incarnation("a \u{fc}", 5)));
    assert_eq!(peers.confirm(&member).await, Ok(false));
    assert_eq!(caller(&incarnation("a", 4)).confirm(&member).await, Ok(true));
    assert_eq!(peers.prepare(&member, &target(1), 7, 1 << 47).await, Ok(()));
    assert_eq!(peers.commit(&member, handed(7, 1 << 47, b"warm")).await, Ok(()));
    let recalled = peers.recall(&member, &[target(1), target(2)], 1).await.unwrap();
    let mut expected = memory();
    expected.values_mut().for_each(|stream| stream.pending.clear());
    assert_eq!(recalled[0].target, target(1));
    assert_eq!(
        (recalled[0].owned, recalled[0].memory.as_ref()),
        (true, Some(&expected))
    );
    assert_eq!((recalled[1].owned, recalled[1].memory.as_ref()), (false, None));
    let asked = node.desk.asked.lock().unwrap().clone();
    let db = target(1);
    let view = 1_u64 << 47;
    assert_eq!(
        asked,
        [
            "confirm a \u{fc}/5".to_owned(),
            "confirm a/4".to_owned(),
            format!("prepare a \u{fc} {db} 7 {view}"),
            format!("commit a \u{fc} {db} 7 {view} warm"),
        ]
    );
}

#[tokio::test]
async fn a_refusal_says_why() {
    let node = Node::start("b", 3).await;
    *node.desk.no.lock().unwrap() = Some("the target\nis unknown here".into());
    let (member, peers) = (node.member(), caller(&incarnation("a", 5)));
    let why = PeerError::Refused("the target\\u{a}is unknown here".into());
    assert_eq!(peers.prepare(&member, &target(1), 7, 1).await, Err(why.clone()));
    assert_eq!(peers.commit(&member, handed(7, 1, b"")).await, Err(why));
}

#[tokio::test]
async fn another_node_at_the_address_does_not_speak_for_the_one_that_was_asked() {
    let node = Node::start("b", 3).await;
    for who in [incarnation("b", 2), incarnation("c", 3)] {
        let answer = caller(&incarnation("a", 5))
            .confirm(&member(who, &node.address))
            .await;
        assert!(matches!(answer, Err(PeerError::Refused(_))), "{answer:?}");
    }
}

#[tokio::test]
async fn silence_ends_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = member(incarnation("b", 3), &listener.local_addr().unwrap().to_string());
    let peers = caller(&incarnation("a", 5));
    let begun = Instant::now();
    let (confirm, recall) = tokio::join!(peers.confirm(&silent), peers.recall(&silent, &[], 1));
    assert_eq!(recall, Ok(Vec::new()), "there is nothing to ask");
    assert_eq!(confirm, Err(PeerError::Timeout));
    assert_eq!(
        peers.recall(&silent, &[target(1)], 1).await.unwrap_err(),
        PeerError::Timeout
    );
    assert!((Duration::from_secs(1)..Duration::from_secs(3)).contains(&begun.elapsed()));

    drop(listener);
    for address in [
        silent.said.grpc_address.as_str(),
        "no address",
        "",
        "127.0.0.1:0",
        "x@127.0.0.1:1",
    ] {
        let answer = peers.confirm(&member(incarnation("b", 3), address)).await;
        assert!(
            matches!(answer, Err(PeerError::Unreachable(_))),
            "{address}: {answer:?}"
        );
    }
}
