//! The parts of a node: one `start_<part>` each, in the order of their start. Stopping is the list in
//! reverse.

use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use ringwatch_catalogue::Catalogue;
use ringwatch_cluster::node::{ClusterNode, Collecting, NodeFailure};
use ringwatch_collect::{Collector, TargetsWatch, start_targets};
use ringwatch_config::Settings;
use ringwatch_config::settings::{Extension, HealthCheck, MetricLevel, Processor};
use ringwatch_frame::{Books, Clock};
use serde_json::json;
use tokio::time::Instant;

use super::cluster::{Needs, open_cluster};
use super::exporters::{Exporters, start_exporters};
use super::identity::identity;
use super::member::Membership;
use super::pipelines::{Pipelines, start_pipelines};
use super::reading::{Reading, start_reading};
use super::receivers::{Receivers, plan_receivers};
use super::router::Router;
use super::share::Share;
use crate::grpc::{GrpcParts, GrpcPort, GrpcServer, start_grpc};
use crate::health::{Condition, Health};
use crate::own_metrics::{self, BooksMetrics, ProcessMetrics, Served, start_metrics_server};
use crate::telemetry::{MetricReaders, start_metric_readers};

/// A running node.
pub(super) struct Node {
    books: Arc<Books>,
    health: Health,
    health_server: Served,
    metrics_server: Option<Served>,
    exporters: Exporters,
    pipelines: Pipelines,
    targets: TargetsWatch,
    collector: Arc<Collector>,
    reading: Arc<Reading>,
    cluster: ClusterNode,
    membership: Membership,
    gossips: bool,
    grpc: GrpcServer,
    metric_readers: Option<MetricReaders>,
}

impl Node {
    /// Starts every part. The collector comes last: what it reads has a way to go from the first frame on.
    pub(super) async fn start(
        settings: Settings,
        catalogue: Catalogue,
        clock: &Clock,
        started: Instant,
    ) -> anyhow::Result<Self> {
        let books = Arc::new(Books::default());
        let registry = Registry::new();
        own_metrics::register(&registry, BooksMetrics::new(&books)?)?;
        own_metrics::register(&registry, ProcessMetrics::new(started, clock)?)?;

        let health = Health::new(clock, started, memory_limit_mib(&settings));
        let endpoint = health_check(&settings).endpoint;
        let health_server =
            Served::start(&endpoint, "extensions.health_check.endpoint", health.router()).await?;
        let metrics_server = start_own_metrics(&settings, &registry).await?;

        let Receivers { plans, projections } = plan_receivers(&settings, &catalogue)?;
        let projections = Arc::new(projections);
        let exporters = start_exporters(&settings, &projections, clock, &registry, &health).await?;
        let (pipelines, ways) =
            start_pipelines(&settings, &exporters, &projections, &books, &registry, &health)?;
        let targets = start_targets(plans).await;
        let share = Share::of(targets.receiver());

        let port = GrpcPort::take(&settings.cluster.grpc).await?;
        let (cluster, peers) = open_cluster(Needs {
            settings: &settings.cluster,
            me: identity(&settings.cluster, clock)?,
            grpc_address: port.address.clone(),
            clock,
            registry: &registry,
            targets: share.ids(),
        })
        .await?;
        let router = Arc::new(Router::new(ways, projections));
        let (collector, reading) = start_reading(&cluster, share, router, &books, clock, &registry)?;
        watch_collector(&health, &collector);
        let cluster = cluster.start(Arc::clone(&reading) as Arc<dyn Collecting>);
        let membership = Membership::new(&cluster.control(), &settings.cluster);
        watch_membership(&health, &membership);
        let grpc = start_grpc(
            port,
            GrpcParts {
                control: cluster.control(),
                targets: targets.receiver(),
                peers,
            },
        )
        .await?;
        let metric_readers = start_metric_readers(&settings.service.telemetry.metrics, &registry)?;
        cluster.ready();
        grpc.set_serving(true).await;
        health.set_ready(true);
        Ok(Self {
            books,
            health,
            health_server,
            metrics_server,
            exporters,
            pipelines,
            targets,
            collector,
            reading,
            cluster,
            membership,
            gossips: settings.cluster.gossip.is_some(),
            grpc,
            metric_readers,
        })
    }

    /// The books, for whoever has to close them when stopping is broken off.
    pub(super) fn books(&self) -> Arc<Books> {
        Arc::clone(&self.books)
    }

    /// How the node stands in its cluster.
    pub(super) fn membership(&self) -> Membership {
        self.membership.clone()
    }

