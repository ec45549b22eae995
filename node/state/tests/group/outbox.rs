//! Changes that are proposed later.

use std::time::Duration;

use ringwatch_proto::v1;
use v1::state_command::Kind;

use crate::flags::{flag, sees};
use crate::nodes::Nodes;

fn command(kind: Kind) -> v1::StateCommand {
    v1::StateCommand { kind: Some(kind) }
}

fn view(number: u64) -> v1::StateCommand {
    let view = v1::ViewRecord {
        number,
        members: vec![v1::ViewMember {
            node: "a".into(),
            generation: 1,
            points: 100,
            raft_id: 1,
        }],
        ..v1::ViewRecord::default()
    };
    command(Kind::ViewProposed(v1::ViewProposed { view: Some(view) }))
}

fn weight(target: &str) -> v1::StateCommand {
    let weight = v1::TargetWeight {
        target: target.into(),
        weight: 2.0,
        ..v1::TargetWeight::default()
    };
    command(Kind::Weights(v1::Weights {
        node: "a".into(),
        weights: vec![weight],
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_for_later_is_done_though_the_leader_dies_meanwhile() {
    let mut nodes = Nodes::founded("a b c").await;
    let (leader, other) = (nodes.leader().await, nodes.follower().await);
    nodes.kill(&leader).await;
    let node = nodes.node(&other);
    for number in 0..100 {
        node.handle.later(
            format!("key-{number}"),
            flag(&format!("later-{number}"), true),
            false,
        );
        node.handle
            .later("the same".into(), flag("the-same", number == 99), number == 99);
    }
    assert!(node.handle.flush(Duration::from_secs(15)).await);
    for node in nodes.running.values() {
        sees(node, "later-99", true).await;
        sees(node, "the-same", true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_under_an_older_view_goes_again_under_the_present_one() {
    let nodes = Nodes::founded("a b c").await;
    let node = nodes.node("a");
    let answers = node.handle.propose(vec![view(1)]).await.unwrap();
    assert_eq!(answers[0].outcome(), v1::StateOutcome::Done, "{answers:?}");
    node.handle.later("weight".into(), weight("db-1"), true);
    assert!(
        !node.handle.flush(Duration::from_secs(1)).await,
        "its view is not known"
    );
    node.handle.set_view_fence(1);
    assert!(node.handle.flush(Duration::from_secs(10)).await);
    let weights = node.handle.read(|machine| machine.weights().count());
    assert_eq!(weights, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_leader_takes_is_dropped_and_the_rest_is_done() {
    let nodes = Nodes::founded("a b c").await;
    let node = nodes.node("a");
    node.handle.later("good-1".into(), flag("good-1", true), false);
    node.handle
        .later("bad".into(), v1::StateCommand { kind: None }, false);
    node.handle.later("good-2".into(), flag("good-2", true), false);
    assert!(node.handle.flush(Duration::from_secs(10)).await);
    sees(node, "good-1", true).await;
    sees(node, "good-2", true).await;
    nodes.healthy().await;
}
