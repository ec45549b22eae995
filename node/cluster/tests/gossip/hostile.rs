//! Those who do not belong: other keys, other clusters, no seal, and everything that was recorded.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chitchat::transport::UdpTransport;
use chitchat::{
    ChitchatConfig, ChitchatHandle, ChitchatId, FailureDetectorConfig, ProtocolVersion, spawn_chitchat,
};
use ringwatch_cluster::gossip::{GossipParts, Keyring};
use tokio::net::UdpSocket;

use crate::net::{Node, anywhere, parts, three, wait_for};
use crate::proxy::{Proxy, behind, free_port};

/// A hello and an answer are as long as this; whatever carries something of chitchat's is not.
const GREETING: usize = 1 + 24 + 41 + 32 + 16;

/// Remembers what nodes see, to see that it stays.
struct Calm<'a>(Vec<(&'a Node, std::sync::Arc<ringwatch_cluster::gossip::Sightings>)>);

impl<'a> Calm<'a> {
    fn of(nodes: impl IntoIterator<Item = &'a Node>) -> Self {
        Self(nodes.into_iter().map(|node| (node, node.sees())).collect())
    }

    /// For as long as it takes to see a dead node dead, nothing has changed.
    async fn lasts(self) {
        tokio::time::sleep(Duration::from_millis(600)).await;
        for (node, before) in self.0 {
            assert_eq!(*node.sees(), *before);
        }
    }
}

async fn plain_node(node: &str, advertised: SocketAddr, listen: SocketAddr) -> ChitchatHandle {
    let interval = Duration::from_millis(100);
    let config = ChitchatConfig {
        chitchat_id: ChitchatId::new(node, 9, advertised),
        cluster_id: "test".to_owned(),
        gossip_interval: interval,
        listen_addr: listen,
        seed_nodes: Vec::new(),
        failure_detector_config: FailureDetectorConfig::new(
            8.0,
            1_000,
            Duration::from_secs(1),
            interval,
            Duration::from_secs(600),
        ),
        marked_for_deletion_grace_period: Duration::from_secs(600),
        catchup_callback: None,
        extra_liveness_predicate: None,
        protocol_version: ProtocolVersion::V1,
    };
    let forged = vec![
        ("stage".to_owned(), "left".to_owned()),
        ("points".to_owned(), "1".to_owned()),
    ];
    spawn_chitchat(config, forged, &UdpTransport).await.unwrap()
}

#[tokio::test]
async fn another_key_or_another_cluster_stays_outside() {
    let [a, b, c] = three().await;
    let calm = Calm::of([&a, &b, &c]);
    let seeds = [a.seed(), b.seed(), c.seed()];
    let other_key = GossipParts {
        keys: Keyring::of_name("guess"),
        ..parts("x", 1, &seeds)
    };
    let other_name = GossipParts {
        cluster: "staging".to_owned(),
        ..parts("y", 1, &seeds)
    };
    let (x, y) = (Node::of(other_key).await, Node::of(other_name).await);
    for node in [&a, &b, &c] {
        node.refuses("key", 6).await;
        assert_eq!(node.refused_in_all(), node.refused("key"));
    }
    assert!(x.sees().seen.is_empty() && y.sees().seen.is_empty());
    assert!(!x.sees().contacted);
    calm.lasts().await;
}

#[tokio::test]
async fn messages_without_a_seal_are_refused_whatever_they_say() {
    // Two plain nodes, one of which claims to be `b`, say everything there is to say.
    let (p_at, q_at) = (free_port(), free_port());
    let proxy = Proxy::between([p_at, q_at]).await;
    let p = plain_node("b", proxy.advertised(0).parse().unwrap(), p_at).await;
    let q = plain_node("q", proxy.advertised(1).parse().unwrap(), q_at).await;
    p.gossip(proxy.advertised(1).parse().unwrap()).unwrap();
    let recorded = || [proxy.recorded(0), proxy.recorded(1)].concat();
    let kinds = |recorded: &[Vec<u8>]| [0, 1, 2].map(|kind| recorded.iter().any(|plain| plain[3] == kind));
    wait_for(
        || kinds(&recorded()) == [true; 3],
        || "syn, syn-ack and ack".to_owned(),
    )
    .await;
    let forged = recorded();
    p.shutdown().await.unwrap();
    q.shutdown().await.unwrap();

    let [a, b, c] = three().await;
    let calm = Calm::of([&a, &b, &c]);
    let attacker = UdpSocket::bind(anywhere()).await.unwrap();
    for node in [&a, &b, &c] {
        for plain in &forged {
            attacker.send_to(plain, node.address()).await.unwrap();
        }
    }
    for node in [&a, &b, &c] {
        let all = forged.len() as u64;
        wait_for(
            || node.refused_in_all() >= all,
            || format!("{} of {all}", node.refused_in_all()),
        )
        .await;
        assert_eq!(node.refused("version") + node.refused("short"), all);
    }
    calm.lasts().await;

    // Nor is a plain node answered that wants to join.
    let outsider = plain_node("z", anywhere(), free_port()).await;
    let before = a.refused_in_all();
    for _ in 0..5 {
        outsider.gossip(a.address()).unwrap();
    }
    wait_for(
        || a.refused_in_all() >= before + 5,
        || "5 more refused".to_owned(),
    )
    .await;
    let seen = outsider
        .with_chitchat(|chitchat| chitchat.node_states().len())
        .await;
    assert_eq!(seen, 1, "only itself");
}