    /// Waits until the node cannot go on.
    pub(super) async fn failed(&self) -> NodeFailure {
        self.cluster.failed().await
    }

    /// Stops every part in reverse: others go on with the targets, nothing new is read, what was read is
    /// delivered. A reading that hangs must not take the time of the delivery, so each part has its own
    /// deadline within `time`.
    pub(super) async fn stop(self, time: Duration) {
        let now = Instant::now();
        self.health.set_ready(false);
        self.grpc.set_serving(false).await;
        let others = self.cluster.control().status().borrow().others_ready > 0;
        if others {
            leave(&self.cluster, time / 3).await;
        }
        self.targets.stop().await;
        self.reading.close();
        stop_collector(self.collector, now + time * 2 / 5).await;
        if self.gossips && !others {
            // Nobody goes on with its targets: their last readings could end first.
            leave(&self.cluster, Duration::ZERO).await;
        }
        self.reading.flush();
        self.pipelines.stop(now + time * 3 / 5).await;
        self.exporters.stop(now + time * 4 / 5).await;
        close_books(&self.books);
        if let Some(readers) = self.metric_readers {
            readers.stop().await;
        }
        self.cluster.stop().await;
        self.grpc.stop().await;
        if let Some(server) = self.metrics_server {
            server.stop().await;
        }
        self.health_server.stop().await;
    }
}

async fn start_own_metrics(settings: &Settings, registry: &Registry) -> anyhow::Result<Option<Served>> {
    let metrics = &settings.service.telemetry.metrics;
    if metrics.level == MetricLevel::None {
        return Ok(None);
    }
    start_metrics_server(&metrics.address, registry.clone())
        .await
        .map(Some)
}

/// The health check that `service.extensions` names, or the default one: a node always says how it is.
fn health_check(settings: &Settings) -> HealthCheck {
    let named = settings
        .service
        .extensions
        .iter()
        .find_map(|id| settings.extensions.get(id));
    named.map_or_else(HealthCheck::default, |Extension::HealthCheck(check)| {
        check.clone()
    })
}

fn memory_limit_mib(settings: &Settings) -> Option<u64> {
    settings
        .processors
        .values()
        .find_map(|processor| match processor {
            Processor::MemoryLimiter(limiter) => limiter.limit_mib,
            _ => None,
        })
}

/// Hands all targets to others, as far as they take them within `time`, and says goodbye.
async fn leave(cluster: &ClusterNode, time: Duration) {
    let left = cluster.leave(time).await;
    if left > 0 {
        tracing::warn!(
            targets = left,
            "nobody has taken these targets: they are not read until another node does"
        );
    }
}

/// Peers that are gone are no fault of the node; that it is no member is.
fn watch_membership(health: &Health, membership: &Membership) {
    let membership = membership.clone();
    health.watch("cluster", move || membership.condition());
}

/// A target that is down is no fault of the node: it is shown, not judged.
fn watch_collector(health: &Health, collector: &Arc<Collector>) {
    let collector = Arc::downgrade(collector);
    health.watch("collector", move || {
        let status = collector.upgrade().map(|collector| collector.status());
        let targets = status.as_ref().map(Vec::len);
        let down = status
            .as_ref()
            .map(|all| all.iter().filter(|target| !target.up).count());
        Condition {
            healthy: status.is_some(),
            waiting: None,
            metrics: json!({ "targets": targets, "targets_down": down }),
        }
    });
}

/// The last word on what was read and what became of it.
pub(super) fn close_books(books: &Books) {
    let end = books.snapshot();
    let balanced = end.balanced() && end.in_flight_rows == 0;
    tracing::info!(
        collected_rows = end.collected_rows,
        copied_rows = end.copied_rows,
        delivered_rows = end.delivered_rows,
        dropped_rows = end.dropped_total(),
        balanced,
        "the books are closed"
    );
    if !balanced {
        tracing::error!(
            in_flight_rows = end.in_flight_rows,
            "rows are not accounted for: please report this"
        );
    }
}

/// A health request may hold the collector for a moment; it is over long before the deadline.
async fn stop_collector(mut collector: Arc<Collector>, deadline: Instant) {
    let collector = loop {
        match Arc::try_unwrap(collector) {
            Ok(collector) => break collector,
            Err(held) => collector = held,
        }
        tokio::task::yield_now().await;
    };
    if !collector
        .stop(deadline.saturating_duration_since(Instant::now()))
        .await
    {
        tracing::warn!("some readings did not end before the node stopped; they were broken off");
    }
}
