//! Garbage, as fast as ten thousand datagrams a second.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::net::{Node, anywhere, counted, three};

const A_SECOND: u64 = 10_000;

/// Sends `A_SECOND` datagrams a second to `to` for so long, on a thread of its own. Says how many it sent.
async fn flood(to: SocketAddr, long: Duration) -> u64 {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let flooding = tokio::task::spawn_blocking(move || {
        let socket = UdpSocket::bind(anywhere()).unwrap();
        let mut random = fastrand::Rng::with_seed(7);
        let mut garbage = [0; 1_400];
        let start = Instant::now();
        let mut sent = 0;
        while start.elapsed() < long && !stopped.load(Ordering::Relaxed) {
            let due = u64::try_from(start.elapsed().as_micros()).unwrap() * A_SECOND / 1_000_000;
            while sent < due {
                let length = random.usize(0..garbage.len());
                random.fill(&mut garbage[..length]);
                // Every other one looks as if it were sealed, so that keys must be tried.
                if sent % 2 == 0 {
                    garbage[0] = 1;
                }
                socket.send_to(&garbage[..length], to).unwrap();
                sent += 1;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        sent
    });
    let sent = flooding.await.unwrap();
    stop.store(true, Ordering::Relaxed);
    sent
}

fn received(node: &Node) -> u64 {
    counted(
        &node.registry,
        "ringwatch_gossip_datagrams_total",
        Some("received"),
    )
}

#[tokio::test]
async fn a_flood_of_garbage_changes_nothing() {
    let nodes = three().await;
    let before: Vec<_> = nodes.iter().map(Node::sees).collect();
    let mut changes: Vec<_> = nodes.iter().map(|node| node.gossip.sightings()).collect();
    for sightings in &mut changes {
        sightings.mark_unchanged();
    }
    let sent = flood(nodes[0].address(), Duration::from_secs(2)).await;
    assert!(sent >= A_SECOND, "only {sent} were sent");
    assert!(
        nodes[0].refused_in_all() >= sent / 2,
        "{} of {sent} refused",
        nodes[0].refused_in_all()
    );
    for (at, node) in nodes.iter().enumerate() {
        assert!(!changes[at].has_changed().unwrap(), "{:#?}", node.sees());
        assert_eq!(*node.sees(), *before[at]);
        assert_eq!(node.pulse.pauses(), 0);
    }
    let words = nodes[0].said.clone();
    nodes[0]
        .gossip
        .say(ringwatch_cluster::member::Said { view: 5, ..words });
    nodes[1]
        .until("words after the flood", |sees| {
            sees.seen
                .iter()
                .any(|s| s.said.as_ref().is_some_and(|said| said.view == 5))
        })
        .await;
}

/// Seconds of processor time of the busiest gossip thread.
fn busiest() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let spent = tasks.filter_map(|task| {
        let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
        let spent = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        let nanos: f64 = spent.split_whitespace().next()?.parse().ok()?;
        name.starts_with("ringwatch-gos").then_some(nanos / 1e9)
    });
    spent.fold(0.0, f64::max)
}

/// Run alone, in release: `cargo test --release -p ringwatch-cluster --test gossip -- --ignored --nocapture
/// flood`.
#[tokio::test]
#[ignore = "measures; run it alone"]
async fn what_a_flood_costs() {
    let nodes = three().await;
    let long = Duration::from_secs(10);
    let calm = busiest();
    tokio::time::sleep(long).await;
    let calm = busiest() - calm;
    let (before, spent) = (received(&nodes[0]), busiest());
    let sent = flood(nodes[0].address(), long).await;
    let spent = busiest() - spent;
    let share = |spent: f64| 100.0 * spent / long.as_secs_f64();
    println!(
        "calm {:.2} % of a core; {sent} sent in {long:?}, {} taken, {} refused: {:.1} % of a core",
        share(calm),
        received(&nodes[0]) - before,
        nodes[0].refused_in_all(),
        share(spent),
    );
}
