//! From its parts to a node that is ready to start.

use std::net::SocketAddr;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use prometheus::Registry;
use ringwatch_frame::{Clock, TargetId};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::effect::Fixed;
use super::gate::Gate;
use super::handle::{ClusterControl, ClusterNode};
use super::knowledge::Knowledge;
use super::metrics::Metrics;
use super::receive::{Door, Question};
use super::run::{self, Groups};
use super::status::Status;
use super::steer::Steering;
use super::{Collecting, Covering, May, MovesCap, Wishes};
use crate::gossip::Gossip;
use crate::member::Incarnation;
use crate::memories::Memories;
use crate::numbering::{Announced, Numbering};
use crate::peer::{Answers, Peers};
use crate::pulse::Pulse;
use crate::replicate::start_replication;
use crate::roster::{Me, Roster, Timing};
use crate::timekeeping::Timekeeper;

/// Questions of peers that wait for the loop. It answers within milliseconds, so more than these are a flood.
const QUESTIONS: usize = 256;
/// Orders of operators that wait for the loop.
const ORDERS: usize = 16;

/// What a node of the cluster is made of.
pub struct ClusterParts {
    /// This life of this node.
    pub me: Incarnation,
    /// The cluster's name.
    pub cluster: String,
    /// The program's version.
    pub version: String,
    /// Where peers and clients reach this node's gRPC port.
    pub grpc_address: String,
    /// Where peers reach its gossip; `None` without gossip.
    pub gossip_address: Option<SocketAddr>,
    /// Its points on the ring: [`POINTS`](crate::ring::POINTS) times its weight.
    pub points: u32,
    /// How long is silent, how long is held down.
    pub timing: Timing,
    /// How often a target may be handed over.
    pub moves: MovesCap,
    /// Whether this node reads for owners that do not: then a dead owner's targets are taken over with less
    /// hurry.
    pub covers: bool,
    /// Wall-clock time.
    pub clock: Clock,
    /// Where its metrics are registered.
    pub registry: Registry,
    /// The targets of the configuration.
    pub targets: watch::Receiver<Arc<[TargetId]>>,
    /// `None`: a cluster of one.
    pub gossip: Option<Gossip>,
    /// How other nodes are called.
    pub peers: Arc<dyn Peers>,
    /// The Raft group, which numbers the views.
    pub numbering: Arc<dyn Numbering>,
    /// What the group wants to be said by gossip.
    pub announcement: watch::Receiver<Announced>,
    /// The pulse; the gossip beats it, and without gossip the node does.
    pub pulse: Arc<Pulse>,
}

/// A node that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Its metrics are registered already, as when two nodes share a registry.
    #[error("the cluster's metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// A node that knows what it needs and has not started. Others get from it what they are wired with.
pub struct Prepared {
    gate: Arc<Gate>,
    memories: Arc<Memories>,
    answers: Arc<Door>,
    questions: mpsc::Receiver<Question>,
    knowledge: watch::Sender<Arc<Knowledge>>,
    status: watch::Sender<Status>,
    wishes: watch::Sender<Wishes>,
    parts: ClusterParts,
    steering: Steering,
}

/// Builds a node from its parts. It does nothing before [`Prepared::start`], and answers peers from then on.
///
/// # Errors
/// When its metrics cannot be registered.
pub fn prepare_cluster(parts: ClusterParts) -> Result<Prepared, ClusterError> {
    let metrics = Metrics::new(&parts.registry)?;
    let memories = Memories::new(&parts.registry)?;
    memories.follow(Arc::clone(&parts.pulse));
    let gate = Arc::new(Gate::new(Arc::clone(&parts.pulse)));
    let (asks, questions) = mpsc::channel(QUESTIONS);
    let answers = Arc::new(Door {
        questions: asks,
        memories: Arc::clone(&memories),
        metrics: metrics.clone(),
        clock: parts.clock.clone(),
    });
    let nothing = Knowledge::nothing(&parts.cluster, &parts.me.node);
    let me = Me {
        who: parts.me.clone(),
        gossip_address: parts.gossip_address,
    };
    let fixed = Fixed {
        me: parts.me.clone(),
        cluster: parts.cluster.clone(),
        version: parts.version.clone(),
        grpc_address: parts.grpc_address.clone(),
        points: parts.points.max(1),
        moves: parts.moves,
        covers: parts.covers,
    };
    let shared = (Arc::clone(&parts.pulse), Arc::clone(&gate), Arc::clone(&memories));
    let roster = Roster::new(me, parts.timing);
    let steering = Steering::new(fixed, shared, metrics, roster, Instant::now());
    Ok(Prepared {
        gate,
        memories,
        answers,
        questions,
        knowledge: watch::Sender::new(Arc::new(nothing)),
        status: watch::Sender::new(Status::default()),
        wishes: watch::Sender::new(Wishes::default()),
        parts,
        steering,
    })
}

