//! Calls between nodes: confirm, prepare, commit, recall, replicate, may, offer, time.
//!
//! [`GrpcPeers`] calls, [`peer_service`] answers. Every call says who calls and proves it with a token of the
//! cluster's key; that is checked before a byte of the message is read. What a message holds is checked when
//! it is made into our own types ([`convert`]); what is malformed is refused, and changes nothing.

mod channels;
mod client;
mod conversation;
mod convert;
mod frames;
mod identity;
mod meters;
mod service;
mod throttle;

use std::time::Duration;

use async_trait::async_trait;
use ringwatch_frame::{StreamId, TargetId, TargetMemory, Tick};
use tokio::sync::mpsc;

use crate::member::{Incarnation, Member, NodeId};
use crate::memories::{Change, Leave, Word};

pub use client::GrpcPeers;
pub use identity::Credentials;
pub use meters::PeerMetrics;
pub use service::{PeerService, peer_service};
pub(crate) use throttle::{Throttle, clean};

/// The largest message between nodes, in bytes, not compressed.
const MAX_MESSAGE: usize = 32 * 1024 * 1024;
/// How much of a message memories may take, in bytes.
const MAX_MEMORY: usize = 24 * 1024 * 1024;

/// The largest companion of a target that is handed over, in bytes.
pub const MAX_COMPANION: usize = 64 * 1024;

/// How many moves of a target are told with it.
pub const MOST_MOVES: usize = 16;

/// A late tick of an owner.
#[derive(Clone, Debug, PartialEq)]
pub struct Late {
    /// Of which target.
    pub target: TargetId,
    /// Of which stream.
    pub stream: StreamId,
    /// Which tick.
    pub tick: Tick,
    /// The last covered tick of which its owner knows.
    pub known: Option<Tick>,
    /// The epoch of who asks.
    pub epoch: u64,
}

/// A target that is handed over, with all that is needed to go on with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Handed {
    /// The target.
    pub target: TargetId,
    /// Where its streams go on.
    pub memory: TargetMemory,
    /// What goes along beside the memory, at most [`MAX_COMPANION`] bytes; this crate does not read it.
    pub companion: Vec<u8>,
    /// How long ago it changed its owner, for each time of the last minutes; at most [`MOST_MOVES`].
    pub moves: Vec<Duration>,
    /// Names this handoff among all of the old owner.
    pub handoff: u64,
    /// The epoch of the old owner.
    pub view: u64,
}

/// Asks other nodes. `view` is the epoch under which it is asked: one that is older than the callee's is
/// refused as [`PeerError::Stale`].
#[async_trait]
pub trait Peers: Send + Sync + 'static {
    /// Whether `to` keeps us out of its ring.
    async fn confirm(&self, to: &Member) -> Result<bool, PeerError>;

    /// First step of a handoff: `to` makes itself ready to go on with `target`.
    async fn prepare(&self, to: &Member, target: &TargetId, handoff: u64, view: u64)
    -> Result<(), PeerError>;

    /// Second step: `to` owns the target from here on and goes on from its memory.
    async fn commit(&self, to: &Member, handed: Handed) -> Result<(), PeerError>;

    /// What `to` knows of `targets`, which we want to claim under this view. View 0: we claim nothing, and
    /// only ask what became of them.
    async fn recall(&self, to: &Member, targets: &[TargetId], view: u64) -> Result<Vec<Recalled>, PeerError>;

    /// Tells `to` what we remember, until the stream breaks or `changes` ends, and hands on what it says. Says
    /// why it ended.
    async fn replicate(
        &self,
        to: &Member,
        changes: mpsc::Receiver<Change>,
        words: mpsc::Sender<Word>,
    ) -> PeerError;

    /// Asks `to`, which stands by, whether we may begin a tick with which we are late.
    async fn may(&self, to: &Member, late: Late) -> Result<Leave, PeerError>;

    /// Offers a target that we cannot reach to `heir`; `to` leads the group.
    async fn offer(&self, to: &Member, target: &TargetId, heir: &NodeId) -> Result<(), PeerError>;

    /// What the system's clock of `to` says, in nanoseconds since the Unix epoch.
    async fn time(&self, to: &Member) -> Result<i64, PeerError>;
}

/// Answers other nodes. What comes in is well-formed, but may be untrue.
#[async_trait]
pub trait Answers: Send + Sync + 'static {
    /// Whether we keep `from` out of our ring.
    async fn confirm(&self, from: Incarnation) -> bool;

    /// First step of a handoff: makes ready to go on with `target`.
    async fn prepare(
        &self,
        from: Incarnation,
        target: TargetId,
        handoff: u64,
        view: u64,
    ) -> Result<(), Refused>;

    /// Second step: the target is ours from here on.
    async fn commit(&self, from: Incarnation, handed: Handed) -> Result<(), Refused>;

    /// What we know of `targets`.
    async fn recall(
        &self,
        from: Incarnation,
        targets: Vec<TargetId>,
        view: u64,
    ) -> Result<Vec<Recalled>, Refused>;

    /// `from` begins to tell what it owns: what it hears.
    fn listen(&self, from: &Incarnation) -> mpsc::Receiver<Word>;

    /// Takes in what `from` says of a target that it owns. Must not wait.
    fn replicated(&self, from: &Incarnation, change: Change) -> Result<(), Refused>;

    /// Whether `from` may begin a tick with which it is late.
    async fn may(&self, from: Incarnation, late: Late) -> Leave;

    /// `from` cannot reach a target of its own, and offers it to `heir`.
    async fn offer(&self, from: Incarnation, target: TargetId, heir: NodeId) -> Result<(), Refused>;

    /// What our system's clock says, in nanoseconds since the Unix epoch.
    fn time(&self) -> i64;
}

/// Why a peer is refused what it asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It asked under an older view than ours, which has this number.
    #[error("the caller's view is older than view {view}")]
    Stale {
        /// Our number.
        view: u64,
    },
    /// For this reason.
    #[error("{0}")]
    Because(String),
}

impl From<Refused> for PeerError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Stale { view } => Self::Stale { view },
            Refused::Because(reason) => Self::Refused(reason),
        }
    }
}

/// Why a peer did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// It said no, and has done nothing.
    #[error("the peer refused: {0}")]
    Refused(String),
    /// It said no, because it knows a newer view than ours, of this number.
    #[error("the peer knows view {view}, which this node does not have yet")]
    Stale {
        /// Its number.
        view: u64,
    },
    /// It did not answer; whether it has done it is not known.
    #[error("the peer cannot be reached, check the network and that it runs: {0}")]
    Unreachable(String),
    /// It did not answer in time; whether it has done it is not known.
    #[error("the peer did not answer in time")]
    Timeout,
}

/// What a peer knows of a target.
#[derive(Clone, Debug, PartialEq)]
pub struct Recalled {
    /// Which target.
    pub target: TargetId,
    /// The peer owns it.
    pub owned: bool,
    /// What the peer remembers of it; `None`: nothing.
    pub memory: Option<TargetMemory>,
    /// The peer was its last owner, and delivers what it has read of it, but for the frames of `doubtful`.
    pub delivers: bool,
    /// Frames of the peer that wait and of which another node may know better, with the memory of their streams: it
    /// is used, frames and all, unless something as late is known. Without a last tick it is not used: then only the
    /// copies of these frames count that others have taken.
    pub doubtful: TargetMemory,
    /// How long ago the target changed its owner, for each time that the peer knows of.
    pub moves: Vec<Duration>,
}