#[tokio::test]
async fn a_recorded_datagram_passes_nowhere() {
    let (a_at, b_at) = (free_port(), free_port());
    let proxy = Proxy::between([a_at, b_at]).await;
    let a = Node::of(behind(parts("a", 1, &[]), a_at, proxy.advertised(0))).await;
    let seeds = [proxy.advertised(0)];
    let b = Node::of(behind(parts("b", 1, &seeds), b_at, proxy.advertised(1))).await;
    a.meets(&["b"]).await;
    b.meets(&["a"]).await;
    wait_for(|| proxy.recorded(0).len() >= 60, || "60 datagrams".to_owned()).await;
    let recorded = proxy.recorded(0);
    let carrying = recorded
        .iter()
        .filter(|datagram| datagram.len() != GREETING)
        .count() as u64;
    assert!(carrying >= 50);

    // To the same process, as if it came from b again.
    let calm = Calm::of([&a, &b]);
    assert_eq!(a.refused_in_all(), 0);
    for datagram in &recorded {
        proxy.send(0, datagram).await;
    }
    a.refuses("replay", carrying).await;
    calm.lasts().await;

    // To another node of the same cluster.
    let c = Node::start("c", &[]).await;
    let attacker = UdpSocket::bind(anywhere()).await.unwrap();
    for datagram in &recorded {
        attacker.send_to(datagram, c.address()).await.unwrap();
    }
    c.refuses("session", carrying).await;
    assert!(c.sees().seen.is_empty());

    // To the same node after a restart, when b is gone and cannot answer any question.
    b.gossip.stop().await;
    a.gossip.stop().await;
    let again = Node::of(behind(parts("a", 2, &[]), a_at, proxy.advertised(0))).await;
    for datagram in &recorded {
        proxy.send(0, datagram).await;
    }
    again.refuses("session", carrying).await;
    Calm::of([&again, &c]).lasts().await;
    assert!(again.sees().seen.is_empty() && !again.sees().contacted);
}

#[tokio::test]
async fn keys_are_rotated_in_steps() {
    let folder = tempfile::tempdir().unwrap();
    let ring = |keys: &[u8]| {
        let lines: Vec<_> = keys.iter().map(|key| STANDARD.encode([*key; 32])).collect();
        let path = folder.path().join("gossip.key");
        std::fs::write(&path, format!("# keys\n\n{}\n", lines.join("\n"))).unwrap();
        Keyring::read(&path).unwrap()
    };
    let node = async |name: &str, keys: &[u8], seeds: &[String]| {
        Node::of(GossipParts {
            keys: ring(keys),
            ..parts(name, 1, seeds)
        })
        .await
    };
    // Each step meets the one before and the one after it: that is what goes on while nodes are restarted one
    // by one.
    let steps: [&[u8]; 4] = [&[1], &[1, 2], &[2, 1], &[2]];
    for pair in steps.windows(2) {
        let a = node("a", pair[0], &[]).await;
        let b = node("b", pair[1], &[a.seed()]).await;
        a.meets(&["b"]).await;
        b.meets(&["a"]).await;
        assert_eq!(a.refused_in_all() + b.refused_in_all(), 0);
    }
    // Whoever skips a step is refused by those whom it cannot be understood by.
    for (former, latter) in [(steps[0], steps[2]), (steps[0], steps[3]), (steps[1], steps[3])] {
        let a = node("a", former, &[]).await;
        let b = node("b", latter, &[a.seed()]).await;
        wait_for(
            || a.refused("key") + b.refused("key") >= 3,
            || "3 refused".to_owned(),
        )
        .await;
        assert!(a.sees().seen.is_empty() && b.sees().seen.is_empty());
    }
}
