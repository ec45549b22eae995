//! Whether a target's lock is ours, and what to do about it: pure.

use std::time::Duration;

use ringwatch_frame::Epoch;
use tokio::time::Instant;

use super::{Holder, Locked, Other};

/// How often the lock is tried while it is another session's; and once it has been so for [`AWHILE`].
pub(crate) const AGAIN: Duration = Duration::from_millis(50);
const SELDOM: Duration = Duration::from_millis(500);
const AWHILE: Duration = Duration::from_secs(3);
/// How long a session of an earlier life of this node may take to go by itself.
const LEFTOVER: Duration = Duration::from_millis(500);
/// How long a session that does not say whose it is may hold the lock before that is taken for an answer.
const NAMELESS: Duration = Duration::from_secs(5);

/// What is shown of a fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// The lock is not ours yet, or not any more.
    Nothing,
    /// The lock is ours.
    Lock,
    /// The epoch alone fences.
    Epoch,
}

/// What comes of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The lock is ours; the number tells this time from others.
    Hold(u64),
    /// It is tried again later.
    Wait,
    /// The session of this number is to be ended, and the lock tried again.
    End(i64),
    /// The epoch alone fences from now on, for this reason.
    FallBack(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Epoch,
    /// It is tried again from then on.
    Free(Instant),
    /// One lane tries.
    Trying,
    Held(u64),
}

/// The state of one target's fence.
#[derive(Debug)]
pub(super) struct Machine {
    state: State,
    count: u64,
    /// Since when the lock is another session's.
    elsewhere: Option<Instant>,
    /// The session that holds the lock without saying under which epoch, or in our own name, and since when.
    odd: Option<(i64, Instant)>,
}

impl Machine {
    /// Nothing is tried: the epoch alone fences.
    pub(super) const fn of_epoch() -> Self {
        Self {
            state: State::Epoch,
            count: 0,
            elsewhere: None,
            odd: None,
        }
    }

    /// Not tried yet.
    pub(super) const fn of_lock(now: Instant) -> Self {
        Self {
            state: State::Free(now),
            ..Self::of_epoch()
        }
    }

    /// Whether questions may be sent.
    pub(super) const fn lets_pass(&self) -> bool {
        matches!(self.state, State::Epoch | State::Held(_))
    }

    /// Whether the lock is ours as far as is known.
    pub(super) const fn is_held(&self) -> bool {
        matches!(self.state, State::Held(_))
    }

    /// Whether the lock was ours at any time.
    pub(super) const fn was_held(&self) -> bool {
        self.count > 0
    }

    /// What is shown of it.
    pub(super) const fn shown(&self) -> Shown {
        match self.state {
            State::Epoch => Shown::Epoch,
            State::Held(_) => Shown::Lock,
            State::Free(_) | State::Trying => Shown::Nothing,
        }
    }

    /// From when on it may be tried, where it is to be tried.
    pub(super) const fn again(&self) -> Option<Instant> {
        match self.state {
            State::Free(again) => Some(again),
            _ => None,
        }
    }

    /// Begins a try, where one is due.
    pub(super) fn begin(&mut self, now: Instant) -> bool {
        let due = self.again().is_some_and(|again| again <= now);
        if due {
            self.state = State::Trying;
        }
        due
    }

    /// The server answered the try of the node `own`, which owns the target under `epoch`.
    pub(super) fn answered(
        &mut self,
        locked: &Locked,
        (own, epoch): (&str, Epoch),
        outranks: impl FnOnce(&Holder) -> bool,
        now: Instant,
    ) -> Step {
        let step = match locked {
            Locked::Taken => {
                self.count += 1;
                Step::Hold(self.count)
            }
            Locked::Unfit(reason) => Step::FallBack(reason.clone()),
            Locked::Elsewhere(None) => Step::Wait,
            Locked::Elsewhere(Some(other)) => self.about(other, (own, epoch), outranks, now),
        };
        self.state = match &step {
            Step::Hold(number) => State::Held(*number),
            Step::FallBack(_) => State::Epoch,
            // The lane that tries goes on trying.
            Step::End(_) => State::Trying,
            Step::Wait => State::Free(self.next_try(now)),
        };
        if step != Step::Wait {
            self.elsewhere = None;
        }
        step
    }

    /// When the lock is tried again that is another session's now.
    fn next_try(&mut self, now: Instant) -> Instant {
        let since = *self.elsewhere.get_or_insert(now);
        now + if now < since + AWHILE { AGAIN } else { SELDOM }
    }

    /// Another lane's session has the lock as far as is known here, and the server was asked whether it does. Where it is
    /// ours now, the number of this time.
    pub(super) fn proved(&mut self, locked: &Locked, own: &str, now: Instant) -> Option<u64> {
        if !matches!(self.state, State::Held(_)) {
            return None;
        }
        match locked {
            // The session that had it is gone, and nobody has seen that yet.
            Locked::Taken => {
                self.count += 1;
                self.state = State::Held(self.count);
                return Some(self.count);
            }
            Locked::Elsewhere(Some(other)) if other.node.as_deref() != Some(own) => {
                self.state = State::Free(now + AGAIN);
            }
            Locked::Elsewhere(None) => self.state = State::Free(now),
            Locked::Elsewhere(Some(_)) | Locked::Unfit(_) => {}
        }
        None
    }

    /// What to do about the session that holds the lock.
    fn about(
        &mut self,
        other: &Other,
        (own, epoch): (&str, Epoch),
        outranks: impl FnOnce(&Holder) -> bool,
        now: Instant,
    ) -> Step {
        let since = match self.odd {
            Some((session, since)) if session == other.session => since,
            _ => now,
        };
        let odd_for = now.saturating_duration_since(since);
        let node = other.node.as_deref();
        let ours = node == Some(own) && other.epoch.is_none_or(|its| its <= epoch);
        let ends = match other.epoch {
            _ if ours => odd_for >= LEFTOVER,
            Some(its) => {
                self.odd = None;
                let node = node.unwrap_or_default().to_owned();
                return if outranks(&Holder { node, epoch: its }) {
                    Step::End(other.session)
                } else {
                    Step::Wait
                };
            }
            // It has taken the lock a moment ago and will say so, or it stopped before it could.
            None if odd_for >= NAMELESS => match node {
                Some(node) => outranks(&Holder {
                    node: node.to_owned(),
                    epoch: Epoch(0),
                }),
                None => {
                    let reason = "a session that is none of ours holds the lock, as behind a pooler";
                    return Step::FallBack(reason.to_owned());
                }
            },
            None => false,
        };
        self.odd = Some((other.session, since));
        if ends {
            Step::End(other.session)
        } else {
            Step::Wait
        }
    }

    /// The session that holds the lock cannot be ended: the epoch alone fences from now on.
    pub(super) fn gives_up(&mut self) {
        self.state = State::Epoch;
    }

    /// It could not be tried.
    pub(super) fn put_off(&mut self, now: Instant) {
        if matches!(self.state, State::Free(_)) {
            self.state = State::Free(self.next_try(now));
        }
    }

    /// The try broke off.
    pub(super) fn broke_off(&mut self, now: Instant) {
        if self.state == State::Trying {
            self.state = State::Free(self.next_try(now));
        }
    }

    /// The session that held the lock at this time is gone.
    pub(super) fn lost(&mut self, number: u64, now: Instant) {
        if self.state == State::Held(number) {
            self.state = State::Free(now);
        }
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
