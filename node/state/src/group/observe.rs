//! Sees how the group stands, says so, and decides whether this node may stand for election.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use openraft::ServerState;
use openraft::error::Fatal;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep, timeout};

use super::directory::{Directory, Role};
use super::run::{CONFIRMED, End, leads};
use super::standing::{Announcement, Standing};
use super::types::RaftMetrics;
use super::{Core, Run, admission};

/// How often it looks although nothing has changed.
const EVERY: Duration = Duration::from_millis(100);
/// The least time between two looks.
const AT_MOST: Duration = Duration::from_millis(10);
/// How often sizes are shown.
const SIZES: Duration = Duration::from_secs(1);

/// Waits for a change. A channel whose sender is gone never changes.
pub(crate) async fn changed<T>(channel: &mut watch::Receiver<T>) {
    if channel.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Observes until openraft ends.
pub(crate) async fn observe(
    core: Arc<Core>,
    run: Arc<Run>,
    mut waiting: watch::Receiver<Option<String>>,
) -> End {
    let mut metrics = run.raft.metrics();
    let mut directory = core.parts.directory.clone();
    let mut observer = Observer::new(&core, &run);
    loop {
        if metrics.has_changed().unwrap_or(false) {
            observer.heard_of = Instant::now();
        }
        let now = metrics.borrow_and_update().clone();
        if let Err(fatal) = &now.running_state {
            return ended(fatal);
        }
        let peers = Arc::clone(&directory.borrow_and_update());
        let waits_for = waiting.borrow_and_update().clone();
        observer.look(&now, &peers, waits_for).await;
        sleep(AT_MOST).await;
        tokio::select! {
            () = sleep(EVERY) => {}
            () = changed(&mut directory) => {}
            () = changed(&mut waiting) => {}
            changed = metrics.changed() => match changed {
                Ok(()) => observer.heard_of = Instant::now(),
                Err(_) => return End::Failed("the group's engine has ended".into()),
            },
        }
    }
}

/// Why openraft ended, and what is to be done.
fn ended(fatal: &Fatal<u64>) -> End {
    match fatal {
        Fatal::StorageError(error) => End::Reopen(format!("the store of the group failed: {error}")),
        Fatal::Panicked => End::Reopen("the engine of the group panicked".into()),
        Fatal::Stopped => End::Failed("this node's part of the group was stopped".into()),
    }
}

/// What an observer remembers.
struct Observer<'a> {
    core: &'a Core,
    run: &'a Run,
    /// When openraft last said anything. It says something at every heartbeat, unless it hangs.
    heard_of: Instant,
    /// The last index known to be committed, and when it was asked for.
    commit: (u64, Instant),
    sizes: Option<Instant>,
    /// The index at which the announcement was made.
    announced: Option<u64>,
}

impl<'a> Observer<'a> {
    fn new(core: &'a Core, run: &'a Run) -> Self {
        Self {
            core,
            run,
            heard_of: Instant::now(),
            commit: (0, Instant::now()),
            sizes: None,
            announced: None,
        }
    }

    async fn look(&mut self, metrics: &RaftMetrics, directory: &Directory, waiting: Option<String>) {
        let id = self.run.identity.raft_id;
        if self.run.identity.group() == 0 && self.run.identity.begun() != 0 && metrics.last_applied.is_some()
        {
            admission::agreed(self.run).await;
        }
        if metrics.last_applied.is_some() {
            self.show_state();
        }
        let may_elect = may_elect(metrics, directory, id) && !self.run.resigns();
        self.run.raft.runtime_config().elect(may_elect);
        self.run.identity.set_leads(self.leads(metrics));
        self.run.note_leading(metrics.state == ServerState::Leader);
        self.ask_commit().await;
        let standing = self.standing(metrics, directory, waiting);
        self.core.metrics.show(&standing);
        self.announce(&standing);
        self.core.standing.send_if_modified(|now| {
            let before = std::mem::replace(now, standing);
            before != *now
        });
        if self.sizes.is_none_or(|at| at.elapsed() >= SIZES) {
            self.sizes = Some(Instant::now());
            let now = self.core.parts.clock.now().unix_nanos();
            self.run
                .shared
                .read(|machine| self.core.metrics.show_state(machine, now));
        }
    }

    /// Whether this node leads for sure. A group of one has nobody who could depose it.
    fn leads(&self, metrics: &RaftMetrics) -> bool {
        let voters = metrics.membership_config.membership().voter_ids().count();
        leads(metrics) && (voters == 1 || self.heard_of.elapsed() < CONFIRMED)
    }

