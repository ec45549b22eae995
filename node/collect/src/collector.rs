//! The collector: starts and stops the lanes of each target as the list of targets changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use prometheus::Registry;
use ringwatch_frame::{Books, Clock, TargetId};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::clean::Cleaner;
use crate::connections::Connections;
use crate::fault::Fault;
use crate::gate::Gate;
use crate::guard::Guard;
use crate::guarded::Guarded;
use crate::health::Health;
use crate::lane::Env;
use crate::live::Live;
use crate::meters::Meters;
use crate::ownership::{Ownership, Sink, Succession};
use crate::reconcile::reconcile;
use crate::session::Connector;
use crate::target::{TargetSpec, Targets};
use crate::warm::{Ahead, Warm, Warming};
use crate::watched::{Running, Watched};

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
    start_with(parts, Connections::new())
}

/// Starts reading the targets through `connector`.
pub(crate) fn start_with<C: Connector>(parts: CollectorParts, connector: C) -> Result<Collector, StartError> {
    let meters = Arc::new(Meters::new(&parts.registry)?);
    let cancel = CancellationToken::new();
    let running = Running::default();
    let env = Arc::new(Env {
        clock: parts.clock,
        books: parts.books,
        connector: Guarded::new(connector, Arc::clone(&parts.ownership)),
        ownership: parts.ownership,
        guard: parts.guard,
        succession: parts.succession,
        sink: parts.sink,
        gate: Gate::new(),
        cleaner: Arc::new(Cleaner::new()),
        warm: Warm::new(),
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
    let supervisor = Supervisor {
        env,
        meters,
        cancel: cancel.clone(),
        specs: BTreeMap::new(),
        tasks: BTreeMap::new(),
        leaving: BTreeMap::new(),
        doubles: BTreeSet::new(),
        running: Arc::clone(&running),
        live: live.clone(),
    };
    Ok(Collector {
        cancel,
        running,
        live,
        warming,
        follow,
        supervisor: AbortOnDropHandle::new(tokio::spawn(supervisor.run(parts.targets, asked))),
        keeper: AbortOnDropHandle::new(tokio::spawn(tending)),
    })
}

/// One running target.
struct Task {
    cancel: CancellationToken,
    handle: AbortOnDropHandle<()>,
}

struct Supervisor<C: Connector> {
    env: Arc<Env<C>>,
    meters: Arc<Meters>,
    cancel: CancellationToken,
    specs: BTreeMap<TargetId, Arc<TargetSpec>>,
    tasks: BTreeMap<TargetId, Task>,
    /// Tasks of targets that are gone and finish their last reading. A target that comes back waits for its
    /// own.
    leaving: BTreeMap<TargetId, AbortOnDropHandle<()>>,
    /// Targets that a receiver wants and another one reads, as they were told.
    doubles: BTreeSet<(TargetId, Arc<str>)>,
    running: Running,
    live: Live,
}

impl<C: Connector> Supervisor<C> {
    async fn run(
        mut self,
        mut targets: watch::Receiver<Targets>,
        mut asked: mpsc::Receiver<oneshot::Sender<()>>,
    ) {
        // When nobody can change the list any more, it stays as it is.
        let mut changes = true;
        while !self.cancel.is_cancelled() {
            let wanted = Arc::clone(&targets.borrow_and_update());
            self.follow(&wanted);
            tokio::select! {
                () = self.cancel.cancelled() => {}
                changed = targets.changed(), if changes => changes = changed.is_ok(),
                Some(done) = asked.recv() => {
                    let wanted = Arc::clone(&targets.borrow_and_update());
                    self.follow(&wanted);
                    // Whoever asked may have gone.
                    let _ = done.send(());
                }
            }
        }
        let tasks = std::mem::take(&mut self.tasks);
        for handle in self
            .leaving
            .into_values()
            .chain(tasks.into_values().map(|task| task.handle))
        {
            // A task that panicked has ended too.
            let _ = handle.await;
        }
    }

    fn follow(&mut self, wanted: &[Arc<TargetSpec>]) {
        self.leaving.retain(|_, handle| !handle.is_finished());
        let changes = reconcile(&self.specs, wanted);
        self.tell(changes.doubles);
        for id in changes.stop {
            self.specs.remove(&id);
            if let Some(task) = self.tasks.remove(&id) {
                task.cancel.cancel();
                // It has itself waited for what was leaving when it was started.
                self.leaving.insert(id, task.handle);
            }
        }
        for spec in changes.start {
            let id = spec.id.clone();
            let cancel = self.cancel.child_token();
            let before = self.leaving.remove(&id);
            let watched = Watched {
                env: Arc::clone(&self.env),
                spec: Arc::clone(&spec),
                meters: Arc::clone(&self.meters),
                running: Arc::clone(&self.running),
                cancel: cancel.clone(),
                alive: self.live.begin(&id),
            };
            let handle = AbortOnDropHandle::new(tokio::spawn(watched.run(before)));
            self.tasks.insert(id.clone(), Task { cancel, handle });
            self.specs.insert(id, spec);
        }
    }

    /// Warns of targets that two receivers want, once of each.
    fn tell(&mut self, doubles: BTreeSet<(TargetId, Arc<str>)>) {
        for (target, source) in doubles.difference(&self.doubles) {
            tracing::warn!(
                %target, %source,
                "another receiver reads this target already: it is read once only, so take it out of one of them"
            );
        }
        self.doubles = doubles;
    }
}
