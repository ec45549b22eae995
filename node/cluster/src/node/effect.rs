//! What the steering looks at, what it wants done, and what came of it.

use std::time::Duration;

use ringwatch_frame::{PendingFrame, TargetId, TargetMemory};

use super::Wishes;
use super::claims::Answer;
use super::number::Group;
use crate::gossip::Sightings;
use crate::member::{Incarnation, Member, NodeId};
use crate::numbering::{Committed, NotCommitted};
use crate::peer::PeerError;
use crate::roster::Moment;

/// Something to be done. What it came to is told to the steering as an [`Event`].
#[derive(Debug)]
pub(crate) enum Effect {
    /// Begin to read; done at once.
    Start(TargetId),
    /// End the reading.
    Stop { target: TargetId, number: u64 },
    /// Connect to a target that `from` will hand over.
    Warm {
        target: TargetId,
        from: Incarnation,
        handoff: u64,
    },
    /// Deliver what a dead owner had read.
    Deliver(Vec<PendingFrame>),
    /// First step of a handoff.
    Prepare {
        target: TargetId,
        to: Member,
        number: u64,
        view: u64,
    },
    /// Second step.
    Commit {
        target: TargetId,
        to: Member,
        memory: TargetMemory,
        moves: Vec<Duration>,
        number: u64,
        view: u64,
    },
    /// What came along with a target that is started next; done at once.
    Receive { target: TargetId, companion: Vec<u8> },
    /// Ask for what became of the second step.
    Ask {
        target: TargetId,
        to: Member,
        number: u64,
    },
    /// Ask members about targets that are to be claimed.
    Recall {
        number: u64,
        targets: Vec<TargetId>,
        of: Vec<Member>,
        view: u64,
    },
    /// Propose a view to the group.
    Number { view: Committed, reason: String },
    /// Ask a member what it thinks of us, after a pause.
    Confirm { pauses: u64, of: Member },
    /// Ask another life of our own node whether it lives.
    Probe { life: Member },
    /// Offer a target that cannot be reached from here to its standby, by way of who leads.
    Offer {
        to: Member,
        target: TargetId,
        heir: NodeId,
    },
}

/// What became of an effect.
#[derive(Debug)]
pub(crate) enum Event {
    /// The lanes have ended.
    Stopped { target: TargetId, number: u64 },
    /// The connection is there, or not.
    Warmed {
        target: TargetId,
        from: Incarnation,
        handoff: u64,
        answer: Result<(), String>,
    },
    /// The answer to [`Effect::Prepare`].
    Prepared {
        target: TargetId,
        number: u64,
        answer: Result<(), PeerError>,
    },
    /// The answer to [`Effect::Commit`].
    Committed {
        target: TargetId,
        number: u64,
        answer: Result<(), PeerError>,
    },
    /// The answer to [`Effect::Ask`]: whether the other has it.
    Asked {
        target: TargetId,
        number: u64,
        answer: Result<bool, PeerError>,
    },
    /// The answers to [`Effect::Recall`].
    Recalled { number: u64, answers: Vec<Answer> },
    /// The answer to [`Effect::Confirm`]: whether we are excluded; `None`: it did not answer.
    Confirmed {
        pauses: u64,
        by: Incarnation,
        excluded: Option<bool>,
    },
    /// The answer to [`Effect::Probe`].
    Probed { life: Incarnation, alive: bool },
    /// The answer to [`Effect::Number`].
    Numbered {
        number: u64,
        answer: Result<(), NotCommitted>,
    },
    /// The answer to [`Effect::Offer`].
    Offered {
        target: TargetId,
        answer: Result<(), PeerError>,
    },
}

/// What a step looks at.
pub(crate) struct Look<'a> {
    pub(crate) now: Moment,
    /// `None`: there is no gossip.
    pub(crate) sightings: Option<&'a Sightings>,
    pub(crate) targets: &'a [TargetId],
    pub(crate) wishes: Wishes,
    pub(crate) group: Group,
}

/// What never changes.
pub(crate) struct Fixed {
    pub(crate) me: Incarnation,
    pub(crate) cluster: String,
    pub(crate) version: String,
    pub(crate) grpc_address: String,
    pub(crate) points: u32,
    pub(crate) moves: super::MovesCap,
    /// Whether this node covers what it stands by for.
    pub(crate) covers: bool,
}
