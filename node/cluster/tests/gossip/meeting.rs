//! Nodes meet, part, and hear each other.

use std::sync::Arc;
use std::time::Duration;

use ringwatch_cluster::gossip::{Gossip, GossipError, start_gossip};
use ringwatch_cluster::member::{Said, Stage, TargetKey};
use tokio::time::Instant;

use crate::net::{Node, life, parts, said, three, wait_for};

#[tokio::test]
async fn three_nodes_meet_within_a_second() {
    let begin = Instant::now();
    let [a, b, c] = three().await;
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    for node in [&a, &b, &c] {
        let sees = node.sees();
        assert!(sees.contacted && sees.ended.is_none());
        assert!(node.pulse.sure());
    }
    assert_eq!(a.sighting("b").unwrap().gossip_address, b.address());
    assert_eq!(a.sighting("c").unwrap().said, Some(c.said.clone()));
    assert_eq!(a.sighting("c").unwrap().who, life("c", 1));
    assert_eq!(a.refused_in_all() + b.refused_in_all() + c.refused_in_all(), 0);
}

#[tokio::test]
async fn a_node_that_is_gone_is_seen_dead_within_a_second() {
    let [a, b, c] = three().await;
    // Something is learnt about its heartbeats first.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let begin = Instant::now();
    c.gossip.stop().await;
    assert!(
        begin.elapsed() < Duration::from_millis(300),
        "stopping took {:?}",
        begin.elapsed()
    );
    a.meets(&["b"]).await;
    b.meets(&["a"]).await;
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    let dead = a.sighting("c").unwrap();
    assert!(
        !dead.live && dead.said.is_some(),
        "what it said last is still known"
    );
}

#[tokio::test]
async fn words_are_everywhere_within_half_a_second() {
    let [a, b, c] = three().await;
    for round in 1..=5_u64 {
        let words = Said {
            view: round,
            stage: Stage::Draining,
            ..said("a")
        };
        let begin = Instant::now();
        // Of words that follow each other at once, the last ones count.
        a.gossip.say(Said {
            view: 1_000,
            ..said("a")
        });
        a.gossip.say(words.clone());
        for node in [&b, &c] {
            let heard = |node: &Node| node.sighting("a").and_then(|sighting| sighting.said);
            wait_for(
                || heard(node).as_ref() == Some(&words),
                || format!("{:?}", heard(node)),
            )
            .await;
        }
        assert!(
            begin.elapsed() < Duration::from_millis(500),
            "{:?}",
            begin.elapsed()
        );
    }
}

#[tokio::test]
async fn thousands_of_owned_targets_arrive_and_go() {
    let [a, b, c] = three().await;
    let most = |count: u64| {
        let owned = (0..count).map(|at| TargetKey(at * 0x0123_4567_89AB)).collect();
        Said { owned, ..said("a") }
    };
    for count in [2_500, 20_000, 3, 0] {
        let words = most(count);
        a.gossip.say(words.clone());
        for node in [&b, &c] {
            let heard = |node: &Node| node.sighting("a").and_then(|sighting| sighting.said);
            wait_for(
                || heard(node).as_ref() == Some(&words),
                || format!("{count} targets"),
            )
            .await;
        }
    }
    // One that comes later hears all of it too, though it does not fit into one datagram.
    let words = most(20_000);
    a.gossip.say(words.clone());
    let d = Node::start("d", &[b.seed()]).await;
    let heard = || d.sighting("a").and_then(|sighting| sighting.said);
    wait_for(
        || heard().as_ref() == Some(&words),
        || "20 000 targets".to_owned(),
    )
    .await;
}

#[tokio::test]
async fn words_too_long_for_the_others_leave_those_that_stand() {
    let [a, b, _c] = three().await;
    let long = "x".repeat(40_000);
    a.gossip.say(Said {
        grpc_address: long,
        ..said("a")
    });
    a.gossip.say(Said { view: 9, ..said("a") });
    let view = || {
        b.sighting("a")
            .and_then(|sighting| sighting.said)
            .map(|said| said.view)
    };
    wait_for(|| view() == Some(9), || format!("{:?}", view())).await;
    assert_eq!(
        b.sighting("a").unwrap().said.unwrap().grpc_address,
        said("a").grpc_address
    );
}

