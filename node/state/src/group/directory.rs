//! Who the peers are, as the gossip tells it.

use ringwatch_frame::Tick;

/// All nodes that the gossip knows of, this one among them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Directory {
    /// The nodes, in the order of their ids.
    pub peers: Vec<Peer>,
    /// The gossip shows a majority of the nodes alive.
    pub quorum: bool,
    /// The gossip has found its peers: what it shows is not just a beginning.
    pub joined: bool,
}

/// One node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Peer {
    /// Its id.
    pub node: String,
    /// Its life: higher after each start.
    pub generation: u64,
    /// What it says of its part of the group; `None`: nothing yet.
    pub raft: Option<PeerRaft>,
    /// Where its gRPC service listens, `host:port`.
    pub address: String,
    /// Not dead by gossip.
    pub alive: bool,
    /// It takes part in the collection.
    pub ready: bool,
    /// Since when it has been ready.
    pub ready_since: Option<Tick>,
    /// It is this node.
    pub is_me: bool,
}

/// What a node says of its part of the group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerRaft {
    /// The Raft id of its store.
    pub id: u64,
    /// The group it belongs to; 0: none yet.
    pub group: u64,
    /// What it is there.
    pub role: Role,
    /// The index of its last checkpoint.
    pub checkpoint: u64,
    /// The digest of its state at the checkpoint.
    pub digest: u64,
}

/// What a node is in the group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Role {
    /// Not in it: not founded, or its part has failed.
    #[default]
    None,
    /// It gets all entries and has no vote.
    Learner,
    /// It votes.
    Follower,
    /// It votes and believes that it leads.
    Leader,
}

impl Role {
    /// The role's name in documents and in the gossip.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Learner => "learner",
            Self::Follower => "follower",
            Self::Leader => "leader",
        }
    }
}

impl Directory {
    /// The peer `node`.
    pub fn peer(&self, node: &str) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.node == node)
    }

    /// The living peer whose store has the Raft id `id`.
    pub(crate) fn by_raft(&self, id: u64) -> Option<&Peer> {
        self.peers
            .iter()
            .find(|peer| peer.alive && peer.raft_id() == Some(id))
    }
}

impl Peer {
    /// The Raft id of its store.
    pub fn raft_id(&self) -> Option<u64> {
        self.raft.map(|raft| raft.id).filter(|id| *id != 0)
    }

    /// The group it belongs to; 0: none.
    pub fn group(&self) -> u64 {
        self.raft.map_or(0, |raft| raft.group)
    }
}
