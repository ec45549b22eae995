//! Members: what the gossip tells of them, and what we make of it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use ringwatch_frame::{TargetId, Tick};
use xxhash_rust::xxh3::xxh3_64;

/// The name of a node, unique in its cluster.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// The node of this name.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One life of a node, from the start of its process to its end. A higher generation is a later life.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Incarnation {
    /// The node.
    pub node: NodeId,
    /// Which life.
    pub generation: u64,
}

/// A target in few bytes: the hash of its name. It places the target on the ring, and names it in the gossip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetKey(pub u64);

impl From<&TargetId> for TargetKey {
    fn from(target: &TargetId) -> Self {
        Self(xxh3_64(target.as_str().as_bytes()))
    }
}

/// What a node says of its own life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// It has started and has not met the others yet.
    Joining,
    /// It takes targets.
    Ready,
    /// It hands its targets over.
    Draining,
    /// It has handed over everything and goes.
    Left,
}

/// The version of what nodes say to each other. A node of version 1 does not say so.
pub const PROTOCOL: u32 = 2;
/// From this version on standbys answer what they are told.
pub(crate) const ANSWERING: u32 = 2;

/// What a node says of itself, by gossip.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// Where it is in its life.
    pub stage: Stage,
    /// Where its gRPC port is reached.
    pub grpc_address: String,
    /// The program's version.
    pub version: String,
    /// How many points it has on the ring; at least 1.
    pub points: u32,
    /// The number of its present view, as the group committed it; 0: it has none.
    pub view: u64,
    /// A hash of the targets that its configuration names.
    pub targets: u64,
    /// The targets that it collects, sorted.
    pub owned: Arc<[TargetKey]>,
    /// Lives that it keeps out of its ring though they may be alive: they were silent for too long, or came back after that.
    pub excluded: Arc<[Incarnation]>,
    /// Its part in the Raft group; `None`: it has none yet, or says nothing of it.
    pub raft: Option<SaidRaft>,
    /// Version and hash of the data set that it has applied; (0, 0): none.
    pub dataset: (u64, u64),
    /// Which version of what nodes say to each other it speaks; see [`PROTOCOL`].
    pub protocol: u32,
}

/// What a node says of its part in the Raft group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SaidRaft {
    /// Its id in the group, of its store: a new store has a new one. Never 0.
    pub id: u64,
    /// Which group it is in; 0: none yet.
    pub group: u64,
    /// What it is in the group.
    pub role: SaidRole,
    /// The last index at which the digest of its state was taken; 0: none.
    pub checkpoint: u64,
    /// The digest at that index.
    pub digest: u64,
}

/// What a node is in the Raft group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SaidRole {
    /// Nothing yet.
    #[default]
    None,
    /// It leads.
    Leader,
    /// It votes.
    Follower,
    /// It reads along.
    Learner,
}

/// One life of a node as the gossip saw it at one moment. Of one node several may be seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// Whose life.
    pub who: Incarnation,
    /// Where it takes gossip.
    pub gossip_address: SocketAddr,
    /// Whether the failure detector takes it for alive.
    pub live: bool,
    /// What it says; `None` until that has arrived, or when it cannot be understood.
    pub said: Option<Said>,
}

/// What a member is for this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Alive, and not in the ring yet: it just started, or came back and is held down.
    Joining,
    /// In the ring.
    Ready,
    /// Alive, and hands its targets over.
    Draining,
    /// Silent for a moment.
    Suspect,
    /// Silent for too long, or its process was replaced.
    Dead,
}

/// A node as this one sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its present life.
    pub who: Incarnation,
    /// What it is for us.
    pub state: State,
    /// Since when it is in this state, as this node saw it.
    pub since: Tick,
    /// Where it takes gossip; for a cluster of one, nowhere.
    pub gossip_address: Option<SocketAddr>,
    /// What it says of itself.
    pub said: Said,
}
