//! A node's part of the group, from start to stop.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::desk::Desk;
use super::handle::StateHandle;
use super::metrics::Metrics;
use super::parts::{Place, StateError, StateParts, Storage};
use super::run::End;
use super::standing::{Announcement, Standing};
use super::{Core, Run, found, guard, handover, observe, outbox, reconciler};
use crate::network::{Answers, GrpcTransport, RaftService, Transport, raft_service};
use crate::store::{self, Opened, StoreError, StoreMetrics};

/// A node's part of the group. Dropping it ends it at once, as a crash would.
pub struct State {
    core: Arc<Core>,
    stop: CancellationToken,
    supervisor: AbortOnDropHandle<()>,
    _outbox: AbortOnDropHandle<()>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // Openraft's own tasks end with its last handle.
        self.core.run.store(None);
    }
}

/// The first and the longest time until a store that failed is opened again.
const REOPEN: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));
/// A store that was used for so long was a good one.
const GOOD: Duration = Duration::from_secs(600);

/// The store at a place.
struct StoreAt {
    parts: StateParts,
    metrics: StoreMetrics,
}

impl Storage for StoreAt {
    fn open<'a>(&'a self, set_aside: Option<&'a str>) -> BoxFuture<'a, Result<Opened, StoreError>> {
        Box::pin(async move {
            let (place, clock) = (&self.parts.place, &self.parts.clock);
            match set_aside {
                None => store::open(place, clock, &self.metrics).await,
                Some(reason) => store::open_anew(place, reason, clock, &self.metrics).await,
            }
        })
    }
}

/// Starts this node's part of the group, with the store at `parts.place` and calls by gRPC.
///
/// # Errors
/// When the store cannot be opened, or is in use by another process.
pub async fn start_state(parts: StateParts) -> Result<State, StateError> {
    if parts.place == Place::Memory && !parts.alone {
        tracing::warn!(
            "there is no `cluster.data_dir`: after a restart this node is a new member of the group"
        );
    }
    let transport = Arc::new(GrpcTransport::new(&parts.cluster, Arc::clone(&parts.credentials)));
    let storage = StoreAt {
        metrics: StoreMetrics::register(&parts.registry)?,
        parts: parts.clone(),
    };
    start_state_on(parts, Arc::new(storage), transport).await
}

/// As [`start_state`], on another store and another network. `parts.place` and `parts.credentials` are not
/// used.
///
/// # Errors
/// When the store cannot be opened.
pub async fn start_state_on(
    parts: StateParts,
    storage: Arc<dyn Storage>,
    transport: Arc<dyn Transport>,
) -> Result<State, StateError> {
    let metrics = Metrics::register(&parts.registry)?;
    let opened = storage.open(None).await?;
    let core = Arc::new(Core::new(parts, transport, metrics, opened.machine.state()));
    let run = Run::start(&core, opened).await?;
    core.run.store(Some(Arc::clone(&run)));
    let stop = CancellationToken::new();
    let supervisor = supervise(Arc::clone(&core), run, storage, stop.clone());
    Ok(State {
        supervisor: AbortOnDropHandle::new(tokio::spawn(supervisor)),
        _outbox: AbortOnDropHandle::new(tokio::spawn(outbox::empty(Arc::clone(&core)))),
        core,
        stop,
    })
}

/// Keeps a run going, until it is told to stop or the part fails.
async fn supervise(core: Arc<Core>, mut run: Arc<Run>, storage: Arc<dyn Storage>, stop: CancellationToken) {
    let (mut begun, mut rest) = (Instant::now(), REOPEN.0);
    loop {
        let end = tokio::select! {
            () = stop.cancelled() => None,
            end = work(&core, &run) => Some(end),
        };
        core.run.store(None);
        run.stop().await;
        let next = match end {
            None => {
                fail(&core, "this node's part of the group was stopped".into());
                return;
            }
            Some(End::Failed(why)) => Err(why),
            Some(End::Reopen(why)) => {
                rest = if begun.elapsed() > GOOD { REOPEN.0 } else { rest };
                again(&core, storage.as_ref(), why, &mut rest, &stop).await
            }
            Some(End::SetAside(why)) => anew(&core, storage.as_ref(), why).await,
        };
        match next {
            Ok(next) => {
                run = next;
                begun = Instant::now();
                core.run.store(Some(Arc::clone(&run)));
            }
            Err(why) => {
                tracing::error!(why, "this node goes on without the group");
                fail(&core, why);
                return;
            }
        }
    }
}

