//! Starts and stops the lanes of each target as the list of targets changes, and the standbys of others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::TargetId;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::cover::{Cover, Covering, Post, StandbyMode};
use crate::lane::Env;
use crate::live::Live;
use crate::meters::{Meters, TargetMeters};
use crate::reconcile::reconcile;
use crate::session::Connector;
use crate::target::{TargetSpec, Targets};
use crate::watched::{Running, Watched};

/// How long the counts of a standby are told after its end: it may have covered a few ticks just before.
const TOLD: Duration = Duration::from_secs(120);

/// A running task of one target.
struct Task {
    cancel: CancellationToken,
    handle: AbortOnDropHandle<()>,
}

/// Follows the lists.
pub(crate) struct Supervisor<C: Connector> {
    env: Arc<Env<C>>,
    meters: Arc<Meters>,
    mode: StandbyMode,
    cancel: CancellationToken,
    specs: BTreeMap<TargetId, Arc<TargetSpec>>,
    tasks: BTreeMap<TargetId, Task>,
    /// Those that this node stands by for. None of them is read by it.
    covers: BTreeMap<TargetId, (Cover, Task)>,
    /// Tasks of targets that are gone and finish their last reading. A target that comes back waits for its
    /// own.
    leaving: BTreeMap<TargetId, AbortOnDropHandle<()>>,
    /// Targets that a receiver wants and another one reads, as they were told.
    doubles: BTreeSet<(TargetId, Arc<str>)>,
    /// The counts of standbys that have ended.
    told: Vec<(Instant, TargetMeters)>,
    running: Running,
    live: Live,
}

impl<C: Connector> Supervisor<C> {
    /// Nothing runs yet.
    pub(crate) fn new(
        env: Arc<Env<C>>,
        meters: Arc<Meters>,
        mode: StandbyMode,
        cancel: CancellationToken,
        (running, live): (Running, Live),
    ) -> Self {
        Self {
            env,
            meters,
            mode,
            cancel,
            specs: BTreeMap::new(),
            tasks: BTreeMap::new(),
            covers: BTreeMap::new(),
            leaving: BTreeMap::new(),
            doubles: BTreeSet::new(),
            told: Vec::new(),
            running,
            live,
        }
    }

    /// Follows the lists until it is cancelled, and ends all.
    pub(crate) async fn run(
        mut self,
        mut targets: watch::Receiver<Targets>,
        mut covers: watch::Receiver<Arc<[Cover]>>,
        mut asked: mpsc::Receiver<oneshot::Sender<()>>,
    ) {
        // When nobody can change a list any more, it stays as it is.
        let (mut changes, mut moves) = (true, true);
        while !self.cancel.is_cancelled() {
            let (wanted, covered) = lists(&mut targets, &mut covers);
            self.follow(&wanted, &covered);
            self.told.retain(|(until, _)| Instant::now() < *until);
            let forget = self.told.iter().map(|(until, _)| *until).min();
            tokio::select! {
                () = self.cancel.cancelled() => {}
                changed = targets.changed(), if changes => changes = changed.is_ok(),
                changed = covers.changed(), if moves => moves = changed.is_ok(),
                () = tokio::time::sleep_until(forget.unwrap_or_else(Instant::now)), if forget.is_some() => {}
                Some(done) = asked.recv() => {
                    let (wanted, covered) = lists(&mut targets, &mut covers);
                    self.follow(&wanted, &covered);
                    // Whoever asked may have gone.
                    let _ = done.send(());
                }
            }
        }
        let tasks = std::mem::take(&mut self.tasks).into_values();
        let covers = std::mem::take(&mut self.covers).into_values();
        for task in tasks.chain(covers.map(|(_, task)| task)) {
            // A task that panicked has ended too.
            let _ = task.handle.await;
        }
        for handle in self.leaving.into_values() {
            let _ = handle.await;
        }
    }

    fn follow(&mut self, wanted: &[Arc<TargetSpec>], covers: &[Cover]) {
        self.leaving.retain(|_, handle| !handle.is_finished());
        self.uncover(wanted, covers);
        let changes = reconcile(&self.specs, wanted);
        self.tell(changes.doubles);
        for id in changes.stop {
            self.specs.remove(&id);
            if let Some(task) = self.tasks.remove(&id) {
                self.leave(id, task);
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
        self.cover(covers);
    }

    /// Lets a task end.
    fn leave(&mut self, id: TargetId, task: Task) {
        task.cancel.cancel();
        // It has itself waited for what was leaving when it was started.
        self.leaving.insert(id, task.handle);
    }

    /// Ends the standbys that are not wanted any more: the target is read here, or another node stands by.
    fn uncover(&mut self, wanted: &[Arc<TargetSpec>], covers: &[Cover]) {
        let stays = |id: &TargetId, cover: &Cover| {
            covers.iter().any(|other| other.same(cover)) && wanted.iter().all(|spec| spec.id != *id)
        };
        let gone = self.covers.extract_if(.., |id, (cover, _)| !stays(id, cover));
        for (id, (_, task)) in gone.collect::<Vec<_>>() {
            let counts = TargetMeters::of_standby(&id, &self.meters);
            self.told.push((Instant::now() + TOLD, counts));
            self.leave(id, task);
        }
    }

    /// Stands by for those that nothing here reads.
    fn cover(&mut self, covers: &[Cover]) {
        if self.mode == StandbyMode::None {
            return;
        }
        for cover in covers {
            let id = &cover.target.id;
            if self.covers.contains_key(id) || self.specs.contains_key(id) {
                continue;
            }
            let cancel = self.cancel.child_token();
            let post = Post {
                spec: Arc::clone(&cover.target),
                owner: cover.owner.clone(),
                mode: self.mode,
                cancel: cancel.clone(),
                stopping: self.cancel.clone(),
            };
            let before = self.leaving.remove(id);
            let covering = Covering::new(&self.env, post, &self.meters);
            let handle = AbortOnDropHandle::new(tokio::spawn(covering.run(before)));
            self.covers
                .insert(id.clone(), (cover.clone(), Task { cancel, handle }));
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

/// Both lists as they are now.
fn lists(
    targets: &mut watch::Receiver<Targets>,
    covers: &mut watch::Receiver<Arc<[Cover]>>,
) -> (Targets, Arc<[Cover]>) {
    let wanted = Arc::clone(&targets.borrow_and_update());
    (wanted, Arc::clone(&covers.borrow_and_update()))
}
