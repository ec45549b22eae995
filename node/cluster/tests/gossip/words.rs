//! What a member says that cannot be.

use std::net::SocketAddr;
use std::time::Duration;

use chitchat::transport::ChannelTransport;
use chitchat::{
    ChitchatConfig, ChitchatHandle, ChitchatId, FailureDetectorConfig, ProtocolVersion, spawn_chitchat,
};
use ringwatch_cluster::gossip::{GossipParts, start_gossip_on};
use ringwatch_cluster::member::Said;

use crate::net::{counted, parts, said};

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

async fn evil(transport: &ChannelTransport) -> ChitchatHandle {
    let interval = Duration::from_millis(100);
    let config = ChitchatConfig {
        chitchat_id: ChitchatId::new("evil", 1, at(2)),
        cluster_id: "test".to_owned(),
        gossip_interval: interval,
        listen_addr: at(2),
        seed_nodes: vec![at(1).to_string()],
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
    spawn_chitchat(config, vec![("stage".to_owned(), "ready".to_owned())], transport)
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn words_that_cannot_be_change_nothing() {
    let transport = ChannelTransport::default();
    let ours = GossipParts {
        listen: at(1),
        ..parts("a", 1, &[])
    };
    let registry = ours.registry.clone();
    let a = start_gossip_on(&transport, ours, said("a")).await.unwrap();
    let evil = evil(&transport).await;
    let mut sightings = a.sightings();
    let words = |sees: &ringwatch_cluster::gossip::Sightings| {
        let evil = sees
            .seen
            .iter()
            .find(|sighting| sighting.live && sighting.who.node.as_str() == "evil");
        evil.map(|evil| evil.said.clone())
    };
    sightings
        .wait_for(|sees| words(sees) == Some(None))
        .await
        .unwrap();

    // It repeats our own words, which are good ones.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let set = async |pairs: Vec<(String, String)>| {
        evil.with_chitchat(|chitchat| {
            for (key, value) in &pairs {
                chitchat.self_node_state().set(key, value);
            }
        })
        .await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    let ours = evil
        .with_chitchat(|chitchat| {
            let ours = chitchat
                .node_states()
                .values()
                .find(|state| &*state.chitchat_id().node_id == "a")
                .unwrap();
            ours.key_values()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect::<Vec<_>>()
        })
        .await;
    set(ours).await;
    assert_eq!(words(&sightings.borrow()), Some(Some(said("a"))));

    // Half of new words, then what cannot be: the last good ones stand, and it is counted.
    set(vec![("view".to_owned(), "5".to_owned())]).await;
    assert_eq!(words(&sightings.borrow()), Some(Some(said("a"))));
    let refused = || counted(&registry, "ringwatch_gossip_refused_total", Some("words"));
    assert_eq!(refused(), 0);
    set(vec![("owned".to_owned(), u64::MAX.to_string())]).await;
    assert_eq!(words(&sightings.borrow()), Some(Some(said("a"))));
    assert_eq!(refused(), 1, "once, not at every beat");
    let ended = sightings.borrow().ended.clone();
    assert_eq!(ended, None);

    // We are heard as before.
    a.say(Said { view: 3, ..said("a") });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let view = evil
        .with_chitchat(|chitchat| {
            let ours = chitchat
                .node_states()
                .values()
                .find(|state| &*state.chitchat_id().node_id == "a")
                .unwrap();
            ours.get("view").map(str::to_owned)
        })
        .await;
    assert_eq!(view.as_deref(), Some("3"));
}
