//! Section `cluster`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalar::{Duration, Endpoint};

/// What this node is called, and how it and the other nodes of its cluster find each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cluster {
    /// The name of the cluster: 1 to 128 printable ASCII characters. Gossip of any other name is refused.
    pub name: String,
    /// The name of this node, unique in the cluster: 1 to 128 letters, digits, dots, dashes and
    /// underscores. Default: the machine's host name.
    pub node_id: Option<String>,
    /// How nodes find each other. Without this section the node is a cluster of one and opens nothing for it.
    pub gossip: Option<Gossip>,
    /// The gRPC port.
    pub grpc: Grpc,
    /// How many targets it takes in comparison with other nodes: 2 takes twice as many as 1.
    #[schemars(range(min = 0.1, max = 16.0))]
    pub weight: f64,
    /// How long a node that was thought dead must be seen alive without a break before it is given targets
    /// again; up to an hour.
    pub hold_down: Duration,
    /// What the standby of a target does about a tick that its owner does not read. `hot`: it keeps an idle
    /// session to the target and reads the tick itself; `warm`: it connects when a tick is missing; `none`: it
    /// reads nothing before the owner is dead.
    pub standby: Standby,
    /// What keeps a target from having two owners while nodes do not see each other. `auto`: a session advisory
    /// lock in the database itself, and the epoch where that does not work; `epoch`: no lock is taken in any
    /// database.
    pub fence: Fence,
    /// The group of nodes that remembers what must outlast each of them: breakers, decisions of samplers,
    /// views, what was changed at run time.
    pub raft: Raft,
    /// A folder for what must outlast a restart: this node's copy of what the group remembers (in `raft`), its books
    /// of ticks (in `books`),
    /// and the number of its last life. One process a folder. Without it, the copy is gone with the process
    /// and comes back from the other nodes, if there are any; and a node whose clock was set back may be
    /// taken for an older life of itself until its clock has caught up.
    pub data_dir: Option<String>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            name: "ringwatch".into(),
            node_id: None,
            gossip: None,
            grpc: Grpc::default(),
            weight: 1.0,
            hold_down: Duration::from_secs(30),
            standby: Standby::default(),
            fence: Fence::default(),
            raft: Raft::default(),
            data_dir: None,
        }
    }
}

/// What a standby does while the owner does not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Standby {
    /// It keeps one idle session to the target and reads ticks that the owner does not read.
    #[default]
    Hot,
    /// It keeps no session, connects when a tick is missing and reads it then: a little later.
    Warm,
    /// It reads nothing before the owner is dead.
    None,
}

/// What keeps two nodes from owning one target at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fence {
    /// An advisory lock in the database itself, where that works; else the epoch.
    #[default]
    Auto,
    /// The epoch alone: no lock is taken in any database.
    Epoch,
}

/// How nodes find each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Gossip {
    /// Where to listen, over UDP.
    pub listen: Endpoint,
    /// Where other nodes reach it. Default: where it listens.
    pub advertise: Option<Endpoint>,
    /// Where to find the others at first: gossip addresses of some nodes of the cluster. This node's own
    /// may be among them, so that all nodes can have the same list. Empty: it waits for others to find it.
    pub seeds: Vec<Endpoint>,
    /// A file with the cluster's keys: 32 bytes in base64, one key a line; the first seals, all open.
    /// Without it, anyone who knows the cluster's name can join.
    pub key_file: Option<String>,
}

impl Default for Gossip {
    fn default() -> Self {
        Self {
            listen: Endpoint {
                host: "127.0.0.1".into(),
                port: 7946,
            },
            advertise: None,
            seeds: Vec::new(),
            key_file: None,
        }
    }
}

/// The gRPC port: cluster, health and reflection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Grpc {
    /// Where to listen.
    pub listen: Endpoint,
    /// Where clients and other nodes reach it. Default: where it listens.
    pub advertise: Option<Endpoint>,
}

impl Default for Grpc {
    fn default() -> Self {
        Self {
            listen: Endpoint {
                host: "127.0.0.1".into(),
                port: 7947,
            },
            advertise: None,
        }
    }
}

/// The group of nodes that remembers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Raft {
    /// How many nodes vote: 3 or 5, the same on every node. With 3, one of them may be away without
    /// anything being refused; with 5, two. All other nodes have a copy too and do not vote. The group
    /// begins when so many nodes have met. Without `cluster.gossip` the node is a group of one.
    #[schemars(range(min = 3, max = 5))]
    pub voters: u32,
    /// How long a node that votes may be dead before another one takes its place; from 1s to 24h.
    pub replace_after: Duration,
}

impl Default for Raft {
    fn default() -> Self {
        Self {
            voters: 3,
            replace_after: Duration::from_secs(300),
        }
    }
}
