use ringwatch_proto::v1::cluster_client::ClusterClient;
use ringwatch_proto::v1::peer_client::PeerClient;
use ringwatch_proto::v1::{
    ConfirmRequest, ListMembersRequest, ListTargetsRequest, LocateTargetRequest, State, WatchMembersRequest,
};
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::cluster::launch;
use crate::node::{Node, free_ports, get};

#[test]
fn health_is_one_document_on_five_paths_and_asks_no_database() {
    let node = Node::start("}");
    for path in ["/", "/health", "/health/live", "/health/ready", "/ready"] {
        let (status, body) = get(node.health, path).unwrap();
        let document: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (status, &document["healthy"]),
            (200, &true.into()),
            "{path}: {body}"
        );
        // The only target is down, which the receiver says after a while.
        assert!(
            document["status"] == "healthy" || document["status"] == "degraded",
            "{body}"
        );
        for key in ["timestamp", "version", "uptime", "components", "resource_usage"] {
            assert!(!document[key].is_null(), "{path} lacks {key}: {body}");
        }
    }
    node.wait("the target to be seen down", || {
        get(node.health, "/")
            .is_some_and(|(status, body)| status == 200 && body.contains("\"targets_down\":1"))
    });
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn own_metrics_name_what_is_wrong_and_no_secret() {
    let node = Node::start("}");
    node.wait("a missed tick", || {
        get(node.metrics, "/metrics").is_some_and(|(_, text)| text.lines().any(|line| missed(line) > 0.0))
    });
    let (_, text) = get(node.metrics, "/metrics").unwrap();
    let names = [
        "ringwatch_rows_total{stage=\"collected\"} 0",
        "ringwatch_dropped_rows_total{reason=\"unaccounted\"} 0",
        "ringwatch_members{state=\"ready\"} 1",
        "ringwatch_owned_targets 1",
        "ringwatch_target_up{",
        "otelcol_process_memory_rss{service_name=\"ringwatch\"} ",
    ];
    for name in names {
        assert!(text.contains(name), "no {name} in {text}");
    }
    assert!(!text.contains("canary-secret") && !node.log().contains("canary-secret"));
    assert!(
        node.log().contains("cannot"),
        "the log says that the target is down: {}",
        node.log()
    );
}

fn missed(line: &str) -> f64 {
    let is = line.starts_with("ringwatch_ticks_total{") && line.contains("outcome=\"error\"");
    if is {
        line.rsplit(' ').next().unwrap().parse().unwrap()
    } else {
        0.0
    }
}

async fn channel(node: &Node) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{}", node.grpc)).unwrap();
    endpoint.connect().await.unwrap()
}

#[tokio::test]
async fn grpc_answers_health_members_and_targets() {
    let node = Node::start("}");
    let mut health = HealthClient::new(channel(&node).await);
    let answer = health
        .check(HealthCheckRequest {
            service: String::new(),
        })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.status(), ServingStatus::Serving);

    let mut cluster = ClusterClient::new(channel(&node).await);
    let members = cluster
        .list_members(ListMembersRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (members.cluster.as_str(), members.answered_by.as_str()),
        ("test", "n1")
    );
    assert_eq!(
        (members.members.len(), members.members[0].state()),
        (1, State::Ready)
    );
    assert_eq!(members.members[0].owned_targets, 1);
    let targets = cluster
        .list_targets(ListTargetsRequest {})
        .await
        .unwrap()
        .into_inner()
        .targets;
    assert_eq!(
        (targets[0].engine.as_str(), targets[0].owner.as_str()),
        ("postgresql", "n1")
    );
    assert_eq!(targets[0].labels["team"], "billing");
    let target_id = targets[0].target_id.clone();
    let found = cluster
        .locate_target(LocateTargetRequest { target_id })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(found.owner, "n1");
    let absent = LocateTargetRequest {
        target_id: "postgresql://nowhere:1".into(),
    };
    assert_eq!(
        cluster.locate_target(absent).await.unwrap_err().code(),
        Code::NotFound
    );
    let huge = LocateTargetRequest {
        target_id: "x".repeat(1 << 20),
    };
    assert_eq!(
        cluster.locate_target(huge).await.unwrap_err().code(),
        Code::OutOfRange,
        "refused before it is decoded"
    );
}

#[tokio::test]
async fn grpc_reflection_names_the_services() {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

    let node = Node::start("}");
    let mut client = ServerReflectionClient::new(channel(&node).await);
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = client
        .server_reflection_info(tokio_stream::iter([request]))
        .await
        .unwrap()
        .into_inner();
    let answer = answers
        .message()
        .await
        .unwrap()
        .unwrap()
        .message_response
        .unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else {
        panic!("{answer:?}")
    };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    for name in ["Cluster", "Breakers", "Sampler"] {
        assert!(
            names.contains(&&*format!("ringwatch.v1.{name}")),
            "no {name} in {names:?}"
        );
    }
    assert!(names.contains(&"grpc.health.v1.Health"), "{names:?}");
}

#[tokio::test]
async fn a_limited_number_of_clients_may_watch() {
    let node = Node::start("}");
    let mut watching = Vec::new();
    for _ in 0..3 {
        let mut client = ClusterClient::new(channel(&node).await);
        for _ in 0..100 {
            match client.watch_members(WatchMembersRequest {}).await {
                Ok(stream) => watching.push(stream.into_inner()),
                Err(refused) => assert_eq!(refused.code(), Code::ResourceExhausted),
            }
        }
    }
    assert_eq!(watching.len(), 256);
    let members = watching[255].message().await.unwrap().unwrap();
    assert_eq!(members.members.len(), 1, "the current set comes first");
    // Whoever goes gives back a place.
    watching.clear();
    let mut client = ClusterClient::new(channel(&node).await);
    while let Err(refused) = client.watch_members(WatchMembersRequest {}).await {
        assert_eq!(refused.code(), Code::ResourceExhausted);
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_cluster_of_one_answers_no_peers() {
    let node = Node::start("}");
    let mut peers = PeerClient::new(channel(&node).await);
    let refused = peers.confirm(ConfirmRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_node_that_waits_for_its_seeds_does_not_serve() {
    let [mine, dead] = free_ports();
    let node = launch("n1", mine, &[dead]);
    node.wait("the reason", || {
        get(node.health, "/health/ready")
            .is_some_and(|(status, body)| status == 503 && body.contains("waiting for seeds"))
    });
    let mut health = HealthClient::new(channel(&node).await);
    for service in [
        "",
        "ringwatch.v1.Cluster",
        "ringwatch.v1.Breakers",
        "ringwatch.v1.Sampler",
        "ringwatch.v1.Runtime",
        "ringwatch.v1.Backup",
    ] {
        let service = service.to_owned();
        let answer = health
            .check(HealthCheckRequest { service })
            .await
            .unwrap()
            .into_inner();
        assert_eq!(answer.status(), ServingStatus::NotServing);
    }
    assert_eq!(get(node.health, "/health/live").unwrap().0, 200);
}
