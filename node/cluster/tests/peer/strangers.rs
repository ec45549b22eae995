//! Who does not belong to the cluster, and what is not well-formed.

use ringwatch_cluster::peer::{GrpcPeers, Handed, PeerError, PeerMetrics, Peers};
use ringwatch_proto::v1 as wire;
use ringwatch_proto::v1::peer_client::PeerClient;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request};

use crate::common::{CLUSTER, FIRST, Node, activity, caller, incarnation, keys, nobody, target};

const REFUSED: &str = "ringwatch_peer_refused_total";

#[tokio::test]
async fn strangers_are_turned_away_and_counted() {
    let node = Node::start("b", 3).await;
    let as_of = |cluster: &str, keys_of: &str| {
        let metrics = PeerMetrics::register(&prometheus::Registry::new()).unwrap();
        GrpcPeers::new(&incarnation("a", 5), cluster, keys(keys_of), metrics)
    };
    for (cluster, keys_of, reason) in [
        (CLUSTER, "another key", "token"),
        ("another cluster", CLUSTER, "cluster"),
        ("another cluster", "another cluster", "cluster"),
    ] {
        let before = node.count(REFUSED, reason);
        let peers = as_of(cluster, keys_of);
        let answer = peers.confirm(&node.member()).await;
        assert!(matches!(answer, Err(PeerError::Refused(_))), "{answer:?}");
        let handed = Handed {
            target: target(1),
            memory: Default::default(),
            companion: Vec::new(),
            moves: Vec::new(),
            handoff: 1,
            view: 1,
        };
        let commit = peers.commit(&node.member(), handed).await;
        assert!(matches!(commit, Err(PeerError::Refused(_))), "{commit:?}");
        let (changes, queue) = tokio::sync::mpsc::channel(1);
        let (says, _words) = tokio::sync::mpsc::channel(1);
        let end = peers.replicate(&node.member(), queue, says).await;
        assert!(matches!(end, PeerError::Refused(_)), "{end:?}");
        drop(changes);
        assert_eq!(node.count(REFUSED, reason) - before, 3.0, "{reason}");
    }
    assert!(node.desk.asked.lock().unwrap().is_empty(), "nothing came through");
    assert!(as_of(CLUSTER, CLUSTER).confirm(&node.member()).await.is_ok());
}

/// The headers of a well-behaved caller, seen by a server that only looks.
fn headers() -> MetadataMap {
    let mut map = MetadataMap::new();
    let encode = |name: &str| {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(name)
    };
    map.insert("ringwatch-cluster", encode(CLUSTER).parse().unwrap());
    map.insert("ringwatch-node", encode("a").parse().unwrap());
    map.insert("ringwatch-generation", "5".parse().unwrap());
    map.insert("ringwatch-token", keys(CLUSTER).token().parse().unwrap());
    map.insert("ringwatch-to", format!("{}.3", encode("b")).parse().unwrap());
    map
}

fn request<T>(message: T, headers: MetadataMap) -> Request<T> {
    let mut request = Request::new(message);
    *request.metadata_mut() = headers;
    request
}

