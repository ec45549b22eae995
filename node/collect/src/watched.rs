//! One target under watch: its health and its lanes, from its start to its end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use ringwatch_catalogue::model::Scope;
use ringwatch_frame::{TargetId, TargetMemory, Tick};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::fence::TargetFence;
use crate::guarded::GuardedSession;
use crate::health::Health;
use crate::lane::{Env, Lane, Place};
use crate::live::Alive;
use crate::meters::{Meters, TargetMeters};
use crate::plan::Planned;
use crate::reader::{Reader, ReaderPlan};
use crate::session::Connector;
use crate::sessions::Sessions;
use crate::target::TargetSpec;
use crate::warrant::{OwnersWarrant, Warrant};

/// Streams that are read more often than this have a lane of their own.
const FAST: Duration = Duration::from_secs(5);
/// How many connections to single databases a target may keep open.
const DATABASE_CONNECTIONS: usize = 5;

/// The targets that run, for those who ask how they do.
pub(crate) type Running = Arc<Mutex<BTreeMap<TargetId, (Arc<TargetSpec>, Arc<Health>)>>>;

/// What a lane had open.
type Connections<C> = Sessions<GuardedSession<<C as Connector>::Session>>;

/// One target under watch.
pub(crate) struct Watched<C: Connector> {
    pub(crate) env: Arc<Env<C>>,
    pub(crate) spec: Arc<TargetSpec>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) running: Running,
    pub(crate) cancel: CancellationToken,
    /// Dropped when all has ended.
    pub(crate) alive: Alive,
}

impl<C: Connector> Watched<C> {
    /// Runs the lanes until they are cancelled, after what ran `before` under the same name has ended: the two
    /// together would take twice the connections.
    pub(crate) async fn run(self, before: Option<AbortOnDropHandle<()>>) {
        if let Some(before) = before {
            // One that panicked has ended too.
            let _ = before.await;
        }
        if !self.cancel.is_cancelled() {
            self.watch().await;
        }
        drop(self.alive);
    }

    async fn watch(&self) {
        let health = Arc::new(Health::new(
            &self.spec.id,
            TargetMeters::new(&self.spec.id, &self.meters),
        ));
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(
                self.spec.id.clone(),
                (Arc::clone(&self.spec), Arc::clone(&health)),
            );
        let mut lanes = self.lanes(&health);
        let sources: Vec<&str> = self.spec.readers.iter().map(|reader| &*reader.source).collect();
        let sources = sources.join(", ");
        tracing::info!(target = %self.spec.id, sources, lanes = lanes.len(), "target is watched");
        let mut open = Vec::new();
        while let Some(ended) = lanes.join_next().await {
            match ended {
                Ok(sessions) => open.push(sessions),
                Err(error) => {
                    tracing::error!(target = %self.spec.id, %error, "a lane of the target broke off: report this");
                }
            }
        }
        join_all(open.iter_mut().map(Sessions::close)).await;
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.spec.id);
        tracing::info!(target = %self.spec.id, "target is not watched any more");
    }

    /// Begins the lanes. Where the target is taken over, all of them at once.
    fn lanes(&self, health: &Arc<Health>) -> JoinSet<Connections<C>> {
        let memory = self.env.succession.recall(&self.spec.id);
        let (fence, warrant) = self.fence();
        let warm = self.env.warm.take(&self.spec).map(|mut session| {
            session.adopt(&warrant);
            session
        });
        if warm.is_some() || !memory.is_empty() {
            health.presumed();
        }
        let mut ready = Vec::new();
        for reader in &self.spec.readers {
            let mut lanes = self.ready(reader, health, &memory, (&fence, &warrant));
            if ready.is_empty() {
                let has_home = lanes.iter().any(|lane| lane.first_at_home().is_some());
                let takes = |lane: &&mut Lane<C>| !has_home || lane.first_at_home().is_some();
                lanes.iter_mut().filter(takes).for_each(Lane::take_lock);
            }
            // The lane that begins first, so that its first tick waits for nothing.
            let never = Tick::from_unix_nanos(i64::MAX);
            lanes.sort_by_key(|lane| lane.first_at_home().unwrap_or(never));
            ready.append(&mut lanes);
        }
        let first = self.spec.readers.first();
        let its_lane = ready
            .iter_mut()
            .find(|lane| first.is_some_and(|first| lane.is_of(first)));
        if let Some((session, lane)) = warm.zip(its_lane) {
            lane.start_with(session);
        }
        let mut lanes = JoinSet::new();
        for lane in ready {
            lanes.spawn(lane.run());
        }
        lanes
    }

    /// What allows the lanes to ask: the target is ours, and so is its lock.
    fn fence(&self) -> (Arc<TargetFence>, Arc<dyn Warrant>) {
        let (env, target) = (&self.env, &self.spec.id);
        let node = env.names.node().unwrap_or_default();
        let fence = TargetFence::new(
            (target, env.names.lock(target)),
            env.fence_mode,
            node,
            &env.arbiter,
            &env.fences,
        );
        let warrant = OwnersWarrant {
            ownership: Arc::clone(&env.ownership),
            target: target.clone(),
            fence: Some(Arc::clone(&fence)),
        };
        (fence, Arc::new(warrant))
    }

    /// The lanes of one reader: up to three for the catalogue's streams, one for a user's statements.
    fn ready(
        &self,
        reader: &Arc<Reader>,
        health: &Arc<Health>,
        memory: &TargetMemory,
        (fence, warrant): (&Arc<TargetFence>, &Arc<dyn Warrant>),
    ) -> Vec<Lane<C>> {
        let lane = |connections| {
            let place = Place {
                spec: Arc::clone(&self.spec),
                reader: Arc::clone(reader),
                warrant: Arc::clone(warrant),
                fence: Arc::clone(fence),
            };
            Lane::new(&self.env, place, health, &self.cancel, connections)
        };
        let split = Split::of(&reader.plan);
        let mut lanes = Vec::new();
        for streams in [split.fast, split.slow] {
            if !streams.is_empty() {
                lanes.push(lane(1).of_server(&streams, memory));
            }
        }
        if !split.databases.is_empty() {
            lanes.push(lane(DATABASE_CONNECTIONS).of_databases(split.databases, memory));
        }
        lanes
    }
}

/// Which lane reads which stream.
#[derive(Default)]
struct Split {
    fast: Vec<Planned>,
    slow: Vec<Planned>,
    databases: Vec<Planned>,
}

impl Split {
    fn of(plan: &ReaderPlan) -> Self {
        let mut split = Self::default();
        let one_lane = matches!(plan, ReaderPlan::Sql(_));
        for planned in plan.planned() {
            let lane = match planned.scope() {
                Scope::Database => &mut split.databases,
                Scope::Server if planned.interval() < FAST && !one_lane => &mut split.fast,
                Scope::Server => &mut split.slow,
            };
            lane.push(planned);
        }
        split
    }
}
