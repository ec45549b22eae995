//! Calls that must not be answered.

use ringwatch_proto::v1;
use ringwatch_proto::v1::raft_transport_client::RaftTransportClient;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::flags::set;
use crate::nodes::{Node, Nodes};

async fn client(node: &Node) -> RaftTransportClient<Channel> {
    let client = RaftTransportClient::connect(format!("http://{}", node.address))
        .await
        .unwrap();
    client.max_encoding_message_size(64 * 1024 * 1024)
}

/// A call as another node of the cluster makes it.
fn call(node: &Node, change: impl FnOnce(&mut v1::RaftEnvelope)) -> v1::RaftRequest {
    let mut envelope = v1::RaftEnvelope {
        version: 1,
        cluster: "test".into(),
        group: node.handle.inspect().group,
        from_node: "stranger".into(),
        from_generation: 1,
        from_raft: 4711,
        to_raft: node.raft_id(),
        leads: true,
    };
    change(&mut envelope);
    v1::RaftRequest {
        envelope: Some(envelope),
        payload: vec![0; 8].into(),
    }
}

fn signed(message: v1::RaftRequest, cluster: &str, token: &str) -> Request<v1::RaftRequest> {
    let mut request = Request::new(message);
    let hex: String = cluster.bytes().map(|byte| format!("{byte:02x}")).collect();
    let metadata = request.metadata_mut();
    metadata.insert("ringwatch-cluster-hex", MetadataValue::try_from(hex).unwrap());
    metadata.insert("ringwatch-token", MetadataValue::try_from(token).unwrap());
    request
}

fn refused(answer: Result<tonic::Response<v1::RaftResponse>, Status>, code: Code, word: &str) {
    let status = answer.expect_err(word);
    assert_eq!(status.code(), code, "{status:?}");
    assert!(status.message().contains(word), "{word}: {}", status.message());
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_refused_and_change_nothing() {
    let nodes = Nodes::founded("a b c").await;
    let node = nodes.node("a");
    let mut client = client(node).await;
    let plain = || call(node, |_| {});
    refused(
        client.vote(Request::new(plain())).await,
        Code::Unauthenticated,
        "cluster.name",
    );
    refused(
        client.vote(signed(plain(), "other", "key")).await,
        Code::Unauthenticated,
        "cluster.name",
    );
    refused(
        client.vote(signed(plain(), "test", "wrong")).await,
        Code::Unauthenticated,
        "key",
    );
    type Change = fn(&mut v1::RaftEnvelope);
    let changes: [(&str, Change); 5] = [
        ("another group", |envelope| envelope.group += 1),
        ("another group", |envelope| envelope.group = 0),
        ("another store", |envelope| envelope.to_raft += 1),
        ("another cluster", |envelope| envelope.cluster = "other".into()),
        ("wire version 2", |envelope| envelope.version = 2),
    ];
    for (word, change) in changes {
        let request = || signed(call(node, change), "test", "key");
        refused(client.append(request()).await, Code::FailedPrecondition, word);
        refused(client.vote(request()).await, Code::FailedPrecondition, word);
        refused(client.snapshot(request()).await, Code::FailedPrecondition, word);
        refused(client.propose(request()).await, Code::FailedPrecondition, word);
        refused(client.campaign(request()).await, Code::FailedPrecondition, word);
    }
    let mut without = plain();
    without.envelope = None;
    refused(
        client.vote(signed(without, "test", "key")).await,
        Code::FailedPrecondition,
        "envelope",
    );
    nodes.healthy().await;
    set(node, "untouched", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_and_oversized_calls_are_refused() {
    let nodes = Nodes::founded("a b c").await;
    let node = nodes.node("b");
    let mut client = client(node).await;
    let mut random = fastrand::Rng::with_seed(7);
    for size in 0..200 {
        let mut request = call(node, |_| {});
        request.payload = std::iter::repeat_with(|| random.u8(..)).take(size).collect();
        for method in 0..5 {
            let request = signed(request.clone(), "test", "key");
            let answer = match method {
                0 => client.append(request).await,
                1 => client.snapshot(request).await,
                2 => client.promise(request).await,
                3 => client.propose(request).await,
                _ => client.campaign(request).await,
            };
            if let Err(status) = answer {
                assert!(
                    matches!(status.code(), Code::FailedPrecondition | Code::Unavailable),
                    "{status:?}"
                );
            }
        }
    }
    let mut large = call(node, |_| {});
    large.payload = vec![0; 5 * 1024 * 1024].into();
    let answer = client
        .append(signed(large, "test", "key"))
        .await
        .expect_err("too large");
    assert_eq!(answer.code(), Code::OutOfRange, "{answer:?}");
    nodes.healthy().await;
    set(node, "untouched", true).await;
    nodes.equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_that_is_too_large_is_refused_at_home() {
    let nodes = Nodes::founded("a b c").await;
    let node = nodes.node("c");
    let flags = |count: usize, bytes: usize| {
        let flag = |number: usize| crate::flags::flag(&format!("{number}{}", "x".repeat(bytes)), true);
        (0..count).map(flag).collect::<Vec<_>>()
    };
    for commands in [flags(10_000, 1), flags(2000, 1000)] {
        let refused = node.handle.propose(commands).await.unwrap_err().to_string();
        assert!(refused.contains("send fewer at a time"), "{refused}");
    }
    set(node, "small", true).await;
}
