use chitchat::{ChitchatConfig, ChitchatId, FailureDetectorConfig, ProtocolVersion, spawn_chitchat};

use super::*;
use crate::gossip::Keyring;

const SOON: Duration = Duration::from_secs(10);

async fn socket(registry: &prometheus::Registry) -> SealedSocket {
    let cipher = Cipher::new(&Keyring::of_name("key"), "prod").unwrap();
    let meters = Arc::new(Meters::new(registry).unwrap());
    let transport = SealedTransport::bind(LOOPBACK, cipher, meters).await.unwrap();
    let socket = transport.socket.lock().unwrap().take().unwrap();
    assert!(transport.open(LOOPBACK).await.is_err(), "there is only one");
    socket
}

fn refused(registry: &prometheus::Registry) -> Vec<(String, u64)> {
    let families = registry.gather();
    let refused = families
        .iter()
        .filter(|family| family.name() == "ringwatch_gossip_refused_total");
    let all = refused.flat_map(|family| family.get_metric());
    let all = all.map(|metric| {
        let reason = metric.get_label()[0].value().to_owned();
        (reason, metric.get_counter().get_value() as u64)
    });
    all.filter(|(_, count)| *count > 0).collect()
}

/// A process of this host that speaks plain chitchat.
async fn neighbour() -> chitchat::ChitchatHandle {
    let interval = Duration::from_millis(100);
    let grace = Duration::from_secs(60);
    let at = PlainSocket::bind(LOOPBACK).unwrap().local_addr().unwrap();
    let config = ChitchatConfig {
        chitchat_id: ChitchatId::new("neighbour", 1, at),
        cluster_id: "prod".to_owned(),
        gossip_interval: interval,
        listen_addr: at,
        seed_nodes: Vec::new(),
        failure_detector_config: FailureDetectorConfig::new(8.0, 1_000, interval * 10, interval, grace),
        marked_for_deletion_grace_period: grace,
        catchup_callback: None,
        extra_liveness_predicate: None,
        protocol_version: ProtocolVersion::V1,
    };
    spawn_chitchat(config, Vec::new(), &UdpTransport).await.unwrap()
}

#[tokio::test]
async fn another_process_on_this_host_is_not_heard_on_the_inner_socket() {
    let registry = prometheus::Registry::new();
    let mut socket = socket(&registry).await;
    let neighbour = neighbour().await;
    neighbour.gossip(socket.inner.local_addr().unwrap()).unwrap();
    let heard = tokio::time::timeout(Duration::from_millis(500), socket.recv()).await;
    assert!(heard.is_err(), "{heard:?}");
    assert_eq!(refused(&registry), [("relay".to_owned(), 1)]);
}

#[tokio::test]
async fn a_message_goes_out_sealed_and_comes_in_from_its_peer() {
    let registries = [prometheus::Registry::new(), prometheus::Registry::new()];
    let (mut a, mut b) = (socket(&registries[0]).await, socket(&registries[1]).await);
    // Only chitchat can make a message: it comes by the way that a believed one would take.
    let neighbour = neighbour().await;
    a.inlets
        .adopt(neighbour.chitchat_id().gossip_advertise_addr, a.address);
    neighbour.gossip(a.inner.local_addr().unwrap()).unwrap();
    let message = tokio::time::timeout(SOON, a.recv()).await.unwrap().unwrap();

    a.send(b.address, message.envelope).await.unwrap();
    let (a_at, b_heard) = (a.address, async { b.recv().await.unwrap() });
    let heard = tokio::select! {
        heard = b_heard => heard,
        // It answers the questions of the other one.
        _ = a.recv() => unreachable!("nobody spoke to it"),
        () = tokio::time::sleep(SOON) => panic!("nothing came"),
    };
    assert_eq!(heard.from_addr, a_at);
    assert_eq!(heard.num_bytes_received, message.num_bytes_received);
    assert_eq!(refused(&registries[0]), []);
    assert_eq!(refused(&registries[1]), []);
}

#[test]
fn both_families_are_one_on_a_socket_for_both() {
    let (v4, v6): (SocketAddr, SocketAddr) = ("10.0.0.1:1".parse().unwrap(), "[fd00::1]:1".parse().unwrap());
    let mapped: SocketAddr = "[::ffff:10.0.0.1]:1".parse().unwrap();
    assert_eq!(
        [plain_address(mapped), plain_address(v4), plain_address(v6)],
        [v4, v4, v6]
    );
    assert_eq!(
        [reachable(v4, v6), reachable(v4, v4), reachable(v6, v6)],
        [mapped, v4, v6]
    );
}
