//! Calls of the group between nodes.
//!
//! A call is a [`v1::RaftRequest`] and its answer, whatever carries it: [`Transport`] sends, [`Answers`]
//! answers. Between processes that is gRPC; tests and simulations bring their own. The envelope of every call
//! names cluster, group and both stores, and is checked before the payload is read.

mod caller;
mod channels;
mod codec;
mod door;
mod envelope;
mod grpc;
mod link;
mod receive;
mod send;
pub(crate) mod throttle;

use bytes::Bytes;
use futures::future::BoxFuture;
use ringwatch_proto::v1;

pub(crate) use caller::Caller;
pub(crate) use codec::{decode, decode_message, encode, encode_message};
pub(crate) use door::raft_service;
pub use door::{Door, RaftService, Wicket};
pub(crate) use envelope::Identity;
pub(crate) use grpc::GrpcTransport;
pub(crate) use link::Links;
pub(crate) use receive::Receiver;
pub(crate) use send::Part;

/// The version of the payload's form. A node of another one is refused, with a word that says so.
pub const WIRE_VERSION: u32 = 1;
/// The largest call, in bytes.
pub const MAX_CALL: usize = 4 * 1024 * 1024;
/// The size of one part of a snapshot, in bytes.
pub const SNAPSHOT_PART: usize = 512 * 1024;

/// Which call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// Entries and heartbeats.
    Append,
    /// A request for a vote.
    Vote,
    /// A part of a snapshot.
    Snapshot,
    /// A request to be a founder.
    Promise,
    /// Commands for the leader.
    Propose,
    /// A request to stand for election.
    Campaign,
}

/// Whom a call goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The node.
    pub node: String,
    /// Where its service listens, `host:port`.
    pub address: String,
}

/// Sends calls.
pub trait Transport: Send + Sync + 'static {
    /// Sends `request` and waits for the answer. Dropping the future gives the call up; the caller limits the
    /// time.
    ///
    /// # Errors
    /// When the call was not sent, was refused, or its answer was lost.
    fn call<'a>(
        &'a self,
        to: &'a Destination,
        method: Method,
        request: v1::RaftRequest,
    ) -> BoxFuture<'a, Result<Bytes, CallError>>;
}

/// Answers calls.
pub trait Answers: Send + Sync + 'static {
    /// Answers `request`, whose sender is known to belong to the cluster. It is checked all the same.
    ///
    /// # Errors
    /// [`CallError::Refused`], when nothing was done; [`CallError::Lost`], when that is not known.
    fn answer(&self, method: Method, request: v1::RaftRequest) -> BoxFuture<'_, Result<Bytes, CallError>>;
}

/// Why a call was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It was not sent: there is no way to the peer now. Nothing was done.
    #[error("the peer cannot be reached, check the network and that it runs: {0}")]
    Unreachable(String),
    /// The peer said no. Nothing was done.
    #[error("the peer refused: {0}")]
    Refused(String),
    /// The answer was lost, or came too late. It may have been done.
    #[error("the peer did not answer: {0}")]
    Lost(String),
}
