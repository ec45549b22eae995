//! A relay for datagrams.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

use super::{Fates, Sky};

/// More than any datagram.
const LARGEST: usize = 65_536;
/// As many datagrams are on their way at most; more are lost.
const ON_THE_WAY: usize = 20_000;
/// As many senders are known at most; those of further ones are lost.
const SENDERS: usize = 1_000;

/// A relay before a node's gossip port. Answers go back the way their questions came. It ends when dropped.
#[derive(Debug)]
pub struct UdpRelay {
    address: SocketAddr,
    way: Arc<Way>,
    task: AbortHandle,
}

impl UdpRelay {
    /// Starts a relay at `front` before `behind`.
    ///
    /// # Errors
    /// The address cannot be had.
    pub async fn start(front: SocketAddr, behind: SocketAddr, sky: Sky, seed: u64) -> Result<Self> {
        let socket = UdpSocket::bind(front).await;
        let socket = socket.with_context(|| format!("relay datagrams at {front}"))?;
        let address = socket.local_addr()?;
        let way = Arc::new(Way {
            sky,
            fates: Mutex::new(Fates::new(seed)),
            room: Arc::new(Semaphore::new(ON_THE_WAY)),
            passed: AtomicU64::new(0),
        });
        let task = tokio::spawn(forward(Arc::new(socket), behind, Arc::clone(&way))).abort_handle();
        Ok(Self { address, way, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes that came here so far, either way.
    pub fn passed(&self) -> u64 {
        self.way.passed.load(Relaxed)
    }
}

impl Drop for UdpRelay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What befalls datagrams here, either way.
#[derive(Debug)]
struct Way {
    sky: Sky,
    fates: Mutex<Fates>,
    room: Arc<Semaphore>,
    passed: AtomicU64,
}

impl Way {
    fn times(&self) -> Vec<Duration> {
        let weather = self.sky.now();
        let mut fates = self.fates.lock().unwrap_or_else(PoisonError::into_inner);
        fates.of_datagram(&weather)
    }

    /// Sends a datagram when its time has come. An error of one, such as a node that is gone, is none of the next.
    fn send(&self, on_the_way: &mut JoinSet<()>, from: &Arc<UdpSocket>, to: SocketAddr, datagram: &[u8]) {
        while on_the_way.try_join_next().is_some() {}
        self.passed.fetch_add(datagram.len() as u64, Relaxed);
        for time in self.times() {
            let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else {
                return;
            };
            let (from, datagram) = (Arc::clone(from), datagram.to_vec());
            on_the_way.spawn(async move {
                if !time.is_zero() {
                    sleep(time).await;
                }
                let _ = from.send_to(&datagram, to).await;
                drop(place);
            });
        }
    }
}

async fn forward(front: Arc<UdpSocket>, behind: SocketAddr, way: Arc<Way>) {
    let mut sockets: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let (mut answers, mut on_the_way) = (JoinSet::new(), JoinSet::new());
    let mut buffer = vec![0; LARGEST];
    loop {
        let Ok((length, from)) = front.recv_from(&mut buffer).await else {
            continue;
        };
        let socket = match sockets.get(&from) {
            Some(socket) => Arc::clone(socket),
            None if sockets.len() >= SENDERS => continue,
            None => {
                let own = front.local_addr().map(|own| SocketAddr::new(own.ip(), 0));
                let Ok(own) = own else { continue };
                let Ok(socket) = UdpSocket::bind(own).await else {
                    continue;
                };
                let socket = Arc::new(socket);
                sockets.insert(from, Arc::clone(&socket));
                answers.spawn(answer(
                    Arc::clone(&socket),
                    Arc::clone(&front),
                    from,
                    Arc::clone(&way),
                ));
                socket
            }
        };
        way.send(&mut on_the_way, &socket, behind, &buffer[..length]);
    }
}

async fn answer(socket: Arc<UdpSocket>, front: Arc<UdpSocket>, to: SocketAddr, way: Arc<Way>) {
    let mut on_the_way = JoinSet::new();
    let mut buffer = vec![0; LARGEST];
    loop {
        if let Ok((length, _)) = socket.recv_from(&mut buffer).await {
            way.send(&mut on_the_way, &front, to, &buffer[..length]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Weather;
    use super::*;

    fn local() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[tokio::test]
    async fn datagrams_and_answers_pass() {
        let behind = UdpSocket::bind(local()).await.unwrap();
        let sky = Sky::new(Weather::CLEAR);
        let relay = UdpRelay::start(local(), behind.local_addr().unwrap(), sky, 1)
            .await
            .unwrap();
        let asking = UdpSocket::bind(local()).await.unwrap();
        let mut buffer = [0; 16];
        asking.send_to(b"question", relay.address()).await.unwrap();
        let (length, from) = behind.recv_from(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"question");
        behind.send_to(b"answer", from).await.unwrap();
        let (length, from) = asking.recv_from(&mut buffer).await.unwrap();
        assert_eq!((&buffer[..length], from), (&b"answer"[..], relay.address()));
    }
}
