//! Serving `/metrics`, and HTTP servers that stop when told.

use std::future::IntoFuture as _;

use anyhow::Context as _;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{Encoder as _, Registry, TextEncoder};
use ringwatch_config::Endpoint;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Admin;

/// An HTTP server that runs until it is stopped.
pub(crate) struct Served {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Served {
    /// Listens at `endpoint` and serves `router`. `setting` is named when the address cannot be had.
    pub(crate) async fn start(
        endpoint: &Endpoint,
        setting: &'static str,
        router: Router,
    ) -> anyhow::Result<Self> {
        let listener = listen(endpoint, setting).await?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let server = axum::serve(listener, router).with_graceful_shutdown(stopped.cancelled_owned());
        let task = tokio::spawn(async move {
            if let Err(error) = server.into_future().await {
                tracing::error!(%error, setting, "an HTTP server ended");
            }
        });
        Ok(Self { stop, task })
    }

    /// Takes no new request and waits shortly for those under way.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let abort = self.task.abort_handle();
        if tokio::time::timeout(std::time::Duration::from_millis(500), self.task)
            .await
            .is_err()
        {
            abort.abort();
        }
    }
}

/// A listener at `endpoint`; the error names the setting that chose the address.
pub(crate) async fn listen(endpoint: &Endpoint, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind((endpoint.host.as_str(), endpoint.port))
        .await
        .with_context(|| format!("cannot listen at {endpoint}; choose another address with `{setting}`"))
}

/// Starts the server of the node's own metrics, with what the admin may do.
pub(crate) async fn start_metrics_server(
    endpoint: &Endpoint,
    registry: Registry,
    admin: &Admin,
) -> anyhow::Result<Served> {
    let router = Router::new().route("/metrics", get(move || std::future::ready(metrics(&registry))));
    let router = router.merge(admin.router());
    Served::start(endpoint, "service.telemetry.metrics.address", router).await
}

fn metrics(registry: &Registry) -> Response {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    match encoder.encode(&registry.gather(), &mut text) {
        Ok(()) => ([(header::CONTENT_TYPE, encoder.format_type().to_owned())], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
