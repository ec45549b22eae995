//! `ringwatch-sink`: an OTLP receiver that keeps the books and tells them over HTTP as JSON.
#![allow(
    clippy::print_stdout,
    reason = "a program says on its output where it listens"
)]

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use clap::Parser;
use ringwatch_cluster_tests::sink::status::Status;
use ringwatch_cluster_tests::sink::{Memory, Sink};
use tokio::net::TcpListener;

/// Receives OTLP over gRPC and keeps the books: points, records, what came twice, what was left out.
///
/// Example: ringwatch-sink --listen 127.0.0.1:4317 --http 127.0.0.1:4380, then ask for /.
#[derive(Parser)]
struct Arguments {
    /// Where to listen for OTLP over gRPC.
    #[arg(long, default_value = "127.0.0.1:4317")]
    listen: SocketAddr,
    /// Where to tell the books as JSON.
    #[arg(long, default_value = "127.0.0.1:4380")]
    http: SocketAddr,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let sink = Arc::new(Sink::start_at(arguments.listen, Memory::BOUNDED).await?);
    let listener = TcpListener::bind(arguments.http)
        .await
        .with_context(|| format!("listen at {}", arguments.http))?;
    println!(
        "OTLP at {}, books at http://{}/",
        sink.endpoint(),
        listener.local_addr()?
    );
    let router = Router::new().route("/", get(books)).with_state(sink);
    let stopped = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    axum::serve(listener, router)
        .with_graceful_shutdown(stopped)
        .await?;
    Ok(())
}

async fn books(State(sink): State<Arc<Sink>>) -> Json<Status> {
    Json(sink.look(|ledger| Status::of(ledger, 10)))
}
