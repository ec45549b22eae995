//! A network in memory whose sockets stand still or break at a word.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use chitchat::ChitchatEnvelope;
use chitchat::transport::{ChannelTransport, RecvOutcome, SendOutcome, Socket, Transport};
use ringwatch_cluster::gossip::{GossipParts, Sightings, start_gossip_on};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::net::{parts, said};

/// What a socket does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Work,
    Stand,
    Fail,
    Panic,
}

struct Frail(ChannelTransport, watch::Receiver<Does>);

struct FrailSocket(Box<dyn Socket>, watch::Receiver<Does>);

#[async_trait]
impl Transport for Frail {
    async fn open(&self, listen: SocketAddr) -> anyhow::Result<Box<dyn Socket>> {
        Ok(Box::new(FrailSocket(self.0.open(listen).await?, self.1.clone())))
    }
}

#[async_trait]
impl Socket for FrailSocket {
    fn local_addr(&self) -> anyhow::Result<SocketAddr> {
        self.0.local_addr()
    }

    async fn send(&mut self, to: SocketAddr, envelope: ChitchatEnvelope) -> anyhow::Result<SendOutcome> {
        let _ = self.1.wait_for(|does| *does != Does::Stand).await;
        self.0.send(to, envelope).await
    }

    async fn recv(&mut self) -> anyhow::Result<RecvOutcome> {
        loop {
            let does = *self.1.borrow_and_update();
            match does {
                Does::Work => {}
                Does::Stand => drop(self.1.changed().await),
                Does::Fail => anyhow::bail!("the socket is broken"),
                Does::Panic => panic!("the socket is mad"),
            }
            tokio::select! {
                received = self.0.recv() => return received,
                _ = self.1.changed() => {}
            }
        }
    }
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn of(node: &str, port: u16) -> GossipParts {
    GossipParts {
        listen: at(port),
        ..parts(node, 1, &[at(1).to_string()])
    }
}

fn lives(sees: &Sightings, node: &str) -> bool {
    sees.seen
        .iter()
        .any(|sighting| sighting.live && sighting.who.node.as_str() == node)
}

#[tokio::test(start_paused = true)]
async fn a_gossip_that_fails_says_so() {
    for (does, why) in [(Does::Fail, "the socket is broken"), (Does::Panic, "panicked")] {
        let network = ChannelTransport::default();
        let (tell, hear) = watch::channel(Does::Work);
        let frail = Frail(network.clone(), hear);
        let a = start_gossip_on(&frail, of("a", 1), said("a")).await.unwrap();
        let b = start_gossip_on(&network, of("b", 2), said("b")).await.unwrap();
        let mut sightings = a.sightings();
        sightings.wait_for(|sees| lives(sees, "b")).await.unwrap();
        tell.send_replace(does);
        let ended = sightings
            .wait_for(|sees| sees.ended.is_some())
            .await
            .unwrap()
            .ended
            .clone();
        assert!(ended.as_ref().unwrap().contains(why), "{ended:?}");
        b.sightings().wait_for(|sees| !lives(sees, "a")).await.unwrap();
        a.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_stood_still_is_live_again_at_once_and_stays_so() {
    let network = ChannelTransport::default();
    let (tell, hear) = watch::channel(Does::Work);
    let frail = Frail(network.clone(), hear);
    let a = start_gossip_on(&frail, of("a", 1), said("a")).await.unwrap();
    let others = [of("b", 2), of("c", 3)].map(|parts| start_gossip_on(&network, parts, said("other")));
    let others = futures::future::try_join_all(others).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    tell.send_replace(Does::Stand);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(
        others
            .iter()
            .all(|other| !lives(&other.sightings().borrow(), "a"))
    );
    tell.send_replace(Does::Work);
    let begin = Instant::now();
    for other in &others {
        other.sightings().wait_for(|sees| lives(sees, "a")).await.unwrap();
    }
    assert!(
        begin.elapsed() <= Duration::from_millis(500),
        "{:?}",
        begin.elapsed()
    );
    // It makes up for the rounds it missed all at once: the pace that others learn from that must not kill
    // it.
    for other in &others {
        let mut sightings = other.sightings();
        let gone = sightings.wait_for(|sees| !lives(sees, "a"));
        assert!(tokio::time::timeout(Duration::from_secs(10), gone).await.is_err());
    }
    drop(a);
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_the_process_is_published_once() {
    let network = ChannelTransport::default();
    let parts = of("a", 1);
    let pulse = std::sync::Arc::clone(&parts.pulse);
    let a = start_gossip_on(&network, parts, said("a")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut sightings = a.sightings();
    assert_eq!((sightings.borrow_and_update().paused, pulse.sure()), (None, true));
    tokio::time::advance(Duration::from_secs(5)).await;
    sightings.changed().await.unwrap();
    let paused = sightings.borrow_and_update().paused.unwrap();
    assert!((5_000..5_100).contains(&paused.as_millis()), "{paused:?}");
    assert_eq!((pulse.pauses(), pulse.sure()), (1, false));
    let again = tokio::time::timeout(Duration::from_secs(5), sightings.changed()).await;
    assert!(again.is_err(), "nothing else has changed");
}