    fn standing(
        &mut self,
        metrics: &RaftMetrics,
        directory: &Directory,
        waiting: Option<String>,
    ) -> Standing {
        let founded = self.run.identity.group() != 0;
        let role = role(metrics, founded);
        let leads = self.leads(metrics) && founded;
        let heard = role != Role::Leader && metrics.current_leader.is_some() && self.run.hears_leader();
        let quorum = founded && (leads || heard);
        let nodes = Run::nodes(metrics);
        let membership = metrics.membership_config.membership();
        let name = |id: u64| nodes.get(&id).cloned().unwrap_or_else(|| id.to_string());
        let names = |ids: &mut dyn Iterator<Item = u64>| {
            let names: BTreeSet<String> = ids.map(name).collect();
            names.into_iter().collect::<Vec<_>>()
        };
        let me = self.run.identity.raft_id;
        let missing = |id: &u64| *id != me && directory.by_raft(*id).is_none();
        let applied = metrics.last_applied.map_or(0, |id| id.index);
        Standing {
            founded,
            role,
            leader: metrics.current_leader.filter(|_| founded).map(name),
            leads,
            quorum,
            missing: names(&mut membership.voter_ids().filter(missing)),
            voters: names(&mut membership.voter_ids()),
            learners: names(&mut membership.learner_ids()),
            term: metrics.current_term,
            commit: self.commit.0.max(applied),
            applied,
            last_log: metrics.last_log_index.unwrap_or(0),
            waiting: match founded {
                true if quorum => None,
                true => other_group(directory, self.run.identity.group()),
                false => waiting,
            },
            failed: None,
        }
    }

    /// From here on the state of this run is read. Before, what the last one knew stayed in force: a new
    /// store holds nothing until it was fetched.
    fn show_state(&self) {
        if !Arc::ptr_eq(&self.core.shared.load(), &self.run.shared) {
            self.core.shared.store(Arc::clone(&self.run.shared));
            self.core.touch_all();
        }
    }

    /// Asks openraft, which may be busy, now and then for the last committed index.
    async fn ask_commit(&mut self) {
        if self.commit.1.elapsed() < EVERY {
            return;
        }
        let ask = self
            .run
            .raft
            .with_raft_state(|state| state.committed.map_or(0, |id| id.index));
        if let Ok(Ok(commit)) = timeout(EVERY, ask).await {
            self.commit.0 = commit;
        }
        self.commit.1 = Instant::now();
    }

    fn announce(&mut self, standing: &Standing) {
        let (shared, identity) = (&self.run.shared, &self.run.identity);
        let mut next = *self.core.announcement.borrow();
        next.id = identity.raft_id;
        next.group = identity.group();
        next.role = standing.role;
        if self.announced != Some(standing.applied) {
            self.announced = Some(standing.applied);
            let checkpoint = shared.checkpoint();
            let (dataset, hash) =
                shared.read(|machine| (machine.dataset().version(), machine.dataset().hash()));
            next = Announcement {
                checkpoint: checkpoint.index,
                digest: checkpoint.digest,
                dataset,
                dataset_hash: hash,
                ..next
            };
        }
        self.core
            .announcement
            .send_if_modified(|now| std::mem::replace(now, next) != next);
    }
}

/// What to do when the living others belong to another group than this node.
fn other_group(directory: &Directory, group: u64) -> Option<String> {
    let others = directory.peers.iter().filter(|peer| peer.alive && !peer.is_me);
    let mut groups = others.map(|peer| peer.group()).filter(|group| *group != 0);
    let other = groups.next()?;
    let foreign = other != group && groups.all(|another| another != group);
    foreign.then(|| {
        format!(
            "the store of this node belongs to group {group} and the others to {other}: \
             move its data directory away and start it again"
        )
    })
}

fn role(metrics: &RaftMetrics, founded: bool) -> Role {
    match metrics.state {
        _ if !founded => Role::None,
        ServerState::Leader => Role::Leader,
        ServerState::Follower | ServerState::Candidate => Role::Follower,
        ServerState::Learner => Role::Learner,
        ServerState::Shutdown => Role::None,
    }
}

/// Whether the gossip shows a majority of the voters alive, this node counted: only then does standing for
/// election more than disturb.
fn may_elect(metrics: &RaftMetrics, directory: &Directory, me: u64) -> bool {
    let configs = metrics.membership_config.membership().get_joint_config();
    let alive = |id: &&u64| **id == me || directory.by_raft(**id).is_some();
    configs
        .iter()
        .all(|voters| voters.iter().filter(alive).count() > voters.len() / 2)
}

/// Hands on what is touched to those who listen to this node's part, whatever its run.
pub(crate) async fn hand_on(core: Arc<Core>, run: Arc<Run>) -> End {
    let mut touched = run.shared.touched();
    loop {
        match touched.recv().await {
            // Nobody listens: nobody needs to know.
            Ok(some) => drop(core.touched.send(some)),
            Err(broadcast::error::RecvError::Lagged(_)) => core.touch_all(),
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}
