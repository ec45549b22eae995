//! Ticks that fared alike, as one entry. The file of the books has them as they are here: what changes them
//! changes its version.

use ringwatch_frame::DropReason;
use serde::{Deserialize, Serialize};

use super::words::{self, Word};

/// What became of a tick at this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum What {
    /// Its owner told us, when we stood by for it: it was read (`true`), or missed.
    Heard(bool),
    /// Read, and the standby's reading counted.
    Superseded,
    /// Missed, for this reason.
    Missed(#[serde(deserialize_with = "words::word")] Word),
    /// Its frame came from a dead owner.
    Inherited,
    /// Read as its standby.
    Covered,
    /// Read as its owner.
    Collected,
}

impl What {
    /// What is known first-hand goes before what was heard, a reading before a tick that was missed.
    const fn rank(self) -> u8 {
        match self {
            Self::Heard(_) => 0,
            Self::Superseded => 1,
            Self::Missed(_) => 2,
            Self::Inherited => 3,
            Self::Covered | Self::Collected => 4,
        }
    }

    /// What of the two is to be remembered of one tick.
    pub(super) fn or(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }
}

/// What became of the frame of a tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    /// There was none.
    #[default]
    NoFrame,
    /// It is on its way.
    Pending,
    /// It was delivered from here.
    Delivered,
    /// It was delivered from here more than once.
    DeliveredTwice,
    /// It was dropped here.
    Dropped(#[serde(with = "words::reason")] DropReason),
    /// It ended at the node that read it, which did not say how.
    Elsewhere,
    /// It was on its way when an earlier life of this node ended, whose receipts went with it.
    Unknown,
}

impl End {
    /// What is known after `next` has come too.
    pub(super) fn and(self, next: Self) -> Self {
        match (self, next) {
            (Self::Delivered | Self::DeliveredTwice, Self::Delivered) => Self::DeliveredTwice,
            (Self::Delivered | Self::DeliveredTwice, _) => self,
            // A second way of the same frame begins: what the first one came to is known already.
            (Self::Dropped(_) | Self::Elsewhere, Self::Pending | Self::Elsewhere) => self,
            (_, Self::NoFrame) => self,
            _ => next,
        }
    }
}

/// Ticks of one stream that fared alike, `step` apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    /// The first of them, in nanoseconds since the Unix epoch.
    pub(crate) first: i64,
    /// Nanoseconds between two of them; 0: not known, and then there is one.
    pub(crate) step: i64,
    /// How many; never 0.
    pub(crate) count: u32,
    pub(crate) what: What,
    pub(crate) end: End,
    /// The view under which they were read; 0: they were not.
    pub(crate) epoch: u64,
}

impl Run {
    /// One tick.
    pub(super) fn one(tick: i64, step: i64, what: What, end: End, epoch: u64) -> Self {
        Self {
            first: tick,
            step,
            count: 1,
            what,
            end,
            epoch,
        }
    }

    /// The last of them.
    pub(crate) fn last(&self) -> i64 {
        let steps = self.step.saturating_mul(i64::from(self.count) - 1);
        self.first.saturating_add(steps)
    }

    /// How many of them lie before `tick`, if `tick` is one of them.
    pub(super) fn place(&self, tick: i64) -> Option<u32> {
        let distance = tick.checked_sub(self.first).filter(|distance| *distance >= 0)?;
        let place = match distance {
            0 => 0,
            _ if self.step > 0 && distance % self.step == 0 => distance / self.step,
            _ => return None,
        };
        u32::try_from(place).ok().filter(|place| *place < self.count)
    }

    /// The ticks before the place, and those from it on.
    pub(super) fn split(self, place: u32) -> (Option<Self>, Option<Self>) {
        let place = place.min(self.count);
        let before = Self { count: place, ..self };
        let from = Self {
            first: self
                .first
                .saturating_add(self.step.saturating_mul(i64::from(place))),
            count: self.count - place,
            ..self
        };
        (
            Some(before).filter(|run| run.count > 0),
            Some(from).filter(|run| run.count > 0),
        )
    }

    /// How many of them lie before the instant.
    pub(super) fn before(&self, instant: i64) -> u32 {
        if instant <= self.first {
            return 0;
        }
        if self.step <= 0 {
            return self.count;
        }
        let distance = instant.saturating_sub(self.first);
        let ticks = distance / self.step + i64::from(distance % self.step != 0);
        u32::try_from(ticks).unwrap_or(u32::MAX).min(self.count)
    }

    /// Both as one, where `next` goes on as this one does.
    pub(super) fn joined(&self, next: &Self) -> Option<Self> {
        let alike = (self.what, self.end, self.epoch) == (next.what, next.end, next.epoch);
        let distance = next
            .first
            .checked_sub(self.last())
            .filter(|distance| *distance > 0)?;
        let fits = |run: &Self| run.step == distance || (run.step == 0 && run.count == 1);
        // Two of which neither knows its step need not be neighbours; of one that does, the other is.
        if !alike || !fits(self) || !fits(next) {
            return None;
        }
        Some(Self {
            step: distance,
            count: self.count.checked_add(next.count)?,
            ..*self
        })
    }
}
