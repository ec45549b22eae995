//! The cluster's part of the node: keys, gossip, calls between nodes.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use prometheus::Registry;
use ringwatch_cluster::gossip::{Gossip, GossipParts, Keyring, start_gossip};
use ringwatch_cluster::member::{Incarnation, PROTOCOL, Said, Stage};
use ringwatch_cluster::node::{ClusterParts, MovesCap, Prepared, prepare_cluster};
use ringwatch_cluster::numbering::{Announced, Numbering};
use ringwatch_cluster::peer::{Credentials, GrpcPeers, PeerMetrics, PeerService, peer_service};
use ringwatch_cluster::pulse::Pulse;
use ringwatch_cluster::ring::POINTS;
use ringwatch_cluster::roster::Timing;
use ringwatch_config::Endpoint;
use ringwatch_config::settings::{Cluster, Gossip as GossipSettings, Standby};
use ringwatch_frame::{Clock, TargetId};
use tokio::sync::watch;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the cluster needs of the rest of the node.
pub(super) struct Needs<'a> {
    /// Section `cluster`.
    pub(super) settings: &'a Cluster,
    /// This life of this node.
    pub(super) me: Incarnation,
    /// What proves who belongs to the cluster.
    pub(super) keys: Keyring,
    /// Where the gRPC port is reached.
    pub(super) grpc_address: String,
    /// The node's clock.
    pub(super) clock: &'a Clock,
    /// Where metrics are registered.
    pub(super) registry: &'a Registry,
    /// Says whether the node runs, or was paused.
    pub(super) pulse: &'a Arc<Pulse>,
    /// The targets, configured and added at run time.
    pub(super) targets: watch::Receiver<Arc<[TargetId]>>,
    /// The group, which numbers the views.
    pub(super) numbering: Arc<dyn Numbering>,
    /// What the group wants to be said by gossip.
    pub(super) announcement: watch::Receiver<Announced>,
}

/// The node of the cluster, not started yet, and what answers other nodes; nothing does in a cluster of one.
pub(super) async fn open_cluster(needs: Needs<'_>) -> anyhow::Result<(Prepared, Option<PeerService>)> {
    let settings = needs.settings;
    let name = &settings.name;
    let keys = needs.keys.clone();
    let pulse = Arc::clone(needs.pulse);
    let points = points(settings.weight);
    let first = Said {
        stage: Stage::Joining,
        grpc_address: needs.grpc_address.clone(),
        version: VERSION.into(),
        points,
        view: 0,
        targets: 0,
        owned: Arc::default(),
        excluded: Arc::default(),
        raft: needs.announcement.borrow().raft,
        dataset: needs.announcement.borrow().dataset,
        protocol: PROTOCOL,
    };
    let gossip = match &settings.gossip {
        Some(gossip) => Some(open_gossip(gossip, &needs, &keys, &pulse, first).await?),
        None => None,
    };
    let credentials: Arc<dyn Credentials> = Arc::new((keys, name.clone()));
    let metrics = PeerMetrics::register(needs.registry)?;
    let peers = GrpcPeers::new(&needs.me, name, Arc::clone(&credentials), metrics.clone());
    let among_others = gossip.is_some();
    let me = needs.me.clone();
    let prepared = prepare_cluster(ClusterParts {
        me: needs.me,
        cluster: name.clone(),
        version: VERSION.into(),
        grpc_address: needs.grpc_address,
        gossip_address: gossip.as_ref().map(Gossip::address),
        points,
        timing: Timing {
            hold_down: *settings.hold_down,
            ..Timing::default()
        },
        moves: MovesCap::default(),
        covers: !matches!(settings.standby, Standby::None),
        clock: needs.clock.clone(),
        registry: needs.registry.clone(),
        targets: needs.targets,
        gossip,
        peers: Arc::new(peers),
        numbering: needs.numbering,
        announcement: needs.announcement,
        pulse,
    })?;
    // Without a key file the token is made of the cluster's name alone: nobody else has business with a
    // cluster of one.
    let service = among_others.then(|| peer_service(prepared.answers(), me, name, credentials, metrics));
    Ok((prepared, service))
}

/// The cluster's keys.
pub(super) fn keys(settings: &Cluster) -> anyhow::Result<Keyring> {
    let Some(gossip) = &settings.gossip else {
        return Ok(Keyring::of_name(&settings.name));
    };
    match &gossip.key_file {
        Some(path) => Ok(Keyring::read(Path::new(path))?),
        None => {
            if !gossip.listen.is_loopback() {
                tracing::warn!(
                    listen = %gossip.listen,
                    "anyone who knows the cluster's name can join: give all nodes a `cluster.gossip.key_file`"
                );
            }
            Ok(Keyring::of_name(&settings.name))
        }
    }
}

async fn open_gossip(
    gossip: &GossipSettings,
    needs: &Needs<'_>,
    keys: &Keyring,
    pulse: &Arc<Pulse>,
    first: Said,
) -> anyhow::Result<Gossip> {
    let parts = GossipParts {
        me: needs.me.clone(),
        cluster: needs.settings.name.clone(),
        listen: resolve(&gossip.listen).await?,
        advertise: gossip.advertise.as_ref().map(ToString::to_string),
        seeds: gossip.seeds.iter().map(ToString::to_string).collect(),
        keys: keys.clone(),
        pulse: Arc::clone(pulse),
        registry: needs.registry.clone(),
    };
    Ok(start_gossip(parts, first).await?)
}

async fn resolve(listen: &Endpoint) -> anyhow::Result<SocketAddr> {
    let found = tokio::net::lookup_host((listen.host.as_str(), listen.port)).await;
    let address = found.ok().and_then(|mut all| all.next());
    address.with_context(|| {
        format!("`cluster.gossip.listen` names {listen}, which is no address of this machine")
    })
}

/// Points on the ring in proportion to the weight.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the weight is between 0.1 and 16"
)]
fn points(weight: f64) -> u32 {
    ((f64::from(POINTS) * weight).round() as u32).max(1)
}

#[cfg(test)]
mod tests {
    #[test]
    fn points_follow_the_weight() {
        assert_eq!([0.1, 1.0, 2.5, 16.0].map(super::points), [26, 256, 640, 4096]);
    }
}
