//! chitchat's transport over sealed UDP.
//!
//! chitchat alone can write and read its messages, and only on a socket of its own. So that socket is on
//! loopback: what it sends goes to the `outlet`, is sealed and leaves by the outer socket; what came in and
//! was believed is handed to it through one `inlet` for each peer, by which the answer finds its way back.

use std::io;
use std::net::{SocketAddr, UdpSocket as PlainSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use chitchat::ChitchatEnvelope;
use chitchat::transport::{RecvOutcome, SendOutcome, Socket, Transport, UdpTransport};
use tokio::net::UdpSocket;
use tokio::time::Instant;

use super::cipher::Cipher;
use super::inlets::{Inlets, LOOPBACK, connected};
use super::talk::{MOST_PEERS, Talk};
use crate::gossip::meters::{Meters, Reason};

/// What the outer socket is asked to hold while this thread is busy, in bytes.
const RECEIVE_BUFFER: usize = 1024 * 1024;
/// No more datagrams than this are looked at before others on this thread have their turn.
const BATCH: usize = 256;
/// A message of chitchat's that has not come out of the outlet by then is lost.
const OUTLET_LIMIT: Duration = Duration::from_millis(50);

/// Opens one socket, which is bound already.
pub(in crate::gossip) struct SealedTransport {
    address: SocketAddr,
    socket: Mutex<Option<SealedSocket>>,
}

impl SealedTransport {
    /// Takes the port.
    pub(in crate::gossip) async fn bind(
        listen: SocketAddr,
        cipher: Cipher,
        meters: Arc<Meters>,
    ) -> anyhow::Result<Self> {
        let outer = UdpSocket::bind(listen).await?;
        // The system may give less.
        let _ = socket2::SockRef::from(&outer).set_recv_buffer_size(RECEIVE_BUFFER);
        // Only after this it is known that something can be sent without waiting.
        outer.writable().await?;
        let address = outer.local_addr()?;
        let inner = UdpTransport.open(LOOPBACK).await?;
        let outlet = connected(inner.local_addr()?)?;
        let socket = SealedSocket {
            address,
            outer,
            outlet_address: outlet.local_addr()?,
            outlet,
            inlets: Inlets::new(inner.local_addr()?, MOST_PEERS),
            inner,
            talk: Talk::new(cipher, Instant::now()).context("the system gives no randomness")?,
            meters,
            datagram: buffer(),
            message: buffer(),
        };
        Ok(Self {
            address,
            socket: Mutex::new(Some(socket)),
        })
    }

    /// Where it listens.
    pub(in crate::gossip) fn address(&self) -> SocketAddr {
        self.address
    }
}

#[async_trait]
impl Transport for SealedTransport {
    async fn open(&self, _: SocketAddr) -> anyhow::Result<Box<dyn Socket>> {
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(Box::new(socket.context("the gossip's socket is open already")?))
    }
}

struct SealedSocket {
    address: SocketAddr,
    outer: UdpSocket,
    /// chitchat's own.
    inner: Box<dyn Socket>,
    outlet: PlainSocket,
    outlet_address: SocketAddr,
    inlets: Inlets,
    talk: Talk,
    meters: Arc<Meters>,
    datagram: Box<[u8]>,
    message: Box<[u8]>,
}

#[async_trait]
impl Socket for SealedSocket {
    fn local_addr(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.address)
    }

    async fn send(&mut self, to: SocketAddr, envelope: ChitchatEnvelope) -> anyhow::Result<SendOutcome> {
        // Nothing may be left of a message that was given up.
        while self.outlet.recv(&mut self.message).is_ok() {}
        let outcome = self.inner.send(self.outlet_address, envelope).await?;
        if let Some(length) = self.take_out().await
            && let Some(message) = self.message.get(..length)
        {
            self.talk.say(Instant::now(), to, message);
            self.send_all();
        }
        Ok(outcome)
    }

    // It may be cancelled at any time: what was taken from a socket is either in the other one or refused.
    async fn recv(&mut self) -> anyhow::Result<RecvOutcome> {
        loop {
            tokio::select! {
                biased;
                received = self.inner.recv() => {
                    let received = received?;
                    if let Some(peer) = self.inlets.peer(received.from_addr) {
                        return Ok(RecvOutcome { from_addr: peer, ..received });
                    }
                    self.meters.refused(Reason::Relay, received.from_addr, None);
                }
                ready = self.outer.readable() => {
                    ready.context("the gossip's socket is broken")?;
                    self.take_in()?;
                    self.send_all();
                    // Under a flood there is always more: the pulse and chitchat come first.
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}

impl SealedSocket {
    /// Takes what has arrived, and hands on what is believed.
    fn take_in(&mut self) -> anyhow::Result<()> {
        let now = Instant::now();
        for _ in 0..BATCH {
            let (length, from) = match self.outer.try_recv_from(&mut self.datagram) {
                Ok(received) => received,
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => break,
                Err(fault) if is_passing(&fault) => continue,
                Err(fault) => return Err(fault).context("the gossip's socket is broken"),
            };
            self.meters.received.count(length);
            let from = plain_address(from);
            let Some(datagram) = self.datagram.get_mut(..length) else {
                continue;
            };
            match self.talk.hear(now, from, datagram) {
                Ok(Some(message)) => self.inlets.hand_in(now, from, message),
                Ok(None) => {}
                Err(reason) => self.meters.refused(reason, from, None),
            }
        }
        Ok(())
    }

    fn send_all(&mut self) {
        for (to, datagram) in self.talk.outgoing() {
            // A datagram that cannot be sent is like one that is lost on the way.
            if let Ok(length) = self.outer.try_send_to(&datagram, reachable(to, self.address)) {
                self.meters.sent.count(length);
            }
        }
    }

    /// Waits for what chitchat has just sent. On loopback it is there at once.
    async fn take_out(&mut self) -> Option<usize> {
        let deadline = Instant::now() + OUTLET_LIMIT;
        loop {
            match self.outlet.recv(&mut self.message) {
                Ok(length) => return Some(length),
                Err(fault) if fault.kind() != io::ErrorKind::WouldBlock && !is_passing(&fault) => {
                    return None;
                }
                Err(_) if Instant::now() >= deadline => return None,
                Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    }
}

fn buffer() -> Box<[u8]> {
    vec![0; 1 << 16].into_boxed_slice()
}

/// Faults that are about one datagram, not about the socket.
fn is_passing(fault: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        fault.kind(),
        Kind::OutOfMemory
            | Kind::Interrupted
            | Kind::ConnectionReset
            | Kind::ConnectionRefused
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
    )
}

/// A socket for both families shows IPv4 addresses as IPv6 ones: here they are what others know them by.
fn plain_address(from: SocketAddr) -> SocketAddr {
    match from {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(ip) => SocketAddr::from((ip, v6.port())),
            None => from,
        },
        SocketAddr::V4(_) => from,
    }
}

/// `to` as a socket that is bound to `bound` must be told.
fn reachable(to: SocketAddr, bound: SocketAddr) -> SocketAddr {
    match to {
        SocketAddr::V4(v4) if bound.is_ipv6() => SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port())),
        _ => to,
    }
}

#[cfg(test)]
mod tests;
