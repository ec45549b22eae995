//! Ticks that two nodes may have read, because a target was taken over from an owner that was at work.

use std::collections::BTreeMap;

use ringwatch_frame::{StreamId, Tick};

use crate::member::Incarnation;

/// Of so many ticks it is known what was decided of them.
const MOST_TICKS: usize = 256;

/// From whom a target was taken over: what it says of it later does not count, but for ticks that were left to it.
#[derive(Debug)]
pub(super) struct Former {
    owner: Incarnation,
    /// Under which epoch it was taken over.
    epoch: u64,
    ticks: BTreeMap<(Tick, StreamId), Whose>,
}

/// Who delivers a tick that the former owner has read too. What is decided first stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// The former owner, whose session had asked for it when it was ended.
    Left,
    /// Whoever owns the target now: the former owner was told that its reading does not count.
    Refused,
}

impl Former {
    pub(super) fn new(owner: Incarnation, epoch: u64) -> Self {
        Self {
            owner,
            epoch,
            ticks: BTreeMap::new(),
        }
    }

    pub(super) fn is(&self, node: &Incarnation) -> bool {
        self.owner == *node
    }

    /// Whether this is what the former owner says, which does not know of a newer epoch.
    pub(super) fn is_word_of(&self, node: &Incarnation, epoch: u64) -> bool {
        self.is(node) && epoch <= self.epoch
    }

    /// Decides of a tick, unless that was done before.
    pub(super) fn decide(&mut self, stream: &StreamId, tick: Tick, whose: Whose) -> Whose {
        let decided = *self.ticks.entry((tick, stream.clone())).or_insert(whose);
        while self.ticks.len() > MOST_TICKS {
            self.ticks.pop_first();
        }
        decided
    }
}
