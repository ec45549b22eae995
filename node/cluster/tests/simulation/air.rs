//! What gossip travels through: datagrams as they are, in memory. Writing them as bytes is chitchat's own affair, and would
//! take most of the time of a run.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chitchat::ChitchatEnvelope;
use chitchat::transport::{RecvOutcome, SendOutcome, Socket};
use tokio::sync::mpsc::{self, Receiver, Sender};

/// So many datagrams wait for a node, as in a socket's buffer; more are lost.
const WAITING: usize = 100;

/// The air between all nodes.
#[derive(Clone, Default)]
pub(crate) struct Air(Arc<Mutex<Room>>);

#[derive(Default)]
struct Room {
    ears: HashMap<SocketAddr, Sender<RecvOutcome>>,
    /// Pairs that do not hear each other.
    cut: BTreeSet<(SocketAddr, SocketAddr)>,
}

impl Air {
    /// Listens at an address, which is free again when the socket is dropped.
    pub(crate) fn open(&self, at: SocketAddr) -> anyhow::Result<Box<dyn Socket>> {
        let (ear, heard) = mpsc::channel(WAITING);
        let mut room = self.0.lock().unwrap();
        let taken = room.ears.get(&at).is_some_and(|ear| !ear.is_closed());
        anyhow::ensure!(!taken, "{at} is in use");
        room.ears.insert(at, ear);
        let air = self.clone();
        Ok(Box::new(Mouth { air, at, heard }))
    }

    /// Two do not hear each other any more, or do again.
    pub(crate) fn cut(&self, a: SocketAddr, b: SocketAddr, cut: bool) {
        let mut room = self.0.lock().unwrap();
        for link in [(a, b), (b, a)] {
            if cut {
                room.cut.insert(link);
            } else {
                room.cut.remove(&link);
            }
        }
    }
}

struct Mouth {
    air: Air,
    at: SocketAddr,
    heard: Receiver<RecvOutcome>,
}

#[async_trait]
impl Socket for Mouth {
    fn local_addr(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.at)
    }

    async fn send(&mut self, to: SocketAddr, envelope: ChitchatEnvelope) -> anyhow::Result<SendOutcome> {
        let room = self.air.0.lock().unwrap();
        if !room.cut.contains(&(self.at, to))
            && let Some(ear) = room.ears.get(&to)
        {
            // Nobody knows of a datagram that is lost.
            let _ = ear.try_send(RecvOutcome {
                from_addr: self.at,
                envelope,
                num_bytes_received: 1,
            });
        }
        Ok(SendOutcome { num_bytes_sent: 1 })
    }

    async fn recv(&mut self) -> anyhow::Result<RecvOutcome> {
        let heard = self.heard.recv().await;
        heard.ok_or_else(|| anyhow::anyhow!("another one listens at {}", self.at))
    }
}
