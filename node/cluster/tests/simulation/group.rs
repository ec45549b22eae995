//! The Raft group as the nodes see it: one log of views, numbered by a leader that has a majority of three
//! voters. It is no Raft, only what can be seen of one: commits take a moment, come to each node a little
//! later, and stop for a second or two when the leader is lost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::future::BoxFuture;
use ringwatch_cluster::member::{Incarnation, NodeId};
use ringwatch_cluster::numbering::{Committed, GroupStanding, NotCommitted, Numbering};
use ringwatch_frame::TargetId;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::network::{Network, name};
use crate::switch::Switch;

/// How often the group is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// A node that hears no leader for this long sees no quorum.
const UNHEARD: Duration = Duration::from_millis(500);
/// A proposal without an answer.
const LATE: Duration = Duration::from_secs(2);

pub(crate) struct Group {
    network: Arc<Network>,
    voters: Vec<NodeId>,
    state: Mutex<State>,
}

struct State {
    rng: fastrand::Rng,
    nodes: BTreeMap<NodeId, Node>,
    committed: Option<Arc<Committed>>,
    /// How many views had other pins than the one before.
    pinned: usize,
    founded: bool,
    leader: Option<Incarnation>,
    /// When the next leader is elected.
    election: Option<Instant>,
    lossy: bool,
}

struct Node {
    life: Incarnation,
    switch: Switch,
    committed: watch::Sender<Option<Arc<Committed>>>,
    standing: watch::Sender<GroupStanding>,
    heard: Option<Instant>,
}

impl Group {
    /// A group whose life begins when its voters are there. It goes on as long as the runtime.
    pub(crate) fn start(seed: u64, network: &Arc<Network>) -> Arc<Self> {
        let state = State {
            rng: fastrand::Rng::with_seed(seed ^ 0x6772_6f75),
            nodes: BTreeMap::new(),
            committed: None,
            pinned: 0,
            founded: false,
            leader: None,
            election: None,
            lossy: false,
        };
        let group = Arc::new(Self {
            network: Arc::clone(network),
            voters: (1..=3).map(name).collect(),
            state: Mutex::new(state),
        });
        let watched = Arc::downgrade(&group);
        tokio::spawn(async move {
            let mut looks = interval(LOOK);
            looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                looks.tick().await;
                let Some(group) = watched.upgrade() else { return };
                group.look(Instant::now());
            }
        });
        group
    }

    /// A process that takes part.
    pub(crate) fn join(
        self: &Arc<Self>,
        life: &Incarnation,
        switch: &Switch,
        weights: Arc<BTreeMap<TargetId, f64>>,
    ) -> Arc<dyn Numbering> {
        let node = Node {
            life: life.clone(),
            switch: switch.clone(),
            committed: watch::Sender::new(None),
            standing: watch::Sender::new(GroupStanding::default()),
            heard: None,
        };
        let numbering = SimNumbering {
            group: Arc::clone(self),
            life: life.clone(),
            committed: node.committed.subscribe(),
            standing: node.standing.subscribe(),
            weights,
        };
        self.state().nodes.insert(life.node.clone(), node);
        Arc::new(numbering)
    }

    /// One commit of so many seems to be lost.
    pub(crate) fn lose_answers(&self, lossy: bool) {
        self.state().lossy = lossy;
    }

    /// For how long this life has not seen a quorum; `None`: it sees one.
    pub(crate) fn without(&self, life: &Incarnation) -> Option<Duration> {
        let state = self.state();
        let node = state.nodes.get(&life.node)?;
        if node.standing.borrow().quorum {
            return None;
        }
        Some(
            node.heard
                .map_or(Duration::MAX, |heard| heard.elapsed().saturating_sub(UNHEARD)),
        )
    }

    /// Who leads now.
    pub(crate) fn leader(&self) -> Option<NodeId> {
        self.state().leader.as_ref().map(|life| life.node.clone())
    }

    /// How many views had other pins than the one before.
    pub(crate) fn pinned(&self) -> usize {
        self.state().pinned
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Whether these two hear each other, and both run.
    fn joins(&self, state: &State, a: &NodeId, b: &NodeId) -> bool {
        let runs = |node| state.nodes.get(node).is_some_and(|node| node.switch.is_running());
        runs(a) && runs(b) && !self.network.is_cut(a, b)
    }

    fn has_majority(&self, state: &State, node: &NodeId) -> bool {
        let reached = self.voters.iter().filter(|voter| self.joins(state, node, voter));
        2 * reached.count() > self.voters.len()
    }

    fn leads(&self, state: &State, life: &Incarnation) -> bool {
        let present = state.nodes.get(&life.node).map(|node| &node.life);
        state.leader.as_ref() == Some(life) && present == Some(life) && self.has_majority(state, &life.node)
    }

    fn look(&self, now: Instant) {
        let state = &mut *self.state();
        if !state.founded {
            let runs = |voter| self.joins(state, voter, voter);
            state.founded = self.voters.iter().all(runs);
            state.election = state.founded.then_some(now + Duration::from_millis(500));
        }
        if !state.founded {
            return;
        }
        self.elect(state, now);
        self.tell(state, now);
    }

    fn elect(&self, state: &mut State, now: Instant) {
        if state
            .leader
            .clone()
            .is_some_and(|leader| self.leads(state, &leader))
        {
            return;
        }
        if state.leader.take().is_some() {
            let wait = Duration::from_millis(state.rng.u64(1_000..2_000));
            state.election = Some(now + wait);
        }
        if state.election.is_some_and(|at| now < at) {
            return;
        }
        let fit: Vec<&NodeId> = self
            .voters
            .iter()
            .filter(|voter| self.has_majority(state, voter))
            .collect();
        if fit.is_empty() {
            return;
        }
        let chosen = fit[state.rng.usize(..fit.len())];
        state.leader = state.nodes.get(chosen).map(|node| node.life.clone());
    }

    /// Lets each node know what it can hear from the leader.
    fn tell(&self, state: &mut State, now: Instant) {
        let leader = state.leader.clone();
        let voters = self.voters.iter();
        let missing: Vec<NodeId> = voters
            .filter(|voter| {
                leader
                    .as_ref()
                    .is_none_or(|leader| !self.joins(state, &leader.node, voter))
            })
            .cloned()
            .collect();
        let hear: Vec<NodeId> = state
            .nodes
            .keys()
            .filter(|node| {
                leader
                    .as_ref()
                    .is_some_and(|leader| self.joins(state, &leader.node, node))
            })
            .cloned()
            .collect();
        let State {
            nodes,
            rng,
            committed,
            ..
        } = state;
        for (id, node) in nodes.iter_mut().filter(|(_, node)| node.switch.is_running()) {
            let hears = hear.contains(id);
            let leads = leader.as_ref() == Some(&node.life);
            if hears {
                node.heard = Some(now);
            }
            let lately = node.heard.is_some_and(|heard| now < heard + UNHEARD);
            let standing = GroupStanding {
                leads: leads && hears,
                leader: leader
                    .as_ref()
                    .filter(|_| hears)
                    .map(|leader| leader.node.clone()),
                quorum: lately,
                founded: node.heard.is_some(),
                missing: if lately { Vec::new() } else { missing.clone() },
                waiting: node.heard.is_none().then(|| "2 of 3 voters have met".into()),
            };
            node.standing.send_if_modified(|known| {
                let changed = *known != standing;
                *known = standing;
                changed
            });
            // Whoever does not lead hears of a commit with one of the next messages.
            if hears && (leads || rng.u8(..3) == 0) {
                node.deliver(committed.as_ref());
            }
        }
    }

    async fn propose(&self, life: &Incarnation, next: Committed) -> Result<(), NotCommitted> {
        let (leads, sync) = {
            let state = &mut *self.state();
            (self.leads(state, life), state.rng.u64(2..10))
        };
        if !leads {
            sleep(LATE).await;
            return Err(NotCommitted::Unknown);
        }
        sleep(Duration::from_millis(sync)).await;
        let lost = {
            let state = &mut *self.state();
            if self.leads(state, life) {
                let present = state.committed.as_ref().map_or(0, |view| view.number);
                if next.number != present + 1 {
                    return Err(NotCommitted::Overtaken { present });
                }
                check(&next);
                let pins = state.committed.as_ref().map(|view| view.pins.clone());
                state.pinned += usize::from(pins.unwrap_or_default() != next.pins);
                state.committed = Some(Arc::new(next));
                if let Some(node) = state.nodes.get(&life.node) {
                    node.deliver(state.committed.as_ref());
                }
                state.lossy && state.rng.u8(..20) == 0
            } else {
                true
            }
        };
        if lost {
            sleep(LATE).await;
            return Err(NotCommitted::Unknown);
        }
        Ok(())
    }
}

