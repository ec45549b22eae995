//! Somebody between two nodes who sees, keeps and repeats every datagram.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use ringwatch_cluster::gossip::GossipParts;
use tokio::net::UdpSocket;
use tokio_util::task::AbortOnDropHandle;

use crate::net::anywhere;

/// Stands for two nodes, each towards the other.
pub(crate) struct Proxy {
    sides: [Arc<Side>; 2],
    _tasks: [AbortOnDropHandle<()>; 2],
}

/// Where the other one believes a node to be.
struct Side {
    socket: UdpSocket,
    node: SocketAddr,
    recorded: Mutex<Vec<Vec<u8>>>,
}

impl Proxy {
    /// Stands between two nodes that will listen at these addresses.
    pub(crate) async fn between(nodes: [SocketAddr; 2]) -> Self {
        let [first, second] = nodes.map(|node| async move {
            Arc::new(Side {
                socket: UdpSocket::bind(anywhere()).await.unwrap(),
                node,
                recorded: Mutex::default(),
            })
        });
        let sides = [first.await, second.await];
        let carry = |to: usize| {
            let (side, other) = (Arc::clone(&sides[to]), Arc::clone(&sides[1 - to]));
            AbortOnDropHandle::new(tokio::spawn(carry(side, other)))
        };
        Self {
            _tasks: [carry(0), carry(1)],
            sides,
        }
    }

    /// What the node at this place must tell others its address is.
    pub(crate) fn advertised(&self, at: usize) -> String {
        self.sides[at].socket.local_addr().unwrap().to_string()
    }

    /// Everything that was sent to the node at this place so far.
    pub(crate) fn recorded(&self, at: usize) -> Vec<Vec<u8>> {
        self.sides[at].recorded.lock().unwrap().clone()
    }

    /// Sends something to the node at this place, in the name of the other.
    pub(crate) async fn send(&self, at: usize, datagram: &[u8]) {
        let [to, from] = [&self.sides[at], &self.sides[1 - at]];
        from.socket.send_to(datagram, to.node).await.unwrap();
    }
}

/// Carries what is meant for the node of `side` to it, so that it seems to come from `other`.
async fn carry(side: Arc<Side>, other: Arc<Side>) {
    let mut datagram = vec![0; 1 << 16];
    while let Ok((length, _)) = side.socket.recv_from(&mut datagram).await {
        side.recorded.lock().unwrap().push(datagram[..length].to_vec());
        other
            .socket
            .send_to(&datagram[..length], side.node)
            .await
            .unwrap();
    }
}

/// A port of this host that was free a moment ago.
pub(crate) fn free_port() -> SocketAddr {
    std::net::UdpSocket::bind(anywhere())
        .unwrap()
        .local_addr()
        .unwrap()
}

/// The parts of a node that others reach through a proxy.
pub(crate) fn behind(parts: GossipParts, listen: SocketAddr, advertised: String) -> GossipParts {
    GossipParts {
        listen,
        advertise: Some(advertised),
        ..parts
    }
}
