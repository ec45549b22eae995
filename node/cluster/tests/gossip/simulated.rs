//! Many nodes on a network in memory, in simulated time.

use std::net::SocketAddr;
use std::time::Duration;

use chitchat::transport::ChannelTransport;
use ringwatch_cluster::gossip::{Gossip, GossipParts, start_gossip_on};
use tokio::time::Instant;

use crate::net::{parts, said};

fn at(port: usize) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap()))
}

async fn start(transport: &ChannelTransport, node: usize, generation: u64) -> Gossip {
    let name = format!("node-{node}");
    let seeds = [at(1).to_string(), at(2).to_string()];
    let parts = GossipParts {
        listen: at(node),
        ..parts(&name, generation, &seeds)
    };
    start_gossip_on(transport, parts, said(&name)).await.unwrap()
}

async fn start_all(transport: &ChannelTransport, count: usize) -> Vec<Gossip> {
    let mut nodes = Vec::new();
    for node in 1..=count {
        nodes.push(start(transport, node, 1).await);
    }
    for node in &nodes {
        live(node, count - 1).await;
    }
    nodes
}

/// Waits until `node` sees so many live others.
async fn live(node: &Gossip, count: usize) {
    let seen = |sees: &ringwatch_cluster::gossip::Sightings| {
        let live = sees
            .seen
            .iter()
            .filter(|sighting| sighting.live && sighting.said.is_some());
        live.count() == count
    };
    node.sightings().wait_for(|sees| seen(sees)).await.unwrap();
}

/// How long it takes all others to see one of `count` dead, over so many kills at random moments, sorted.
async fn detections(count: usize, kills: u64) -> Vec<Duration> {
    let transport = ChannelTransport::default();
    let mut nodes = start_all(&transport, count).await;
    let mut random = fastrand::Rng::with_seed(3);
    let mut took = Vec::new();
    for kill in 0..kills {
        tokio::time::sleep(Duration::from_millis(random.u64(5_000..6_000))).await;
        let begin = Instant::now();
        nodes.pop().unwrap().stop().await;
        for node in &nodes {
            live(node, count - 2).await;
        }
        took.push(begin.elapsed());
        nodes.push(start(&transport, count, kill + 2).await);
        for node in &nodes {
            live(node, count - 1).await;
        }
    }
    took.sort();
    took
}

#[tokio::test(start_paused = true)]
async fn a_dead_node_is_seen_within_a_second() {
    let took = detections(3, 20).await;
    assert!(*took.last().unwrap() <= Duration::from_secs(1), "{took:?}");
    assert!(*took.first().unwrap() >= Duration::from_millis(200), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn halves_that_were_apart_meet_again() {
    let transport = ChannelTransport::default();
    let nodes = start_all(&transport, 4).await;
    for (left, right) in [(1, 3), (1, 4), (2, 3), (2, 4)] {
        transport.remove_link(at(left), at(right)).await;
    }
    for node in &nodes {
        live(node, 1).await;
    }
    // Longer than the dead are remembered: nobody knows the other half any more.
    tokio::time::sleep(Duration::from_secs(700)).await;
    assert_eq!(nodes[3].sightings().borrow().seen.len(), 1);
    for (left, right) in [(1, 3), (1, 4), (2, 3), (2, 4)] {
        transport.add_link(at(left), at(right)).await;
    }
    let begin = Instant::now();
    for node in &nodes {
        live(node, 3).await;
    }
    assert!(
        begin.elapsed() <= Duration::from_secs(12),
        "{:?}",
        begin.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn heartbeats_alone_are_no_news() {
    let transport = ChannelTransport::default();
    let nodes = start_all(&transport, 3).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut sightings = nodes[0].sightings();
    sightings.mark_unchanged();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!sightings.has_changed().unwrap());
}

/// Prints what gossip costs and how fast it is: run it alone, with `--ignored --nocapture`.
#[tokio::test(start_paused = true)]
#[ignore = "measures; takes minutes"]
async fn what_gossip_costs() {
    for count in [3, 10, 50] {
        let transport = ChannelTransport::default();
        let nodes = start_all(&transport, count).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let before = transport.statistics();
        let seconds = 10;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let after = transport.statistics();
        let each = seconds * count as u64;
        println!(
            "{count} nodes: {} bytes and {} datagrams a second sent by each node",
            (after.num_bytes_total - before.num_bytes_total) / each,
            (after.num_messages_total - before.num_messages_total) / each,
        );
        drop(nodes);
    }
    for (count, kills) in [(3, 200), (10, 50)] {
        let took = detections(count, kills).await;
        let at = |share: f64| took[((took.len() - 1) as f64 * share).round() as usize];
        println!(
            "{count} nodes, {kills} kills: all others see it dead after p50 {:?}, p99 {:?}, max {:?}",
            at(0.5),
            at(0.99),
            at(1.0)
        );
    }
}