#[tokio::test]
async fn two_lives_of_one_node_are_both_seen() {
    let [a, b, c] = three().await;
    let again = Node::of(parts("c", 2, &[a.seed()])).await;
    let both = [life("c", 1), life("c", 2)];
    for node in [&a, &b] {
        node.until("both lives of c", |sees| {
            both.iter().all(|life| {
                sees.seen
                    .iter()
                    .any(|sighting| sighting.live && sighting.who == *life)
            })
        })
        .await;
    }
    // They see each other too, and never themselves.
    for (node, other) in [(&c, &both[1]), (&again, &both[0])] {
        node.until("the other life", |sees| {
            sees.seen.iter().any(|sighting| sighting.who == *other)
        })
        .await;
        assert_eq!(node.sees().seen.len(), 3);
    }
}

#[tokio::test]
async fn a_restarted_node_on_the_same_port_is_met_again_at_once() {
    let [a, b, c] = three().await;
    let listen = c.address();
    c.gossip.stop().await;
    let parts = ringwatch_cluster::gossip::GossipParts {
        listen,
        ..parts("c", 2, &[a.seed()])
    };
    let begin = Instant::now();
    let again = Node::of(parts).await;
    for node in [&a, &b] {
        let alive = |sees: &ringwatch_cluster::gossip::Sightings| {
            sees.seen
                .iter()
                .any(|sighting| sighting.live && sighting.who == life("c", 2))
        };
        node.until("the new life of c", alive).await;
    }
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    again.meets(&["a", "b"]).await;
}

#[tokio::test]
async fn a_handle_that_is_dropped_ends_the_gossip() {
    let [a, b, c] = three().await;
    let listen = c.address();
    drop(c);
    a.meets(&["b"]).await;
    b.meets(&["a"]).await;
    let free = || std::net::UdpSocket::bind(listen).is_ok();
    wait_for(free, || "the port is still taken".to_owned()).await;
}

#[tokio::test]
async fn what_cannot_start_says_what_to_do() {
    async fn fails(parts: ringwatch_cluster::gossip::GossipParts) -> GossipError {
        let started: Result<Gossip, _> = start_gossip(parts, said("a")).await;
        started.map(|gossip| gossip.address()).unwrap_err()
    }
    let any = "0.0.0.0:0".parse().unwrap();
    let unsaid = fails(ringwatch_cluster::gossip::GossipParts {
        listen: any,
        ..parts("a", 1, &[])
    })
    .await;
    assert!(
        unsaid.to_string().contains("cluster.gossip.advertise"),
        "{unsaid}"
    );
    let taken = Node::start("b", &[]).await;
    let parts_taken = ringwatch_cluster::gossip::GossipParts {
        listen: taken.address(),
        ..parts("a", 1, &[])
    };
    let busy = fails(parts_taken).await;
    assert!(busy.to_string().contains("cluster.gossip.listen"), "{busy}");
    let nameless = fails(parts("", 1, &[])).await;
    assert!(matches!(nameless, GossipError::NodeId(_)));
    let long = Said {
        version: "v".repeat(300),
        ..said("a")
    };
    let refused = start_gossip(parts("a", 1, &[]), long)
        .await
        .map(|gossip| gossip.address());
    assert!(matches!(refused, Err(GossipError::Words(_))));
}

#[tokio::test]
async fn a_name_can_be_advertised() {
    let listen = crate::proxy::free_port();
    let advertise = Some(format!("localhost:{}", listen.port()));
    let named = ringwatch_cluster::gossip::GossipParts {
        listen,
        advertise,
        ..parts("a", 1, &[])
    };
    let a = Node::of(named).await;
    assert_eq!(a.address(), listen);
    let seed = format!("localhost:{}", listen.port());
    let b = Node::start("b", &[seed]).await;
    b.meets(&["a"]).await;
    assert!(b.sees().seed_rank.is_none());
    assert_eq!(Arc::new(b.sees().seeds), Arc::new(1));
}
