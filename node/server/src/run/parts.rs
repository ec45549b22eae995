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
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::activity::Activity;
use super::cluster::{Needs, open_cluster};
use super::exporters::Exporters;
use super::flow::start_flow;
use super::identity::identity;
use super::member::Membership;
use super::pipelines::Pipelines;
use super::processors::{Keepers, Processors};
use super::protection::Protection;
use super::reading::{Reading, start_reading};
use super::receivers::{Receivers, plan_receivers};
use super::router::Router;
use super::serving::Serving;
use super::share::Share;
use super::watching::{Watching, sole, watch_collector, watch_membership, watch_receivers};
use crate::circuits::{Circuits, Desk};
use crate::extensions::{Extensions, SpanTable, ZpagesParts, start_extensions};
use crate::grpc::{GrpcParts, GrpcPort, GrpcServer, start_grpc};
use crate::health::{Health, Monitor};
use crate::own_metrics::{self, Admin, BooksMetrics, ProcessMetrics, Served, start_metrics_server};
use crate::telemetry::{MetricReaders, start_metric_readers};

/// A running node.
pub(super) struct Node {
    books: Arc<Books>,
    health: Health,
    health_server: Served,
    metrics_server: Option<Served>,
    exporters: Exporters,
    pipelines: Pipelines,
    keepers: Keepers,
    targets: TargetsWatch,
    collector: Arc<Collector>,
    reading: Arc<Reading>,
    cluster: ClusterNode,
    membership: Membership,
    gossips: bool,
    grpc: GrpcServer,
    serving: Serving,
    extensions: Extensions,
    metric_readers: Option<MetricReaders>,
    _tending: AbortOnDropHandle<()>,
    _monitor: Monitor,
}

impl Node {
    /// Starts every part. The collector comes last: what it reads has a way to go from the first frame on.
    pub(super) async fn start(
        settings: Settings,
        catalogue: Catalogue,
        clock: &Clock,
        started: Instant,
        spans: Option<SpanTable>,
    ) -> anyhow::Result<Self> {
        let (books, registry) = open_books(&settings, clock, started)?;
        let health = Health::new(clock, started, memory_limit_mib(&settings));
        let mut watching = Watching::new(&health, clock);
        let endpoint = health_check(&settings).endpoint;
        let health_server =
            Served::start(&endpoint, "extensions.health_check.endpoint", health.router()).await?;
        let admin = Admin::new(settings.admin.token.clone());
        let metrics_server = start_own_metrics(&settings, &registry, &admin).await?;

        let Receivers { plans, projections } = plan_receivers(&settings, &catalogue)?;
        let projections = Arc::new(projections);
        let flow = start_flow(&settings, &projections, &books, clock, &registry, &mut watching).await?;
        let activity = Arc::new(Activity::of(&plans));
        let receivers = plans.clone();
        let targets = start_targets(plans).await;
        let (share, protection, circuits) = protect(&settings, &flow.processors, &activity, &targets);
        watch_receivers(&mut watching, &receivers, &activity, &share.read());

        let port = GrpcPort::take(&settings.cluster.grpc).await?;
        let me = identity(&settings.cluster, clock)?;
        let (cluster, peers) = open_cluster(Needs {
            settings: &settings.cluster,
            me: me.clone(),
            grpc_address: port.address.clone(),
            clock,
            registry: &registry,
            targets: share.ids(),
        })
        .await?;
        let router = Arc::new(Router::new(flow.ways, projections));
        let tending = protection.tend();
        let (collector, reading) =
            start_reading(&cluster, share, router, &books, clock, &registry, protection)?;
        watch_collector(&watching, &collector);
        let cluster = cluster.start(Arc::clone(&reading) as Arc<dyn Collecting>);
        let membership = Membership::new(&cluster.control(), &settings.cluster);
        watch_membership(&watching, &membership);
        let desk = Desk::new(circuits, cluster.control().knowledge());
        admin.open(desk.clone());
        let grpc = start_grpc(
            port,
            GrpcParts {
                control: cluster.control(),
                targets: targets.receiver(),
                desk,
                samplers: flow.processors.samplers(),
                peers,
            },
        )
        .await?;
        let metric_readers = start_metric_readers(&settings.service.telemetry.metrics, &registry)?;
        let pages = ZpagesParts {
            spans,
            pipes: flow.pipes,
            node: me.node.to_string(),
            started,
        };
        let extensions = start_extensions(&settings, &pages).await?;
        cluster.ready();
        let serving = Serving::follow(grpc.health(), membership.clone());
        health.set_ready(true);
        Ok(Self {
            books,
            health,
            health_server,
            metrics_server,
            exporters: flow.exporters,
            pipelines: flow.pipelines,
            keepers: flow.processors.keepers(),
            targets,
            collector,
            reading,
            cluster,
            membership,
            gossips: settings.cluster.gossip.is_some(),
            grpc,
            serving,
            extensions,
            metric_readers,
            _tending: tending,
            _monitor: watching.start(),
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
        self.serving.stop().await;
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
        self.keepers.stop(now + time * 7 / 10).await;
        self.exporters.stop(now + time * 4 / 5).await;
        close_books(&self.books);
        if let Some(readers) = self.metric_readers {
            readers.stop().await;
        }
        self.cluster.stop().await;
        self.extensions.stop().await;
        self.grpc.stop().await;
        if let Some(server) = self.metrics_server {
            server.stop().await;
        }
        self.health_server.stop().await;
    }
}

/// The books, and the registry that shows them and the process.
fn open_books(settings: &Settings, clock: &Clock, started: Instant) -> anyhow::Result<(Arc<Books>, Registry)> {
    let (books, registry) = (Arc::new(Books::default()), Registry::new());
    own_metrics::register(&registry, BooksMetrics::new(&books)?)?;
    own_metrics::register(
        &registry,
        ProcessMetrics::new(started, clock, service_name(settings))?,
    )?;
    Ok((books, registry))
}

/// The node's share of the targets, which are covered before anything of them is read.
fn protect(
    settings: &Settings,
    processors: &Processors,
    activity: &Arc<Activity>,
    targets: &TargetsWatch,
) -> (Share, Arc<Protection>, Arc<Circuits>) {
    let circuits = Arc::new(Circuits::new(processors.breakers().values().cloned().collect()));
    let protection = Arc::new(Protection::new(settings, processors, &circuits, activity));
    let covers = Arc::clone(&protection);
    let share = Share::of(targets.receiver(), move |now| covers.cover(now));
    (share, protection, circuits)
}

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

async fn stop_collector(collector: Arc<Collector>, deadline: Instant) {
    let left = deadline.saturating_duration_since(Instant::now());
    if !sole(collector).await.stop(left).await {
        tracing::warn!("some readings did not end before the node stopped; they were broken off");
    }
}
