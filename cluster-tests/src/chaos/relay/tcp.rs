//! A relay for streams: order stays, times change.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::{Fates, Sky};

/// The largest piece of a stream that goes on at once, in bytes.
const PIECE: usize = 16 * 1024;
/// As many pieces of a stream are on their way at most.
const ON_THE_WAY: usize = 64;

/// A relay before a port. It ends when dropped, with every connection.
#[derive(Debug)]
pub struct TcpRelay {
    address: SocketAddr,
    passed: Arc<AtomicU64>,
    task: AbortHandle,
}

impl TcpRelay {
    /// Starts a relay at `front` before `behind`.
    ///
    /// # Errors
    /// The address cannot be had.
    pub async fn start(front: SocketAddr, behind: SocketAddr, sky: Sky, seed: u64) -> Result<Self> {
        let listener = TcpListener::bind(front).await;
        let listener = listener.with_context(|| format!("relay streams at {front}"))?;
        let address = listener.local_addr()?;
        let passed = Arc::new(AtomicU64::new(0));
        let way = Way {
            behind,
            sky,
            passed: Arc::clone(&passed),
        };
        let task = tokio::spawn(accept(listener, way, seed)).abort_handle();
        Ok(Self {
            address,
            passed,
            task,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes that came here so far, either way.
    pub fn passed(&self) -> u64 {
        self.passed.load(Relaxed)
    }
}

impl Drop for TcpRelay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Where it leads, and what befalls it.
#[derive(Clone)]
struct Way {
    behind: SocketAddr,
    sky: Sky,
    passed: Arc<AtomicU64>,
}

async fn accept(listener: TcpListener, way: Way, seed: u64) {
    let mut connections = JoinSet::new();
    let mut number = seed;
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            number = number.wrapping_add(2);
            connections.spawn(connect(stream, way.clone(), number));
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Where nobody listens behind, the connection is closed at once.
async fn connect(stream: TcpStream, way: Way, seed: u64) {
    let Ok(other) = TcpStream::connect(way.behind).await else {
        return;
    };
    let _ = (stream.set_nodelay(true), other.set_nodelay(true));
    let ((from, to), (back, forth)) = (stream.into_split(), other.into_split());
    tokio::join!(
        pass(from, forth, way.clone(), seed),
        pass(back, to, way, seed.wrapping_add(1))
    );
}

/// Passes on what comes, each piece not before its time and not before the piece before it.
async fn pass(mut from: OwnedReadHalf, to: OwnedWriteHalf, way: Way, seed: u64) {
    let mut fates = Fates::new(seed);
    let (pieces, coming) = mpsc::channel(ON_THE_WAY);
    let writing = write(to, coming);
    let reading = async move {
        let mut buffer = vec![0; PIECE];
        while let Ok(length) = from.read(&mut buffer).await {
            way.passed.fetch_add(length as u64, Relaxed);
            let due = Instant::now() + fates.of_piece(&way.sky.now());
            if length == 0 || pieces.send((due, buffer[..length].to_vec())).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(reading, writing);
}

async fn write(mut to: OwnedWriteHalf, mut coming: mpsc::Receiver<(Instant, Vec<u8>)>) {
    while let Some((due, piece)) = coming.recv().await {
        if due > Instant::now() {
            sleep_until(due).await;
        }
        if to.write_all(&piece).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Weather;
    use super::*;

    #[tokio::test]
    async fn a_stream_arrives_whole_and_late() {
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let behind = TcpListener::bind(local).await.unwrap();
        let sky = Sky::new(Weather {
            delay: Duration::from_millis(60),
            loss: 0.0,
            ..Weather::STORM
        });
        let relay = TcpRelay::start(local, behind.local_addr().unwrap(), sky, 1)
            .await
            .unwrap();
        let begun = Instant::now();
        let mut asking = TcpStream::connect(relay.address()).await.unwrap();
        let text: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let (mut end, _) = behind.accept().await.unwrap();
        let (sent, mut got) = (text.clone(), Vec::new());
        let sending = async {
            asking.write_all(&sent).await.unwrap();
            asking.shutdown().await.unwrap();
        };
        let (read, ()) = tokio::join!(end.read_to_end(&mut got), sending);
        read.unwrap();
        assert!(got == text, "what came is not what was sent");
        assert!(begun.elapsed() >= Duration::from_millis(60));
    }
}
