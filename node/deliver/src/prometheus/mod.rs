//! Exporter `prometheus`: the last points of every stream, for a Prometheus server to fetch.

mod names;
mod series;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use ringwatch_catalogue::Projections;
use ringwatch_config::settings::PrometheusExporter;
use ringwatch_frame::{Batch, Clock};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::DeliverError;
use crate::admit::{Admission, projection};
use crate::queue::QueueState;
use crate::status::{Activity, CircuitState, ExporterStatus};
use series::Store;

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A started `prometheus` exporter.
#[derive(Debug)]
pub struct PrometheusHandle {
    outlet: PrometheusOutlet,
    address: SocketAddr,
    stopping: CancellationToken,
    server: JoinHandle<()>,
}

/// Where batches of metrics go in.
#[derive(Clone, Debug)]
pub struct PrometheusOutlet {
    store: Arc<Store>,
    admission: Arc<Admission>,
    activity: Arc<Activity>,
}

/// Starts the exporter `name`: from now on `/metrics` answers on its endpoint. `clock` says when a series expires.
///
/// # Errors
/// When the address is taken or may not be used.
pub async fn start_prometheus(
    name: &str,
    settings: &PrometheusExporter,
    projections: Arc<Projections>,
    clock: Clock,
) -> Result<PrometheusHandle, DeliverError> {
    let wrong = |source| DeliverError::Listen {
        exporter: name.to_owned(),
        address: settings.endpoint.to_string(),
        source,
    };
    let endpoint = (settings.endpoint.host.as_str(), settings.endpoint.port);
    let listener = TcpListener::bind(endpoint).await.map_err(wrong)?;
    let address = listener.local_addr().map_err(wrong)?;
    let store = Arc::new(Store::new(settings.clone(), clock));
    let pages = Arc::clone(&store);
    let page = move || {
        // A page of many series takes a while to write, which the async threads have no time for.
        let page = tokio::task::spawn_blocking({
            let pages = Arc::clone(&pages);
            move || pages.text()
        });
        async move {
            let page = page.await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
            Result::<_, StatusCode>::Ok(([(CONTENT_TYPE, TEXT_FORMAT)], page))
        }
    };
    let router = Router::new().route("/metrics", get(page));
    let stopping = CancellationToken::new();
    let stopped = stopping.clone().cancelled_owned();
    let exporter = name.to_owned();
    let server = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router)
            .with_graceful_shutdown(stopped)
            .await
        {
            tracing::error!(exporter, %error, "the server for /metrics ended");
        }
    });
    let outlet = PrometheusOutlet {
        store,
        admission: Arc::new(Admission::new(projections)),
        activity: Arc::default(),
    };
    Ok(PrometheusHandle {
        outlet,
        address,
        stopping,
        server,
    })
}

impl PrometheusHandle {
    /// Where the batches of a metrics pipeline go in.
    pub fn outlet(&self) -> PrometheusOutlet {
        self.outlet.clone()
    }

    /// Where it listens, which is of interest when the endpoint's port is 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How it stands. What it takes is written at once.
    pub fn status(&self) -> ExporterStatus {
        self.outlet
            .activity
            .status(QueueState::without_end(), CircuitState::Closed)
    }

    /// Stops listening; answers that are under way have until `deadline`.
    pub async fn stop(mut self, deadline: Instant) {
        self.stopping.cancel();
        if tokio::time::timeout_at(deadline, &mut self.server).await.is_err() {
            self.server.abort();
        }
    }
}

impl PrometheusOutlet {
    /// Takes a batch: its points are offered from now on, and its rows count as delivered.
    pub fn accept(&self, batch: Batch) {
        let batch = self.admission.admit(batch);
        for frame in batch.frames() {
            if let Some(projection) = projection(&self.admission.projections, frame) {
                self.store.take(frame, projection);
            }
        }
        batch.deliver();
        self.activity.attempted(true);
    }
}
