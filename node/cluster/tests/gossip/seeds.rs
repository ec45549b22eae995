//! Seeds that are not there yet, that nobody knows, and that are ourselves.

use ringwatch_cluster::gossip::GossipParts;

use crate::net::{Node, parts};
use crate::proxy::free_port;

#[tokio::test]
async fn seeds_that_come_up_later_are_found() {
    let listen = free_port();
    let seeds = [listen.to_string(), format!("localhost:{}", free_port().port())];
    let b = Node::start("b", &seeds).await;
    let c = Node::start("c", &seeds).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    assert!(b.sees().seen.is_empty() && !b.sees().contacted);
    let a = Node::of(GossipParts {
        listen,
        ..parts("a", 1, &seeds)
    })
    .await;
    a.until("is a seed", |sees| sees.seed_rank == Some(0) && sees.seeds == 2)
        .await;
    let took = a.meets(&["b", "c"]).await;
    assert!(took < std::time::Duration::from_millis(1_500), "{took:?}");
    b.meets(&["a", "c"]).await;
    c.meets(&["a", "b"]).await;
    assert!(b.sees().seed_rank.is_none());
}

#[tokio::test]
async fn a_name_that_nobody_knows_keeps_nobody_away() {
    let a = Node::start("a", &["nowhere.invalid:7946".to_owned(), "no port".to_owned()]).await;
    assert!(a.sees().seed_rank.is_none());
    let b = Node::start("b", &["nowhere.invalid:7946".to_owned(), a.seed()]).await;
    b.meets(&["a"]).await;
    a.meets(&["b"]).await;
    assert_eq!(a.sees().seeds, 2);
}

#[tokio::test]
async fn the_only_seed_may_be_the_node_itself() {
    let listen = free_port();
    let alone = GossipParts {
        listen,
        ..parts("a", 1, &[listen.to_string()])
    };
    let a = Node::of(alone).await;
    a.until("is a seed", |sees| sees.seed_rank == Some(0)).await;
    assert_eq!(a.refused_in_all(), 0, "it does not talk to itself");
}