impl Prepared {
    /// Says which targets may be read.
    pub fn gate(&self) -> Arc<Gate> {
        Arc::clone(&self.gate)
    }

    /// What is remembered of targets.
    pub fn memories(&self) -> Arc<Memories> {
        Arc::clone(&self.memories)
    }

    /// Answers peers.
    pub fn answers(&self) -> Arc<dyn Answers> {
        Arc::clone(&self.answers) as Arc<dyn Answers>
    }

    /// The targets for which this node stands by, now and whenever that changes.
    pub fn covers(&self) -> watch::Receiver<Arc<[Covering]>> {
        self.steering.covers.subscribe()
    }

    /// Asks the standbys of targets of ours, when their lanes are late.
    pub fn may(&self) -> May {
        May::new(&self.memories, &self.parts.peers)
    }

    /// What the node knows, now and whenever that changes.
    pub fn knowledge(&self) -> watch::Receiver<Arc<Knowledge>> {
        self.knowledge.subscribe()
    }

    /// How far the node is, now and whenever that changes.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Starts the node. It collects nothing before it is told that it can ([`ClusterNode::ready`]).
    pub fn start(self, collecting: Arc<dyn Collecting>) -> ClusterNode {
        self.start_with(collecting, |node| tokio::spawn(node))
    }

    /// As [`start`](Self::start), with another way to run the node's loop: one that can hold it up, for
    /// example.
    pub fn start_with(
        self,
        collecting: Arc<dyn Collecting>,
        spawn: impl FnOnce(BoxFuture<'static, ()>) -> JoinHandle<()>,
    ) -> ClusterNode {
        let stop = CancellationToken::new();
        let (orders, ordered) = mpsc::channel(ORDERS);
        let control = ClusterControl {
            wishes: self.wishes.clone(),
            status: self.status.subscribe(),
            knowledge: self.knowledge.subscribe(),
            orders,
            events: self.steering.events.clone(),
            clock: self.parts.clock.clone(),
        };
        let comparing = self.parts.gossip.is_some().then(|| {
            let (clock, knowledge) = (self.parts.clock.clone(), self.knowledge.subscribe());
            Timekeeper::start(clock, knowledge, Arc::clone(&self.parts.peers))
        });
        let inner = run::Inner {
            steering: self.steering,
            questions: self.questions,
            orders: ordered,
            group: Groups {
                committed: self.parts.numbering.committed(),
                standing: self.parts.numbering.standing(),
                announcement: self.parts.announcement,
                numbering: self.parts.numbering,
            },
            knowledge: self.knowledge,
            status: self.status,
            wishes: self.wishes.subscribe(),
            targets: self.parts.targets,
            clock: self.parts.clock,
            gossip: self.parts.gossip,
            pulse: self.parts.pulse,
            _replicator: start_replication(&self.memories, Arc::clone(&self.parts.peers)),
            peers: self.parts.peers,
            collecting,
            memories: self.memories,
            _timekeeper: comparing,
        };
        let task = AbortOnDropHandle::new(spawn(run::run(inner, stop.clone()).boxed()));
        ClusterNode::new(control, stop, task)
    }
}
