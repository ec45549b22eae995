//! Ways to nodes in other networks: their ports are the harness's own too, so that it asks them as any other node.

use std::net::SocketAddr;

use anyhow::Result;

use super::network;
use super::relay::{Sky, TcpRelay, UdpRelay, Weather};
use crate::cluster::Seat;

/// The ways of the harness to one node, which no fault touches.
#[derive(Debug)]
pub(super) struct Doors {
    _doors: Vec<TcpRelay>,
}

impl Doors {
    /// Opens those of the node in a seat.
    pub(super) async fn open(seat: &Seat) -> Result<Self> {
        let ports = seat.ports();
        let mut doors = Vec::new();
        for port in [ports.grpc, ports.health, ports.metrics] {
            let front = SocketAddr::from(([127, 0, 0, 1], port));
            let behind = SocketAddr::from((seat.place.address, port));
            doors.push(TcpRelay::start(front, behind, Sky::new(Weather::CLEAR), 0).await?);
        }
        Ok(Self { _doors: doors })
    }
}

/// The ways of the other nodes to one node, with weather.
#[derive(Debug)]
pub(super) struct Relays {
    gossip: UdpRelay,
    calls: TcpRelay,
}

impl Relays {
    /// Opens those of the node in seat `n`.
    pub(super) async fn open(n: usize, seat: &Seat, sky: &Sky, seed: u64) -> Result<Self> {
        let seed = seed.wrapping_add(1_000_003 * n as u64);
        let ports = seat.ports();
        let at = |port| {
            (
                SocketAddr::from((network::front(n), port)),
                SocketAddr::from((seat.place.address, port)),
            )
        };
        let (front, behind) = at(ports.gossip);
        let gossip = UdpRelay::start(front, behind, sky.clone(), seed).await?;
        let (front, behind) = at(ports.grpc);
        let calls = TcpRelay::start(front, behind, sky.clone(), seed).await?;
        Ok(Self { gossip, calls })
    }
}

impl Relays {
    /// Bytes that came here so far: of gossip and of calls.
    pub(super) fn passed(&self) -> (u64, u64) {
        (self.gossip.passed(), self.calls.passed())
    }
}
