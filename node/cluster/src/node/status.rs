//! How far this node itself is, for whoever waits for it.

use crate::member::Stage;

/// Why a node cannot go on. All of them need an operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeFailure {
    /// Two processes run under one id; the other one was first.
    #[error("node id `{node}` is in use by {address}: give this node another cluster.node_id")]
    Rival {
        /// The id.
        node: String,
        /// The gRPC address of the other one.
        address: String,
    },
    /// The gossip has ended.
    #[error("the gossip has ended: {0}; restart this node")]
    Gossip(String),
}

/// How far this node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What it says of itself.
    pub stage: Stage,
    /// It has met the others, or knows that there are none.
    pub joined: bool,
    /// It has seeds to find and none has answered yet; it says so in the log too.
    pub waiting_for_seeds: bool,
    /// There is no view yet, so nothing is collected; what the Raft group waits for, for operators.
    pub waiting_for_group: Option<String>,
    /// How many targets it owns.
    pub owned: usize,
    /// How many other members are ready.
    pub others_ready: usize,
    /// It cannot go on.
    pub failure: Option<NodeFailure>,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            stage: Stage::Joining,
            joined: false,
            waiting_for_seeds: false,
            waiting_for_group: None,
            owned: 0,
            others_ready: 0,
            failure: None,
        }
    }
}
