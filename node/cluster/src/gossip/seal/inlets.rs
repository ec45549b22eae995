//! The way in: from what was believed to chitchat's own socket.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket as PlainSocket};

use tokio::time::Instant;

/// Any port of this host, for this host alone.
pub(super) const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The sockets through which peers speak to chitchat's own.
pub(super) struct Inlets {
    inner: SocketAddr,
    most: usize,
    by_peer: HashMap<SocketAddr, Inlet>,
    /// Whose inlet has this address.
    peers: HashMap<SocketAddr, SocketAddr>,
}

struct Inlet {
    socket: PlainSocket,
    address: SocketAddr,
    used: Instant,
}

impl Inlets {
    /// Inlets to the socket at `inner`, for so many peers at a time.
    pub(super) fn new(inner: SocketAddr, most: usize) -> Self {
        Self {
            inner,
            most,
            by_peer: HashMap::new(),
            peers: HashMap::new(),
        }
    }

    /// Whose inlet this is.
    pub(super) fn peer(&self, inlet: SocketAddr) -> Option<SocketAddr> {
        self.peers.get(&inlet).copied()
    }

    /// Hands a peer's message to chitchat. When its socket is full, or no socket is to be had, the message is
    /// lost.
    pub(super) fn hand_in(&mut self, now: Instant, from: SocketAddr, message: &[u8]) {
        if !self.by_peer.contains_key(&from) {
            self.make_room();
            let Ok(inlet) = Inlet::open(self.inner, now) else {
                return;
            };
            self.peers.insert(inlet.address, from);
            self.by_peer.insert(from, inlet);
        }
        if let Some(inlet) = self.by_peer.get_mut(&from) {
            inlet.used = now;
            let _ = inlet.socket.send(message);
        }
    }

    /// Takes a socket that is not ours for the inlet of `peer`.
    #[cfg(test)]
    pub(super) fn adopt(&mut self, inlet: SocketAddr, peer: SocketAddr) {
        self.peers.insert(inlet, peer);
    }

    fn make_room(&mut self) {
        if self.by_peer.len() < self.most {
            return;
        }
        let oldest = self.by_peer.iter().min_by_key(|(_, inlet)| inlet.used);
        let Some(oldest) = oldest.map(|(peer, _)| *peer) else {
            return;
        };
        if let Some(inlet) = self.by_peer.remove(&oldest) {
            self.peers.remove(&inlet.address);
        }
    }
}

impl Inlet {
    fn open(inner: SocketAddr, now: Instant) -> io::Result<Self> {
        let socket = connected(inner)?;
        Ok(Self {
            address: socket.local_addr()?,
            socket,
            used: now,
        })
    }
}

/// A socket on loopback that takes nothing but what comes from `inner`, and never waits.
pub(super) fn connected(inner: SocketAddr) -> io::Result<PlainSocket> {
    let socket = PlainSocket::bind(LOOPBACK)?;
    socket.connect(inner)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn peers_that_were_silent_for_longest_give_way() {
        let inner = PlainSocket::bind(LOOPBACK).unwrap();
        let mut inlets = Inlets::new(inner.local_addr().unwrap(), 8);
        let now = Instant::now();
        let peer = |at: u8| SocketAddr::from(([10, 0, 0, at], 7_946));
        inlets.hand_in(now + Duration::from_secs(10), peer(0), b"x");
        for at in 1..=8 {
            inlets.hand_in(now + Duration::from_millis(u64::from(at)), peer(at), b"x");
        }
        assert!(inlets.by_peer.contains_key(&peer(0)) && inlets.by_peer.contains_key(&peer(8)));
        assert!(!inlets.by_peer.contains_key(&peer(1)));
        assert_eq!((inlets.by_peer.len(), inlets.peers.len()), (8, 8));
    }
}
