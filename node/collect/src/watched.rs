//! One target under watch: its health and its lanes, from its start to its end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ringwatch_catalogue::model::Scope;
use ringwatch_frame::TargetId;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::health::Health;
use crate::lane::{Env, Lane};
use crate::meters::{Meters, TargetMeters};
use crate::plan::PlannedStream;
use crate::session::Connector;
use crate::target::TargetSpec;

/// Streams that are read more often than this have a lane of their own.
const FAST: Duration = Duration::from_secs(5);
/// How many connections to single databases a target may keep open.
const DATABASE_CONNECTIONS: usize = 5;

/// The targets that run with the receiver that reads each, for those who ask how they do.
pub(crate) type Running = Arc<Mutex<BTreeMap<TargetId, (Arc<str>, Arc<Health>)>>>;

/// One target under watch.
pub(crate) struct Watched<C> {
    pub(crate) env: Arc<Env<C>>,
    pub(crate) spec: Arc<TargetSpec>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) running: Running,
    pub(crate) cancel: CancellationToken,
}

impl<C: Connector> Watched<C> {
    /// Runs the lanes until they are cancelled, after what ran `before` under the same name has ended: the two
    /// together would take twice the connections.
    pub(crate) async fn run(self, before: Option<AbortOnDropHandle<()>>) {
        if let Some(before) = before {
            // One that panicked has ended too.
            let _ = before.await;
        }
        if self.cancel.is_cancelled() {
            return;
        }
        let health = Arc::new(Health::new(
            &self.spec.id,
            TargetMeters::new(&self.spec.id, &self.meters),
        ));
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(
                self.spec.id.clone(),
                (Arc::clone(&self.spec.source), Arc::clone(&health)),
            );
        let mut lanes = self.lanes(&health);
        tracing::info!(target = %self.spec.id, source = %self.spec.source, lanes = lanes.len(), "target is watched");
        while let Some(ended) = lanes.join_next().await {
            if let Err(error) = ended {
                tracing::error!(target = %self.spec.id, %error, "a lane of the target broke off: report this");
            }
        }
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.spec.id);
        tracing::info!(target = %self.spec.id, "target is not watched any more");
    }

    fn lanes(&self, health: &Arc<Health>) -> JoinSet<()> {
        let lane = |connections| Lane::new(&self.env, &self.spec, health, &self.cancel, connections);
        let split = Split::of(self.spec.plan.streams());
        let mut lanes = JoinSet::new();
        for streams in [split.fast, split.slow] {
            if !streams.is_empty() {
                lanes.spawn(lane(1).of_server(&streams).run());
            }
        }
        if !split.databases.is_empty() {
            lanes.spawn(lane(DATABASE_CONNECTIONS).of_databases(split.databases).run());
        }
        lanes
    }
}

/// Which lane reads which stream.
#[derive(Default)]
struct Split {
    fast: Vec<Arc<PlannedStream>>,
    slow: Vec<Arc<PlannedStream>>,
    databases: Vec<Arc<PlannedStream>>,
}

impl Split {
    fn of(streams: &[Arc<PlannedStream>]) -> Self {
        let mut split = Self::default();
        for planned in streams {
            let lane = match planned.stream.scope {
                Scope::Database => &mut split.databases,
                Scope::Server if planned.interval < FAST => &mut split.fast,
                Scope::Server => &mut split.slow,
            };
            lane.push(Arc::clone(planned));
        }
        split
    }
}
