//! The parts of a node: one `start_<part>` each, in the order of their start. Stopping is the list in
//! reverse.

use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use ringwatch_catalogue::Catalogue;
use ringwatch_cluster::member::Incarnation;
use ringwatch_cluster::node::{ClusterNode, Collecting, NodeFailure, Prepared};
use ringwatch_cluster::peer::PeerService;
use ringwatch_collect::{Collector, ReaderPlan, TargetsWatch, start_targets};
use ringwatch_config::Settings;
use ringwatch_frame::{Books, Clock};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::activity::Activity;
use super::cluster::{Needs, open_cluster};
use super::exporters::Exporters;
use super::flow::start_flow;
use super::identity::identity;
use super::member::Membership;
use super::own::{Own, start_own};
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
use crate::health::Monitor;
use crate::telemetry::{MetricReaders, start_metric_readers};

/// A running node.
pub(super) struct Node {
    own: Own,
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
        let own = start_own(&settings, clock, started).await?;
        let mut watching = Watching::new(&own.health, clock);

        let Receivers { plans, projections } = plan_receivers(&settings, &catalogue)?;
        let flow = start_flow(
            &settings,
            &projections,
            &own.books,
            clock,
            &own.registry,
            &mut watching,
        )
        .await?;
        let covered = cover(&settings, plans, &flow.processors, &mut watching).await;
        let (port, me, cluster, peers) =
            enter_cluster(&settings, clock, &own.registry, &covered.share).await?;
        let router = Arc::new(Router::new(flow.ways, projections));
        let tending = covered.protection.tend();
        let (collector, reading) = start_reading(
            &cluster,
            covered.share,
            router,
            &own.books,
            clock,
            &own.registry,
            covered.protection,
        )?;
        watch_collector(&watching, &collector);
        let cluster = cluster.start(Arc::clone(&reading) as Arc<dyn Collecting>);
        let membership = Membership::new(&cluster.control(), &settings.cluster);
        watch_membership(&watching, &membership);
        let desk = Desk::new(covered.circuits, cluster.control().knowledge());
        own.admin.open(desk.clone());
        let grpc = start_grpc(
            port,
            GrpcParts {
                control: cluster.control(),
                targets: covered.targets.receiver(),
                desk,
                samplers: flow.processors.samplers(),
                verifications: flow.processors.verifications(),
                peers,
            },
        )
        .await?;
        let metric_readers = start_metric_readers(&settings.service.telemetry.metrics, &own.registry)?;
        let pages = ZpagesParts::new(spans, flow.pipes, &me.node.to_string(), started);
        let extensions = start_extensions(&settings, &pages).await?;
        cluster.ready();
        let serving = Serving::follow(grpc.health(), membership.clone());
        own.health.set_ready(true);
        Ok(Self {
            own,
            exporters: flow.exporters,
            pipelines: flow.pipelines,
            keepers: flow.processors.keepers(),
            targets: covered.targets,
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
        Arc::clone(&self.own.books)
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
        self.own.health.set_ready(false);
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
        close_books(&self.own.books);
        if let Some(readers) = self.metric_readers {
            readers.stop().await;
        }
        self.cluster.stop().await;
        self.extensions.stop().await;
        self.grpc.stop().await;
        if let Some(server) = self.own.metrics_server {
            server.stop().await;
        }
        self.own.health_server.stop().await;
    }
}

/// The configured targets with what protects them.
struct Covered {
    targets: TargetsWatch,
    share: Share,
    protection: Arc<Protection>,
    circuits: Arc<Circuits>,
}

/// Finds the targets, which are covered before anything of them is read.
async fn cover(
    settings: &Settings,
    plans: Vec<ReaderPlan>,
    processors: &Processors,
    watching: &mut Watching,
) -> Covered {
    let activity = Arc::new(Activity::of(&plans));
    let targets = start_targets(plans.clone()).await;
    let circuits = Arc::new(Circuits::new(processors.breakers().values().cloned().collect()));
    let protection = Arc::new(Protection::new(settings, processors, &circuits, &activity));
    let covers = Arc::clone(&protection);
    let share = Share::of(targets.receiver(), move |now| covers.cover(now));
    watch_receivers(watching, &plans, &activity, &share.read());
    Covered {
        targets,
        share,
        protection,
        circuits,
    }
}

/// Takes the port at which others reach the node, and prepares its part in the cluster.
async fn enter_cluster(
    settings: &Settings,
    clock: &Clock,
    registry: &Registry,
    share: &Share,
) -> anyhow::Result<(GrpcPort, Incarnation, Prepared, Option<PeerService>)> {
    let port = GrpcPort::take(&settings.cluster.grpc).await?;
    let me = identity(&settings.cluster, clock)?;
    let (cluster, peers) = open_cluster(Needs {
        settings: &settings.cluster,
        me: me.clone(),
        grpc_address: port.address.clone(),
        clock,
        registry,
        targets: share.ids(),
    })
    .await?;
    Ok((port, me, cluster, peers))
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