impl Node {
    fn deliver(&self, committed: Option<&Arc<Committed>>) {
        let number = |view: Option<&Arc<Committed>>| view.map_or(0, |view| view.number);
        self.committed.send_if_modified(|known| {
            let newer = number(committed) > number(known.as_ref());
            if newer {
                *known = committed.cloned();
            }
            newer
        });
    }
}

/// What the group's state machine would refuse.
fn check(view: &Committed) {
    assert!(!view.seats.is_empty(), "an empty view: {view:?}");
    assert!(
        view.seats.is_sorted_by(|a, b| a.node < b.node),
        "seats out of order, or twice: {view:?}"
    );
}

/// The group of one process.
struct SimNumbering {
    group: Arc<Group>,
    life: Incarnation,
    committed: watch::Receiver<Option<Arc<Committed>>>,
    standing: watch::Receiver<GroupStanding>,
    weights: Arc<BTreeMap<TargetId, f64>>,
}

impl Numbering for SimNumbering {
    fn committed(&self) -> watch::Receiver<Option<Arc<Committed>>> {
        self.committed.clone()
    }

    fn standing(&self) -> watch::Receiver<GroupStanding> {
        self.standing.clone()
    }

    fn propose<'a>(&'a self, next: Committed, _: String) -> BoxFuture<'a, Result<(), NotCommitted>> {
        Box::pin(self.group.propose(&self.life, next))
    }

    fn weights(&self) -> Arc<BTreeMap<TargetId, f64>> {
        Arc::clone(&self.weights)
    }

    fn rebalances(&self) -> bool {
        true
    }
}
