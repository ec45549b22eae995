//! The parts of a node: one `start_<part>` each, in the order of their start. Stopping is the list in
//! reverse.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ringwatch_catalogue::Catalogue;
use ringwatch_cluster::gossip::Keyring;
use ringwatch_cluster::member::Incarnation;
use ringwatch_cluster::node::{ClusterNode, Collecting, NodeFailure, Prepared};
use ringwatch_cluster::peer::PeerService;
use ringwatch_collect::{Collector, TargetsWatch};
use ringwatch_config::Settings;
use ringwatch_frame::{Books, Clock, DropReason, TargetId};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::cluster::{Needs, keys, open_cluster};
use super::covering::cover;
use super::exporters::Exporters;
use super::flow::start_flow;
use super::gatehouse::Gatehouse;
use super::identity::identity;
use super::member::Membership;
use super::numbering::ByGroup;
use super::own::{Ground, Own, start_own};
use super::pipelines::Pipelines;
use super::processors::Keepers;
use super::reading::{Reading, start_reading};
use super::receivers::{Receivers, plan_receivers};
use super::remembering::Remembering;
use super::router::Router;
use super::serving::Serving;
use super::state::{Group, start_group};
use super::watching::{Watching, sole, watch_collector, watch_group, watch_membership};
use crate::audit::KeptBooks;
use crate::circuits::Desk;
use crate::extensions::{Extensions, SpanTable, ZpagesParts, start_extensions};
use crate::grpc::{GrpcParts, GrpcPort, GrpcServer, start_grpc};
use crate::health::Monitor;
use crate::runtime::{Content, Roll};
use crate::telemetry::{MetricReaders, start_metric_readers};

/// What waits for the word of a standby when everything was read waits so long.
const LAST_CLEARANCE: Duration = Duration::from_millis(600);
/// What the node has not told the group yet is told by then when it stops.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// A running node.
pub(super) struct Node {
    own: Own,
    exporters: Exporters,
    pipelines: Pipelines,
    keepers: Keepers,
    targets: TargetsWatch,
    collector: Arc<Collector>,
    reading: Arc<Reading>,
    gatehouse: Arc<Gatehouse>,
    ticks: KeptBooks,
    group: Group,
    cluster: ClusterNode,
    membership: Membership,
    gossips: bool,
    grpc: GrpcServer,
    serving: Serving,
    extensions: Extensions,
    metric_readers: Option<MetricReaders>,
    _roll: Roll,
    /// What goes on beside the parts until the node has stopped.
    _following: Vec<AbortOnDropHandle<()>>,
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
        let ground = own.ground(&settings, clock);
        let mut watching = Watching::new(&own.health, clock);

        let (me, keys, mut group) = join_group(ground).await?;
        let remembering = Remembering::new(&group, &me, clock);
        let (content, circuits) = (remembering.content(), remembering.breakers());

