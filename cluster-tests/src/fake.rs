//! Servers that are no databases: one that never answers, one that hangs up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anyhow::Result;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What a fake server does with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Accepts, reads nothing and never answers, like a machine that hangs.
    Hang,
    /// Accepts and resets the connection.
    Reset,
}

/// A fake server on 127.0.0.1. It ends when dropped.
#[derive(Debug)]
pub struct Fake {
    address: SocketAddr,
    accepted: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Fake {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(manner: Manner) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", crate::ports::free_port()?)).await?;
        let address = listener.local_addr()?;
        let accepted = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(serve(listener, manner, Arc::clone(&accepted)));
        Ok(Self {
            address,
            accepted,
            task,
        })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections came.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, manner: Manner, accepted: Arc<AtomicU64>) {
    let mut held: Vec<TcpStream> = Vec::new();
    while let Ok((stream, _)) = listener.accept().await {
        accepted.fetch_add(1, Relaxed);
        match manner {
            Manner::Hang => held.push(stream),
            Manner::Reset => {
                let _ = stream.set_zero_linger();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::AsyncReadExt as _;

    #[tokio::test]
    async fn hangs_or_resets() {
        let hanging = Fake::start(Manner::Hang).await.unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", hanging.port())).await.unwrap();
        let read = tokio::time::timeout(Duration::from_millis(100), stream.read_u8()).await;
        assert!(read.is_err(), "an answer came: {read:?}");
        assert_eq!(hanging.accepted(), 1);

        let resetting = Fake::start(Manner::Reset).await.unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", resetting.port())).await.unwrap();
        assert!(stream.read_u8().await.is_err());
    }
}
