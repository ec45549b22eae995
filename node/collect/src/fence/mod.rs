//! The fence: a lock in the target itself, so that it has one owner in any partition.
//!
//! The owner's first session in the database that the first receiver connects to takes a session lock; it is tried and
//! never waited for. While another session holds it, nothing is read. Whoever ends the session of a node that cannot be
//! heard ends those of its other lanes with it, so that it reads on nowhere; and a session that is opened asks first whose
//! the lock is. Where a pooler, a missing function or a stranger stands in the way, that is said once, and the epochs alone
//! fence.

mod elsewhere;
mod key;
mod meters;
mod state;
mod target;

use ringwatch_frame::{Epoch, TargetId};

pub(crate) use self::key::{LockKey, hash_of};
pub(crate) use self::meters::FenceMeters;
pub(crate) use self::state::AGAIN;
pub(crate) use self::target::{Attempt, Held, Outranked, TargetFence, Verdict};

/// Whether targets are fenced by a lock of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FenceMode {
    /// Where it can be.
    #[default]
    Auto,
    /// Never: epochs alone fence.
    Epoch,
}

/// Who holds the lock of a target, as its session says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The node, as [`crate::session_node`] writes it. Empty where the server does not tell.
    pub node: String,
    /// The epoch under which it took the lock.
    pub epoch: Epoch,
}

/// Says whose session may be ended.
pub trait Arbiter: Send + Sync {
    /// Whether this node owns the target under a newer view than the holder's, and the holder is not at work: not heard
    /// of any more, or it knows that view and says that it has let the target go.
    fn outranks(&self, target: &TargetId, holder: &Holder) -> bool;

    /// The epoch under which this node owns the target, if it does.
    fn epoch(&self, target: &TargetId) -> Option<Epoch>;

    /// Whether the holder's node is a member of the view under which this node owns the target. One that came to the lock
    /// under the same epoch may then only be missed by this node, and is not ended while it is at work.
    fn is_seated(&self, _: &TargetId, _: &Holder) -> bool {
        true
    }

    /// All other members that are known, dead ones too, as [`crate::session_node`] writes them: where the server does not
    /// tell whose the lock is, it is asked for each.
    fn others(&self) -> Vec<String> {
        Vec::new()
    }

    /// A target that this node owns has been out of its reach for a while: another node may have more luck.
    fn unreachable(&self, _: &TargetId) {}
}

/// Ends nobody's session.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoArbiter;

impl Arbiter for NoArbiter {
    fn outranks(&self, _: &TargetId, _: &Holder) -> bool {
        false
    }

    fn epoch(&self, _: &TargetId) -> Option<Epoch> {
        Some(Epoch(1))
    }
}

/// What a session is told to lock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lock {
    /// The target's.
    pub(crate) key: LockKey,
    /// Since when it is ours.
    pub(crate) epoch: Epoch,
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Locked {
    /// It is this session's.
    Taken,
    /// It is another session's; what is known of it, if it is there still.
    Elsewhere(Option<Other>),
    /// It cannot be had here, for this reason.
    Unfit(String),
}

/// The session that holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Other {
    /// Its number at the server.
    pub(crate) session: i64,
    /// The node whose it is, if it says so.
    pub(crate) node: Option<String>,
    /// The epoch under which it took the lock, if it says so.
    pub(crate) epoch: Option<Epoch>,
}