        let Receivers { plans, projections } = plan_receivers(&settings, &catalogue)?;
        let flow = start_flow(ground, &projections, &mut watching, &(circuits.clone() as _)).await?;
        let covered = cover(&settings, plans, &flow.processors, &mut watching, &content).await;
        let (port, cluster, peers) =
            enter_cluster(ground, (&me, keys), covered.share.ids(), (&mut group, &content)).await?;
        let router = Arc::new(Router::new(flow.ways, projections));
        let mut following = remembering.follow(&flow.processors, &covered.protection, covered.share.given());
        following.push(covered.protection.tend());
        let counter = covered.counter(&group, &content, &me);
        let reads = (covered.share, circuits, open_books(ground, &me).await?);
        let mut reads = start_reading(ground, (&me, &cluster), reads, router, covered.protection)?;
        watch_collector(&watching, &reads.collector);
        let cluster = cluster.start(Arc::clone(&reads.reading) as Arc<dyn Collecting>);
        reads.join(cluster.control(), &mut following);
        let membership = Membership::new(&cluster.control(), &settings.cluster);
        watch_membership(&watching, &membership);
        watch_group(&watching, &group.handle());
        let desk = Desk::new(covered.circuits, cluster.control().knowledge());
        own.admin.open(desk.clone());
        let grpc = start_grpc(
            port,
            GrpcParts {
                control: cluster.control(),
                ticks: reads.ticks.books(),
                targets: covered.roll.all(),
                desk,
                samplers: flow.processors.samplers(),
                verifications: flow.processors.verifications(),
                counter,
                peers,
                group: group.service(),
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
            collector: reads.collector,
            reading: reads.reading,
            gatehouse: reads.gatehouse,
            ticks: reads.ticks,
            group,
            cluster,
            membership,
            gossips: settings.cluster.gossip.is_some(),
            grpc,
            serving,
            extensions,
            metric_readers,
            _roll: covered.roll,
            _following: following,
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
            // First, so that somebody leads while the targets change hands.
            self.group.hand_over(time / 15).await;
            leave(&self.cluster, time / 3).await;
        }
        self.targets.stop().await;
        self.reading.close();
        stop_collector(self.collector, now + time * 2 / 5).await;
        if self.gossips && !others {
            // Nobody goes on with its targets: their last readings could end first.
            leave(&self.cluster, Duration::ZERO).await;
        }
        self.group.handle().flush(LAST_WORDS).await;
        self.gatehouse.stop(Instant::now() + LAST_CLEARANCE).await;
        self.reading.flush();
        self.pipelines.stop(now + time * 3 / 5).await;
        self.keepers.stop(now + time * 7 / 10).await;
        self.exporters.stop(now + time * 4 / 5).await;
        close_books(&self.own.books);
        if let Some(readers) = self.metric_readers {
            readers.stop().await;
        }
        self.cluster.stop().await;
        // All receipts have ended, and nobody tells it anything any more.
        self.ticks.stop(now + time).await;
        self.group.stop().await;
        self.extensions.stop().await;
        self.grpc.stop().await;
        if let Some(server) = self.own.metrics_server {
            server.stop().await;
        }
        self.own.health_server.stop().await;
    }
}

/// The books of ticks, with what the last life of the node wrote down. The group's store is open: no other process
/// has the data directory.
async fn open_books(ground: Ground<'_>, me: &Incarnation) -> anyhow::Result<KeptBooks> {
    let folder = ground.settings.cluster.data_dir.as_deref().map(Path::new);
    Ok(KeptBooks::open(folder, me.node.as_str(), ground.clock, ground.registry).await?)
}

/// Who the node is, and its part in the group.
async fn join_group(ground: Ground<'_>) -> anyhow::Result<(Incarnation, Keyring, Group)> {
    let cluster = &ground.settings.cluster;
    let (me, keys) = (identity(cluster, ground.clock)?, keys(cluster)?);
    let group = start_group(cluster, &me, &keys, ground.clock, ground.registry).await?;
    Ok((me, keys, group))
}

/// Takes the port at which others reach the node, and prepares its part in the cluster, whose views the group
/// numbers.
async fn enter_cluster(
    ground: Ground<'_>,
    (me, keys): (&Incarnation, Keyring),
    targets: watch::Receiver<Arc<[TargetId]>>,
    (group, content): (&mut Group, &watch::Receiver<Arc<Content>>),
) -> anyhow::Result<(GrpcPort, Prepared, Option<PeerService>)> {
    let settings = &ground.settings.cluster;
    let port = GrpcPort::take(&settings.grpc).await?;
    let (cluster, peers) = open_cluster(Needs {
        settings,
        me: me.clone(),
        keys,
        grpc_address: port.address.clone(),
        clock: ground.clock,
        registry: ground.registry,
        pulse: ground.pulse,
        targets,
        numbering: Arc::new(ByGroup::new(group, content.clone())),
        announcement: group.announced(content),
    })
    .await?;
    group.follow(&cluster);
    Ok((port, cluster, peers))
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
        // Of which the standbys' readings count: nothing is lost with them.
        superseded_rows = end.dropped(DropReason::Superseded),
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
