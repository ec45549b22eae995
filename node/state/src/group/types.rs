//! What openraft is told of our group: the types of entries, answers, nodes and snapshots.

use bytes::Bytes;
use ringwatch_proto::v1;
use serde::{Deserialize, Serialize};

pub use crate::group::snapshot_file::SnapshotFile;

openraft::declare_raft_types!(
    /// The types of the group. Ids are Raft ids: they belong to a store, not to a node.
    pub Types:
        D = EntryBytes,
        R = Answers,
        NodeId = u64,
        Node = RaftNode,
        Entry = openraft::Entry<Types>,
        SnapshotData = SnapshotFile,
        AsyncRuntime = openraft::TokioRuntime,
);

/// The running group of openraft.
pub(crate) type Raft = openraft::Raft<Types>;
/// What openraft tells of itself.
pub(crate) type RaftMetrics = openraft::RaftMetrics<u64, RaftNode>;
/// An entry of the log.
pub type Entry = openraft::Entry<Types>;
/// Term, leader and index of an entry.
pub type LogId = openraft::LogId<u64>;
/// A vote of a node.
pub type Vote = openraft::Vote<u64>;
/// A membership and the entry that made it.
pub type StoredMembership = openraft::StoredMembership<u64, RaftNode>;
/// What is known of a snapshot.
pub type SnapshotMeta = openraft::SnapshotMeta<u64, RaftNode>;
/// A snapshot and its data.
pub type Snapshot = openraft::Snapshot<Types>;
/// An error of the store, which ends the group on this node.
pub type StorageError = openraft::StorageError<u64>;

/// One entry's content: an encoded [`v1::StateEntry`]. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryBytes(pub Bytes);

impl EntryBytes {
    /// Encodes an entry.
    pub fn of(entry: &v1::StateEntry) -> Self {
        Self(prost::Message::encode_to_vec(entry).into())
    }

    /// The entry, or why the bytes are none.
    pub fn decode(&self) -> Result<v1::StateEntry, prost::DecodeError> {
        prost::Message::decode(self.0.clone())
    }
}

/// What became of the commands of an entry, one encoded [`v1::StateAnswer`] each, in their order. Empty for
/// entries without commands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers(pub Vec<Bytes>);

impl Answers {
    /// Encodes answers.
    pub fn of(answers: &[v1::StateAnswer]) -> Self {
        Self(
            answers
                .iter()
                .map(|answer| prost::Message::encode_to_vec(answer).into())
                .collect(),
        )
    }

    /// The answers, or why the bytes are none.
    pub fn decode(&self) -> Result<Vec<v1::StateAnswer>, prost::DecodeError> {
        self.0
            .iter()
            .map(|answer| prost::Message::decode(answer.clone()))
            .collect()
    }
}

/// What the membership says of a Raft id: whose store it is. Where the node is reached is never kept here, it
/// is found in the [`Directory`](crate::Directory).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RaftNode {
    /// The node's id.
    pub node: String,
}

impl RaftNode {
    /// The node `node`.
    pub fn new(node: impl Into<String>) -> Self {
        Self { node: node.into() }
    }
}

impl std::fmt::Display for RaftNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.node)
    }
}
