//! Nodes for tests, and waiting for what they see.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use ringwatch_cluster::gossip::{Gossip, GossipParts, Keyring, Sightings, start_gossip};
use ringwatch_cluster::member::{Incarnation, NodeId, Said, Sighting, Stage, TargetKey};
use ringwatch_cluster::pulse::Pulse;
use tokio::time::Instant;

/// Nothing that is waited for takes longer; how fast it is, tests say themselves.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running node.
pub(crate) struct Node {
    pub(crate) gossip: Gossip,
    pub(crate) registry: Registry,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) said: Said,
}

pub(crate) fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub(crate) fn life(node: &str, generation: u64) -> Incarnation {
    Incarnation {
        node: NodeId::new(node),
        generation,
    }
}

/// Words that say the name of the node, so that tests see whose they are.
pub(crate) fn said(node: &str) -> Said {
    Said {
        stage: Stage::Ready,
        grpc_address: format!("{node}:7947"),
        version: "0.1.0".to_owned(),
        points: 256,
        view: 0,
        targets: 1,
        owned: [TargetKey(1)].into(),
        excluded: [].into(),
        raft: None,
        dataset: (0, 0),
        protocol: ringwatch_cluster::member::PROTOCOL,
    }
}

/// The parts of a node that knows these seeds.
pub(crate) fn parts(node: &str, generation: u64, seeds: &[String]) -> GossipParts {
    GossipParts {
        me: life(node, generation),
        cluster: "test".to_owned(),
        listen: anywhere(),
        advertise: None,
        seeds: seeds.to_vec(),
        keys: Keyring::of_name("test"),
        pulse: Arc::default(),
        registry: Registry::new(),
    }
}

impl Node {
    /// Starts a node of the test cluster.
    pub(crate) async fn start(node: &str, seeds: &[String]) -> Self {
        Self::of(parts(node, 1, seeds)).await
    }

    /// Starts a node of these parts.
    pub(crate) async fn of(parts: GossipParts) -> Self {
        let (registry, pulse) = (parts.registry.clone(), Arc::clone(&parts.pulse));
        let said = said(parts.me.node.as_str());
        let gossip = start_gossip(parts, said.clone()).await.unwrap();
        Self {
            gossip,
            registry,
            pulse,
            said,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.gossip.address()
    }

    pub(crate) fn seed(&self) -> String {
        self.address().to_string()
    }

    pub(crate) fn sees(&self) -> Arc<Sightings> {
        Arc::clone(&self.gossip.sightings().borrow())
    }

    pub(crate) fn sighting(&self, node: &str) -> Option<Sighting> {
        let sightings = self.sees();
        sightings
            .seen
            .iter()
            .find(|sighting| sighting.who.node.as_str() == node)
            .cloned()
    }

    /// Waits until this node sees what `seen` wants, and says how long it took.
    pub(crate) async fn until(&self, what: &str, seen: impl Fn(&Sightings) -> bool) -> Duration {
        let begin = Instant::now();
        let mut sightings = self.gossip.sightings();
        let found = tokio::time::timeout(PATIENCE, sightings.wait_for(|sightings| seen(sightings))).await;
        match found {
            Ok(seen) => assert!(seen.is_ok(), "the gossip has ended before {what}"),
            Err(_) => panic!("not within {PATIENCE:?}: {what}; but {:#?}", self.sees()),
        }
        begin.elapsed()
    }

    /// Waits until it sees exactly these live others, and what they say.
    pub(crate) async fn meets(&self, others: &[&str]) -> Duration {
        let seen = |sightings: &Sightings| {
            let live = sightings
                .seen
                .iter()
                .filter(|sighting| sighting.live && sighting.said.is_some());
            live.map(|sighting| sighting.who.node.as_str())
                .eq(others.iter().copied())
        };
        self.until(&format!("sees {others:?}"), seen).await
    }

    /// How much was refused for `reason`.
    pub(crate) fn refused(&self, reason: &str) -> u64 {
        counted(&self.registry, "ringwatch_gossip_refused_total", Some(reason))
    }

    /// How much was refused for any reason.
    pub(crate) fn refused_in_all(&self) -> u64 {
        counted(&self.registry, "ringwatch_gossip_refused_total", None)
    }

    /// Waits until so much was refused for `reason`.
    pub(crate) async fn refuses(&self, reason: &str, at_least: u64) {
        wait_for(
            || self.refused(reason) >= at_least,
            || format!("{at_least} refused for {reason}, not {}", self.refused(reason)),
        )
        .await;
    }
}

/// Waits for a state that nobody publishes.
pub(crate) async fn wait_for(reached: impl Fn() -> bool, what: impl Fn() -> String) {
    let deadline = Instant::now() + PATIENCE;
    while !reached() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {}", what());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The sum of a counter, over all labels or for one value of its label.
pub(crate) fn counted(registry: &Registry, name: &str, label: Option<&str>) -> u64 {
    let families = registry.gather();
    let metrics = families
        .iter()
        .filter(|family| family.name() == name)
        .flat_map(|f| f.get_metric());
    let wanted = metrics.filter(|metric| {
        label.is_none_or(|label| metric.get_label().iter().any(|pair| pair.value() == label))
    });
    wanted.map(|metric| metric.get_counter().get_value() as u64).sum()
}

/// Three nodes that have met.
pub(crate) async fn three() -> [Node; 3] {
    let a = Node::start("a", &[]).await;
    let b = Node::start("b", &[a.seed()]).await;
    let c = Node::start("c", &[a.seed()]).await;
    a.meets(&["b", "c"]).await;
    b.meets(&["a", "c"]).await;
    c.meets(&["a", "b"]).await;
    [a, b, c]
}