#[tokio::test]
async fn a_call_must_say_who_makes_it() {
    let node = Node::start("b", 3).await;
    let mut client = PeerClient::connect(format!("http://{}", node.address))
        .await
        .unwrap();
    assert!(
        client
            .confirm(request(wire::ConfirmRequest {}, headers()))
            .await
            .is_ok()
    );
    let mut tried = 0.0;
    for key in [
        "ringwatch-cluster",
        "ringwatch-node",
        "ringwatch-generation",
        "ringwatch-token",
    ] {
        let long = "x".repeat(2000);
        for value in [
            None,
            Some(""),
            Some("%%%"),
            Some("-1"),
            Some("18446744073709551616"),
            Some(long.as_str()),
        ] {
            let mut headers = headers();
            headers.remove(key);
            if let Some(value) = value {
                headers.insert(key, value.parse().unwrap());
            }
            let status = client
                .confirm(request(wire::ConfirmRequest {}, headers))
                .await
                .unwrap_err();
            assert_eq!(status.code(), Code::Unauthenticated, "{key}: {value:?}");
            tried += 1.0;
        }
    }
    let refused = ["identity", "token", "cluster"].map(|reason| node.count(REFUSED, reason));
    assert_eq!(refused.iter().sum::<f64>(), tried);
    assert_eq!(node.desk.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_malformed_change_ends_its_stream_and_nothing_else() {
    let node = Node::start("b", 3).await;
    let mut client = PeerClient::connect(format!("http://{}", node.address))
        .await
        .unwrap();
    let snapshot = |target: &str| wire::ReplicateRequest {
        what: Some(wire::replicate_request::What::Snapshot(wire::TargetMemory {
            target_id: target.to_owned(),
            streams: Vec::new(),
        })),
        serial: 1,
        view: 0,
    };
    let changes = vec![
        snapshot("postgresql://db1:5432"),
        wire::ReplicateRequest::default(),
        snapshot("postgresql://db2:5432"),
    ];
    let answers = client.replicate(request(tokio_stream::iter(changes), headers()));
    let mut answers = answers.await.unwrap().into_inner();
    let status = loop {
        match answers.message().await {
            Ok(answer) => assert!(answer.is_some(), "it ends with a reason"),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert_eq!(node.count(REFUSED, "malformed"), 1.0);
    assert!(node.desk.memories.has_shadow(&target(1), &nobody));
    assert!(!node.desk.memories.has_shadow(&target(2), &nobody));
    let commit = wire::CommitRequest::default();
    let status = client.commit(request(commit, headers())).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let prepare = wire::PrepareRequest::default();
    let status = client.prepare(request(prepare, headers())).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let recall = wire::RecallRequest {
        target_ids: vec!["x".into(); 10_001],
        view: 0,
    };
    let status = client.recall(request(recall, headers())).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(node.desk.asked.lock().unwrap().is_empty());
    assert!(caller(&incarnation("a", 5)).confirm(&node.member()).await.is_ok());
}

#[tokio::test]
async fn a_node_of_an_older_version_hears_one_answer_at_the_end() {
    let node = Node::start("b", 3).await;
    let mut client = PeerClient::connect(format!("http://{}", node.address))
        .await
        .unwrap();
    let db = target(1).to_string();
    let snapshot = wire::ReplicateRequest {
        what: Some(wire::replicate_request::What::Snapshot(wire::TargetMemory {
            target_id: db.clone(),
            streams: Vec::new(),
        })),
        ..wire::ReplicateRequest::default()
    };
    let ended = wire::ReplicateRequest {
        what: Some(wire::replicate_request::What::Ended(wire::TickEnded {
            target_id: db,
            stream: Some(wire::StreamId {
                name: activity().name().to_owned(),
                database: String::new(),
            }),
            tick: FIRST,
            ..wire::TickEnded::default()
        })),
        ..wire::ReplicateRequest::default()
    };
    let changes = tokio_stream::iter(vec![snapshot, ended]);
    let answers = client.replicate(request(changes, headers())).await.unwrap();
    let mut answers = answers.into_inner();
    let only = answers.message().await.unwrap();
    assert_eq!(only, Some(wire::ReplicateResponse::default()));
    assert_eq!(answers.message().await.unwrap(), None);
    let last = node
        .desk
        .memories
        .shadow_lasts(&target(1))
        .get(&activity())
        .copied();
    assert_eq!(last.map(|tick| tick.unix_nanos()), Some(FIRST));
}

#[tokio::test]
async fn a_message_that_unpacks_to_more_than_the_limit_is_refused() {
    let node = Node::start("b", 3).await;
    let client = PeerClient::connect(format!("http://{}", node.address))
        .await
        .unwrap();
    let mut client = client.send_compressed(CompressionEncoding::Zstd);
    let commit = wire::CommitRequest {
        memory: Some(wire::TargetMemory {
            target_id: "x".repeat(40 * 1024 * 1024),
            streams: Vec::new(),
        }),
        ..wire::CommitRequest::default()
    };
    let status = client.commit(request(commit, headers())).await.unwrap_err();
    assert_ne!(
        status.code(),
        Code::InvalidArgument,
        "it was not even unpacked: {status:?}"
    );
    assert!(node.desk.asked.lock().unwrap().is_empty());
    assert!(caller(&incarnation("a", 5)).confirm(&node.member()).await.is_ok());
}
