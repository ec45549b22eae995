//! An OTLP receiver that keeps the books and answers by a script.

mod ledger;
mod point;
mod repeats;
mod series;
mod service;
pub mod status;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::LogsServiceServer;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::MetricsServiceServer;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codec::CompressionEncoding;

use crate::ports;
pub use ledger::{Ledger, Memory, StatementSum};
pub use point::{Attributes, Kind, Point, PointOf, Record, SeriesId, Value};
pub use repeats::{Arrival, Repeats};
pub use series::{Gap, Series};
pub use service::{Answer, Given};
use service::{Service, Shared, lock};

/// As much as a request may hold, in bytes.
const MAX_REQUEST: usize = 64 * 1024 * 1024;

/// A receiver on 127.0.0.1. It ends when dropped.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
    // A runtime of its own: ending it closes every connection at once, as when a machine goes.
    running: Option<Runtime>,
}

impl Sink {
    /// Starts a receiver on a free port.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(memory: Memory) -> Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], ports::free_port()?)), memory).await
    }

    /// Starts a receiver at `address`.
    ///
    /// # Errors
    /// The address cannot be had.
    pub async fn start_at(address: SocketAddr, memory: Memory) -> Result<Self> {
        let shared = Shared {
            script: Mutex::default(),
            given: Mutex::default(),
            ledger: Mutex::new(Ledger::new(memory)),
        };
        let mut sink = Self {
            address,
            shared: Arc::new(shared),
            running: None,
        };
        sink.up().await?;
        Ok(sink)
    }

    /// `host:port`, as the exporter's endpoint.
    pub fn endpoint(&self) -> String {
        self.address.to_string()
    }

    /// What is answered from now on.
    pub fn script(&self, answer: Answer) {
        *lock(&self.shared.script) = answer;
    }

    /// How often each answer was given.
    pub fn given(&self) -> Given {
        *lock(&self.shared.given)
    }

    /// A look into the books.
    pub fn look<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        look(&lock(&self.shared.ledger))
    }

    /// Closes the listener and every connection.
    pub fn down(&mut self) {
        if let Some(runtime) = self.running.take() {
            runtime.shutdown_background();
        }
    }

    /// Listens again at the old address.
    ///
    /// # Errors
    /// The address cannot be had.
    pub async fn up(&mut self) -> Result<()> {
        self.down();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let service = Service(Arc::clone(&self.shared));
        let address = self.address;
        let listening = runtime.spawn(async move { bind(address).await });
        let listener = listening.await?.with_context(|| format!("listen at {address}"))?;
        runtime.spawn(serve(listener, service));
        self.running = Some(runtime);
        Ok(())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.down();
    }
}

async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let mut tries = 0;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            // The old listener may still be on its way out.
            Err(e) if tries >= 100 => return Err(e),
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
        tries += 1;
    }
}

async fn serve(listener: TcpListener, service: Service) {
    let metrics = MetricsServiceServer::new(service.clone())
        .max_decoding_message_size(MAX_REQUEST)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd);
    let logs = LogsServiceServer::new(service)
        .max_decoding_message_size(MAX_REQUEST)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd);
    let router = tonic::transport::Server::builder()
        .add_service(metrics)
        .add_service(logs);
    let _ = router.serve_with_incoming(TcpListenerStream::new(listener)).await;
}

#[cfg(test)]
mod tests;
