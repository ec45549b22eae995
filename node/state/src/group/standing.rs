//! How the group stands, as this node sees it.

use super::directory::Role;

/// How the group stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// This node belongs to a founded group.
    pub founded: bool,
    /// What this node is in it.
    pub role: Role,
    /// The node that leads, as far as is known. It may be gone: see `quorum`.
    pub leader: Option<String>,
    /// This node leads, and a majority has confirmed it within the last second.
    pub leads: bool,
    /// A leader that had a majority was seen within the last two seconds.
    pub quorum: bool,
    /// The voters that are not alive, by node, or whose store is another now.
    pub missing: Vec<String>,
    /// The voters, by node.
    pub voters: Vec<String>,
    /// The learners, by node.
    pub learners: Vec<String>,
    /// The term of the last leader or election.
    pub term: u64,
    /// The last index that is known to be committed.
    pub commit: u64,
    /// The last index that was applied here.
    pub applied: u64,
    /// The last index of the log here.
    pub last_log: u64,
    /// Why the group is not founded, or this node not in it: `2 of 3 voters have met`.
    pub waiting: Option<String>,
    /// Why this node's part has ended, and what to do.
    pub failed: Option<String>,
}

/// What this node says of its part of the group; goes into the gossip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announcement {
    /// The Raft id of the store; 0: there is none.
    pub id: u64,
    /// The group; 0: none yet.
    pub group: u64,
    /// What this node is in it.
    pub role: Role,
    /// The index of the last checkpoint.
    pub checkpoint: u64,
    /// The digest of the state at the checkpoint.
    pub digest: u64,
    /// The version of the data set.
    pub dataset: u64,
    /// The hash of the data set's content.
    pub dataset_hash: u64,
}
