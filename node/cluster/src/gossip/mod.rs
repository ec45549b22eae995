//! Gossip: who is there, whether it lives, and what it says.
//!
//! chitchat carries heartbeats and small keys; it runs on a thread of its own, so that nothing else delays a
//! heartbeat. What it lacks is here: datagrams are sealed ([`seal`]), seeds are resolved again and again
//! ([`seeds`]), words that are not complete or cannot be true change nothing ([`words`]), and a failure of
//! the gossip is said, never silent ([`room`]).
//!
//! What is published is what chitchat knows; what to make of it is the roster's business.

mod address;
mod handle;
mod keyring;
mod meters;
mod room;
mod seal;
mod seeds;
mod sightings;
mod words;

use std::net::SocketAddr;
use std::sync::Arc;

use chitchat::transport::Transport;

use crate::member::{Incarnation, Said};
use crate::pulse::Pulse;

pub use handle::Gossip;
pub use keyring::{KeyError, Keyring};
pub use sightings::Sightings;

/// What the gossip is made of.
#[derive(Debug)]
pub struct GossipParts {
    /// The present life of this node.
    pub me: Incarnation,
    /// The cluster's name: gossip of any other is refused.
    pub cluster: String,
    /// Where to take gossip.
    pub listen: SocketAddr,
    /// Where others reach us, `host:port`; by default where we listen.
    pub advertise: Option<String>,
    /// Where other nodes may be found, each `host:port`.
    pub seeds: Vec<String>,
    /// The keys to seal with.
    pub keys: Keyring,
    /// Beats as long as the gossip runs.
    pub pulse: Arc<Pulse>,
    /// Takes the gossip's metrics.
    pub registry: prometheus::Registry,
}

/// Why the gossip cannot start.
#[derive(Debug, thiserror::Error)]
pub enum GossipError {
    /// Others cannot be told where we are.
    #[error("others cannot reach {listen}: set `cluster.gossip.advertise` to an address that they can")]
    NoAddress {
        /// Where it listens.
        listen: SocketAddr,
    },
    /// The address for the others is of no use.
    #[error("cannot tell others to gossip with `{advertise}`: {fault}; check `cluster.gossip.advertise`")]
    Advertise {
        /// What was configured.
        advertise: String,
        /// What is wrong with it.
        fault: String,
    },
    /// The port cannot be had.
    #[error("cannot take gossip on {listen}/udp: {fault}; check `cluster.gossip.listen`")]
    Bind {
        /// Which address.
        listen: SocketAddr,
        /// Why.
        fault: String,
    },
    /// The node's name is too long for others.
    #[error("the node id `{0}` is empty or longer than 256 bytes: change `cluster.node_id`")]
    NodeId(String),
    /// The first words cannot be said.
    #[error("cannot tell other nodes about this one: {0}")]
    Words(String),
    /// The system gives no thread or runtime.
    #[error("cannot start the gossip's thread")]
    Thread(#[source] std::io::Error),
    /// The metrics are registered already.
    #[error("cannot register the metrics of the gossip")]
    Metrics(#[from] prometheus::Error),
    /// Everything else.
    #[error("cannot start the gossip: {0}")]
    Start(String),
}

/// Starts the gossip of this node: sealed UDP, on a thread of its own.
///
/// # Errors
/// When the port or the thread cannot be had, or no address can be told to the others. A name in `advertise`
/// is tried for ten seconds; seeds that do not answer are no error.
pub async fn start_gossip(parts: GossipParts, first: Said) -> Result<Gossip, GossipError> {
    handle::start_thread(parts, first).await
}

/// Starts the gossip on `transport` and in the present runtime, not sealed: for simulations. `parts.listen`
/// must name a port.
///
/// # Errors
/// When the address is taken, or the words cannot be said.
pub async fn start_gossip_on(
    transport: &dyn Transport,
    parts: GossipParts,
    first: Said,
) -> Result<Gossip, GossipError> {
    handle::start_task(transport, parts, first).await
}
