//! What the node says of itself: the registry of its metrics, and where it answers about them and its health.

use std::sync::Arc;

use prometheus::Registry;
use ringwatch_cluster::pulse::Pulse;
use ringwatch_config::Settings;
use ringwatch_config::settings::{Extension, HealthCheck, MetricLevel, Processor};
use ringwatch_frame::{Books, Clock};
use tokio::time::Instant;

use crate::health::Health;
use crate::own_metrics::{self, Admin, BooksMetrics, ProcessMetrics, Served, start_metrics_server};

/// What the node has before it does anything.
pub(super) struct Own {
    pub(super) books: Arc<Books>,
    /// Says whether the node runs, or was paused.
    pub(super) pulse: Arc<Pulse>,
    /// Of the node's own metrics.
    pub(super) registry: Registry,
    pub(super) health: Health,
    pub(super) health_server: Served,
    pub(super) metrics_server: Option<Served>,
    pub(super) admin: Admin,
}

/// What every part is started with.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) settings: &'a Settings,
    pub(super) clock: &'a Clock,
    pub(super) books: &'a Arc<Books>,
    pub(super) registry: &'a Registry,
    pub(super) pulse: &'a Arc<Pulse>,
}

impl Own {
    /// What the parts are started with.
    pub(super) fn ground<'a>(&'a self, settings: &'a Settings, clock: &'a Clock) -> Ground<'a> {
        Ground {
            settings,
            clock,
            books: &self.books,
            registry: &self.registry,
            pulse: &self.pulse,
        }
    }
}

/// Begins to answer: the node is alive, and not ready.
pub(super) async fn start_own(settings: &Settings, clock: &Clock, started: Instant) -> anyhow::Result<Own> {
    let (books, registry) = (Arc::new(Books::default()), Registry::new());
    own_metrics::register(&registry, BooksMetrics::new(&books)?)?;
    let process = ProcessMetrics::new(started, clock, service_name(settings))?;
    own_metrics::register(&registry, process)?;
    let health = Health::new(clock, started, memory_limit_mib(settings));
    let endpoint = health_check(settings).endpoint;
    let health_server = Served::start(&endpoint, "extensions.health_check.endpoint", health.router()).await?;
    let admin = Admin::new(settings.admin.token.clone());
    let metrics_server = start_own_metrics(settings, &registry, &admin).await?;
    Ok(Own {
        books,
        pulse: Arc::default(),
        registry,
        health,
        health_server,
        metrics_server,
        admin,
    })
}

/// Offers the metrics, unless they are switched off.
async fn start_own_metrics(
    settings: &Settings,
    registry: &Registry,
    admin: &Admin,
) -> anyhow::Result<Option<Served>> {
    let metrics = &settings.service.telemetry.metrics;
    if metrics.level == MetricLevel::None {
        return Ok(None);
    }
    start_metrics_server(&metrics.address, registry.clone(), admin)
        .await
        .map(Some)
}

/// What the process calls itself in the metrics about it: as in its log.
fn service_name(settings: &Settings) -> &str {
    let fields = &settings.service.telemetry.logs.initial_fields;
    fields.get("service").map_or("ringwatch", String::as_str)
}

/// The health check that `service.extensions` names, or the default one: a node always says how it is.
fn health_check(settings: &Settings) -> HealthCheck {
    let named = settings.service.extensions.iter();
    let mut named = named.filter_map(|id| match settings.extensions.get(id) {
        Some(Extension::HealthCheck(check)) => Some(check.clone()),
        _ => None,
    });
    named.next().unwrap_or_default()
}

/// The limit of the first memory limiter.
fn memory_limit_mib(settings: &Settings) -> Option<u64> {
    settings
        .processors
        .values()
        .find_map(|processor| match processor {
            Processor::MemoryLimiter(limiter) => limiter.limit_mib,
            _ => None,
        })
}
