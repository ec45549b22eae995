//! A relay for datagrams: it stands before a node's gossip port, passes everything on and keeps what it saw.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

/// More than any datagram.
const LARGEST: usize = 65_536;

/// As many datagrams are kept.
const KEPT: usize = 10_000;

/// A relay on 127.0.0.1. Answers go back the way their questions came. It ends when dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
    _tasks: JoinSet<()>,
}

impl Relay {
    /// Starts a relay before `behind`.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(behind: SocketAddr) -> Result<Self> {
        let front = UdpSocket::bind(("127.0.0.1", crate::ports::free_port()?)).await?;
        let address = front.local_addr()?;
        let seen = Arc::new(Mutex::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(forward(Arc::new(front), behind, Arc::clone(&seen)));
        Ok(Self {
            address,
            seen,
            _tasks: tasks,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The datagrams that came for the node, oldest first.
    pub fn seen(&self) -> Vec<Vec<u8>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn forward(front: Arc<UdpSocket>, behind: SocketAddr, seen: Arc<Mutex<Vec<Vec<u8>>>>) {
    let mut ways: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut answers = JoinSet::new();
    let mut buffer = vec![0; LARGEST];
    // An error of one datagram, such as a node that is gone, is none of the next.
    loop {
        let Ok((length, from)) = front.recv_from(&mut buffer).await else {
            continue;
        };
        let datagram = &buffer[..length];
        {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.len() < KEPT {
                seen.push(datagram.to_vec());
            }
        }
        let way = match ways.get(&from) {
            Some(way) => Arc::clone(way),
            None => {
                let Ok(way) = UdpSocket::bind(("127.0.0.1", 0)).await else {
                    continue;
                };
                let way = Arc::new(way);
                ways.insert(from, Arc::clone(&way));
                answers.spawn(answer(Arc::clone(&way), Arc::clone(&front), from));
                way
            }
        };
        let _ = way.send_to(datagram, behind).await;
    }
}

async fn answer(way: Arc<UdpSocket>, front: Arc<UdpSocket>, to: SocketAddr) {
    let mut buffer = vec![0; LARGEST];
    loop {
        if let Ok((length, _)) = way.recv_from(&mut buffer).await {
            let _ = front.send_to(&buffer[..length], to).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn datagrams_pass_both_ways_and_are_kept() {
        let behind = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let relay = Relay::start(behind.local_addr().unwrap()).await.unwrap();
        let asking = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        asking.send_to(b"question", relay.address()).await.unwrap();
        let mut buffer = [0; 16];
        let (length, from) = behind.recv_from(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"question");
        behind.send_to(b"answer", from).await.unwrap();
        let (length, from) = asking.recv_from(&mut buffer).await.unwrap();
        assert_eq!((&buffer[..length], from), (&b"answer"[..], relay.address()));
        assert_eq!(relay.seen(), [b"question".to_vec()]);
    }
}