/// All the work of a run; why it ended.
async fn work(core: &Arc<Core>, run: &Arc<Run>) -> End {
    let (waiting, waits_for) = watch::channel(None);
    let both = || (Arc::clone(core), Arc::clone(run));
    let mut tasks = JoinSet::new();
    let (c, r) = both();
    tasks.spawn(found::found(c, r, waiting));
    let (c, r) = both();
    tasks.spawn(observe::observe(c, r, waits_for));
    let (c, r) = both();
    tasks.spawn(observe::hand_on(c, r));
    let (c, r) = both();
    tasks.spawn(guard::guard(c, r));
    let (c, r) = both();
    tasks.spawn(reconciler::reconcile(c, r));
    match tasks.join_next().await {
        Some(Ok(end)) => end,
        Some(Err(error)) => End::Failed(format!("a task of the group has ended: {error}")),
        None => End::Failed("the tasks of the group have ended".into()),
    }
}

/// Opens the store again, which is whole, or set aside as damaged; it may take a while until its disk lets it.
async fn again(
    core: &Core,
    storage: &dyn Storage,
    why: String,
    rest: &mut Duration,
    stop: &CancellationToken,
) -> Result<Arc<Run>, String> {
    tracing::error!(
        why,
        seconds = rest.as_secs(),
        "the store of the group is opened again soon"
    );
    fail(core, why);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Err("this node's part of the group was stopped".into()),
            () = tokio::time::sleep(*rest) => {}
        }
        *rest = (*rest * 2).min(REOPEN.1);
        let error = match storage.open(None).await {
            Ok(opened) => match Run::start(core, opened).await {
                Ok(run) => return Ok(run),
                Err(error) => error,
            },
            Err(error) => error.into(),
        };
        tracing::error!(%error, seconds = rest.as_secs(), "the store of the group cannot be opened, it is tried again");
    }
}

/// Begins anew with an empty store.
async fn anew(core: &Core, storage: &dyn Storage, why: String) -> Result<Arc<Run>, String> {
    tracing::warn!(why, "the store of the group is set aside, this node begins anew");
    core.standing.send_replace(Standing {
        waiting: Some("the store is being replaced".into()),
        ..Standing::default()
    });
    core.announcement.send_replace(Announcement::default());
    let opened = storage
        .open(Some(&why))
        .await
        .map_err(|error| error.to_string())?;
    Run::start(core, opened).await.map_err(|error| error.to_string())
}

fn fail(core: &Core, why: String) {
    core.announcement.send_replace(Announcement::default());
    let standing = Standing {
        failed: Some(why),
        ..Standing::default()
    };
    core.metrics.show(&standing);
    core.standing.send_replace(standing);
}

impl State {
    /// The handle by which the node uses the group.
    pub fn handle(&self) -> StateHandle {
        StateHandle(Arc::clone(&self.core))
    }

    /// The service that answers the calls of other nodes.
    pub fn service(&self) -> RaftService {
        let parts = &self.core.parts;
        raft_service(self.answers(), &parts.cluster, Arc::clone(&parts.credentials))
    }

    /// What answers a call of another node once its token was checked. For networks other than gRPC.
    pub fn answers(&self) -> Arc<dyn Answers> {
        Arc::new(Desk(Arc::clone(&self.core)))
    }

    /// What this node says of its part in the gossip.
    pub fn announcement(&self) -> watch::Receiver<Announcement> {
        self.core.announcement.subscribe()
    }

    /// Gives the leadership away, before a stop. Whether this node does not lead any more; it does not take
    /// the leadership again then.
    pub async fn hand_over(&self, limit: Duration) -> bool {
        match self.core.run() {
            Some(run) => handover::hand_over(&self.core, &run, limit).await,
            None => true,
        }
    }

    /// Ends this node's part.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Err(error) = (&mut self.supervisor).await {
            tracing::warn!(%error, "this node's part of the group did not end well");
        }
    }
}
