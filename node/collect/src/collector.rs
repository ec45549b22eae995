//! The collector: reads targets, and stands by for others.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use prometheus::Registry;
use ringwatch_frame::{Books, Clock, TargetId};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::clean::Cleaner;
use crate::connections::Connections;
use crate::cover::{Cover, Hot, Standby, StandbyMode};
use crate::fault::Fault;
use crate::fence::{Arbiter, FenceMeters, FenceMode};
use crate::gate::Gate;
use crate::guard::Guard;
use crate::guarded::Guarded;
use crate::health::Health;
use crate::lane::Env;
use crate::live::Live;
use crate::meters::Meters;
use crate::names::Names;
use crate::ownership::{Ownership, Sink, Succession};
use crate::session::Connector;
use crate::supervisor::Supervisor;
use crate::target::{TargetSpec, Targets};
use crate::tick_book::TickBook;
use crate::warm::{Ahead, Warm, Warming};
use crate::watched::Running;

/// How many may wait for the supervisor to follow the list of targets.
const FOLLOWING: usize = 64;

/// What the collector is made of.
pub struct CollectorParts {
    /// The node's clock.
    pub clock: Clock,
    /// The node's books, which collected rows enter.
    pub books: Arc<Books>,
    /// Where its metrics are registered.
    pub registry: Registry,
    /// Who says what may be read.
    pub ownership: Arc<dyn Ownership>,
    /// Who says what a target may be asked for: breakers and rate limits.
    pub guard: Arc<dyn Guard>,
    /// Who keeps what is remembered of targets.
    pub succession: Arc<dyn Succession>,
    /// Where frames go.
    pub sink: Arc<dyn Sink>,
    /// The targets, as they change.
    pub targets: watch::Receiver<Targets>,
    /// This node's id, by which its sessions call themselves.
    pub node: Arc<str>,
    /// The cluster's name: another cluster that reads the same server has locks of its own.
    pub cluster: Arc<str>,
    /// Who knows of targets that other members own.
    pub standby: Arc<dyn Standby>,
    /// The targets that this node stands by for, as they change.
    pub covers: watch::Receiver<Arc<[Cover]>>,
    /// How it stands by.
    pub standby_mode: StandbyMode,
    /// What fences the targets that it reads.
    pub fence: FenceMode,
    /// Who says whose session may be ended.
    pub arbiter: Arc<dyn Arbiter>,
    /// Who keeps the books of ticks.
    pub book: Arc<dyn TickBook>,
}

/// Why the collector could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its metrics are registered already, as when two collectors share a registry.
    #[error("the collector's metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// How one target does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetStatus {
    /// The target.
    pub target: TargetId,
    /// The receivers that read it.
    pub sources: Vec<Arc<str>>,
    /// Whether the last attempt to speak to it succeeded.
    pub up: bool,
    /// What is wrong with it, or with the stream of it that failed last.
    pub last_error: Option<String>,
}

/// A collector at work.
#[must_use = "a collector that is dropped breaks off its readings"]
pub struct Collector {
    cancel: CancellationToken,
    running: Running,
    live: Live,
    warming: Arc<dyn Warming>,
    /// Each is answered when the supervisor has followed the list of targets as it was at the asking.
    follow: mpsc::Sender<oneshot::Sender<()>>,
    supervisor: AbortOnDropHandle<()>,
    keeper: AbortOnDropHandle<()>,
}

impl Collector {
    /// How each target does, in the order of their names.
    pub fn status(&self) -> Vec<TargetStatus> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let status = |(target, (spec, health)): (&TargetId, &(Arc<TargetSpec>, Arc<Health>))| {
            let (up, last_error) = health.status();
            TargetStatus {
                target: target.clone(),
                sources: spec
                    .readers
                    .iter()
                    .map(|reader| Arc::clone(&reader.source))
                    .collect(),
                up,
                last_error,
            }
        };
        running.iter().map(status).collect()
    }

    /// Connects to a target that will be ours as its first receiver does, and keeps the connection for the
    /// lane of that receiver that begins first, or for 30 seconds. For a target that is read here, or that
    /// must be left alone because a breaker is open, it does nothing.
    ///
    /// # Errors
    /// When the target cannot be reached within the receiver's timeout, or too many connections are being
    /// opened ahead.
    pub async fn warm(&self, target: &Arc<TargetSpec>) -> Result<(), Fault> {
        self.warming.warm(target).await
    }

    /// Waits until nothing of `target` is read any more, and its connections are closed. Whoever takes the
    /// target from the list before is sure that no reading of it begins after.
    pub async fn ended(&self, target: &TargetId) {
        let (done, followed) = oneshot::channel();
        if self.follow.send(done).await.is_ok() {
            // It fails only when the supervisor has ended, and follows nothing any more.
            let _ = followed.await;
        }
        self.live.ended(target).await;
    }

    /// Begins no new tick, lets readings end and closes the connections. What has not ended at the deadline
    /// is broken off. Says whether all ended by itself.
    pub async fn stop(self, deadline: Duration) -> bool {
        self.cancel.cancel();
        let ended = async { tokio::join!(self.supervisor, self.keeper) };
        tokio::time::timeout(deadline, ended)
            .await
            .is_ok_and(|(supervisor, keeper)| supervisor.is_ok() && keeper.is_ok())
    }
}

/// Starts reading the targets.
///
/// # Errors
/// When the metrics cannot be registered.
pub fn start_collector(parts: CollectorParts) -> Result<Collector, StartError> {
    let connections = Connections::new(names_of(&parts.cluster, &parts.node));
    start_with(parts, connections)
}

/// Starts reading the targets through `connector`.
pub(crate) fn start_with<C: Connector>(parts: CollectorParts, connector: C) -> Result<Collector, StartError> {
    let meters = Arc::new(Meters::new(&parts.registry)?.with_book(parts.book));
    let cancel = CancellationToken::new();
    let running = Running::default();
    let env = Arc::new(Env {
        clock: parts.clock,
        books: parts.books,
        connector: Guarded::new(connector),
        ownership: parts.ownership,
        guard: parts.guard,
        succession: parts.succession,
        sink: parts.sink,
        gate: Gate::new(),
        cleaner: Arc::new(Cleaner::new()),
        warm: Warm::new(),
        hot: Hot::default(),
        names: names_of(&parts.cluster, &parts.node),
        standby: parts.standby,
        fence_mode: parts.fence,
        fences: FenceMeters::new(&parts.registry)?,
        arbiter: parts.arbiter,
    });
    let live = Live::default();
    let warming = Arc::new(Ahead {
        env: Arc::clone(&env),
        live: live.clone(),
    });
    let (follow, asked) = mpsc::channel(FOLLOWING);
    let tending = {
        let (env, cancel) = (Arc::clone(&env), cancel.clone());
        async move { env.warm.tend(cancel).await }
    };
    let supervisor = Supervisor::new(
        env,
        meters,
        parts.standby_mode,
        cancel.clone(),
        (Arc::clone(&running), live.clone()),
    );
    let supervising = supervisor.run(parts.targets, parts.covers, asked);
    Ok(Collector {
        cancel,
        running,
        live,
        warming,
        follow,
        supervisor: AbortOnDropHandle::new(tokio::spawn(supervising)),
        keeper: AbortOnDropHandle::new(tokio::spawn(tending)),
    })
}

/// The names of a node's sessions.
fn names_of(cluster: &str, node: &str) -> Names {
    if node.is_empty() {
        Names::of_nobody()
    } else {
        Names::of(cluster, node)
    }
}
