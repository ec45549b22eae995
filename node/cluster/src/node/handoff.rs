//! Handing targets over: what comes next for each of them, decided without doing it.
//!
//! Prepare at the new owner, end the lanes here, commit there with the memory. Whatever goes wrong before
//! the commit leaves the target here. A commit whose answer is lost is asked about until the other says
//! what became of it, is dead, or would refuse it by now: then what it says by gossip decides.

use std::collections::BTreeMap;
use std::time::Duration;

use ringwatch_frame::TargetId;
use tokio::time::Instant;

use super::receive::PREPARED_FOR;
use crate::member::{Incarnation, Member};
use crate::peer::PeerError;

/// So many targets are on their way at once.
const AT_ONCE: usize = 16;
/// Lanes that take longer to end keep their target here.
const STOP_DEADLINE: Duration = Duration::from_secs(2);
/// How often a new owner is asked whether it got a commit.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// The first wait after a handoff that failed; it doubles from try to try.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The longest wait after a handoff that failed.
const LAST_RETRY: Duration = Duration::from_secs(30);

/// What the gossip says of a new owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It is dead, or no member.
    Dead,
    /// It is alive, and does not say that it has the target.
    Alive,
    /// It says that it has the target.
    Owning,
}

/// How far a handoff is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The new owner connects.
    Preparing,
    /// The lanes here end.
    Stopping,
    /// The lanes here end, and then begin again: the handoff is given up.
    GivenUp,
    /// The new owner is being given the target.
    Committing,
    /// The commit's answer is lost; asked last, and whether the answer is still to come.
    Asking { asked: Instant, waiting: bool },
}

#[derive(Debug)]
struct Handoff {
    to: Member,
    number: u64,
    phase: Phase,
    began: Instant,
    /// When the present phase began.
    since: Instant,
    reason: String,
}

#[derive(Debug)]
struct Retry {
    to: Incarnation,
    wait: Duration,
    at: Instant,
    /// Not before we have this view.
    view: u64,
}

/// What to do next about one target.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    /// Nothing: it waits, or the answer is about a handoff that is over.
    Nothing,
    /// Ask the new owner to prepare.
    Prepare { to: Member, number: u64 },
    /// Close the gate for new ticks and end the lanes.
    Stop { number: u64 },
    /// The lanes have ended: give the memory to the new owner.
    Commit { to: Member, number: u64 },
    /// Ask the new owner whether it has the target.
    Ask { to: Member, number: u64 },
    /// The target has a new owner.
    Gone { to: Incarnation, took: Duration },
    /// The target stays here for now. `restart`: its lanes have ended and must begin again.
    Kept {
        to: Incarnation,
        reason: String,
        restart: bool,
        again_in: Duration,
    },
}

/// All handoffs from this node to others.
#[derive(Debug, Default)]
pub(crate) struct Handoffs {
    active: BTreeMap<TargetId, Handoff>,
    retries: BTreeMap<TargetId, Retry>,
    last: u64,
}

impl Handoffs {
    /// Whether the target is on its way.
    pub(crate) fn is_active(&self, target: &TargetId) -> bool {
        self.active.contains_key(target)
    }

    /// Whether anything waits for an answer or for time to pass.
    pub(crate) fn is_pending(&self) -> bool {
        !self.active.is_empty() || !self.retries.is_empty()
    }

    /// Whether lanes of the target run, or end: its gate must not be shut yet.
    pub(crate) fn phase(&self, target: &TargetId) -> Running {
        match self.active.get(target).map(|handoff| handoff.phase) {
            None | Some(Phase::Preparing) => Running::All,
            Some(Phase::Stopping | Phase::GivenUp) => Running::Ending,
            Some(Phase::Committing | Phase::Asking { .. }) => Running::None,
        }
    }

    /// Begins to hand `target` over, if it is not on its way, not too soon after a failure, and not one too
    /// many.
    pub(crate) fn begin(&mut self, target: &TargetId, to: &Member, view: u64, now: Instant) -> Next {
        if self.is_active(target) || self.active.len() >= AT_ONCE {
            return Next::Nothing;
        }
        if let Some(retry) = self.retries.get(target) {
            if retry.to != to.who {
                self.retries.remove(target);
            } else if retry.at > now || retry.view > view {
                return Next::Nothing;
            }
        }
        self.last += 1;
        let handoff = Handoff {
            to: to.clone(),
            number: self.last,
            phase: Phase::Preparing,
            began: now,
            since: now,
            reason: String::new(),
        };
        let next = Next::Prepare {
            to: to.clone(),
            number: handoff.number,
        };
        self.active.insert(target.clone(), handoff);
        next
    }

    /// The new owner has answered to `prepare`.
    pub(crate) fn prepared(
        &mut self,
        target: &TargetId,
        number: u64,
        answer: Result<(), PeerError>,
        now: Instant,
    ) -> Next {
        let Some(handoff) = self.at(target, number, |phase| phase == Phase::Preparing) else {
            return Next::Nothing;
        };
        match answer {
            Ok(()) => {
                (handoff.phase, handoff.since) = (Phase::Stopping, now);
                Next::Stop { number }
            }
            Err(error) => self.failed(target, &error, false, now),
        }
    }

    /// The lanes have ended. `sure`: this node knows that it has not been paused meanwhile.
    pub(crate) fn stopped(&mut self, target: &TargetId, number: u64, sure: bool, now: Instant) -> Next {
        let ending = |phase| matches!(phase, Phase::Stopping | Phase::GivenUp);
        let Some(handoff) = self.at(target, number, ending) else {
            return Next::Nothing;
        };
        if handoff.phase == Phase::GivenUp {
            let reason = handoff.reason.clone();
            return self.keep(target, reason, true, now);
        }
        if !sure {
            return self.keep(target, "this node was paused".into(), true, now);
        }
        (handoff.phase, handoff.since) = (Phase::Committing, now);
        Next::Commit {
            to: handoff.to.clone(),
            number,
        }
    }

    /// The new owner has answered to `commit`, or not.
    pub(crate) fn committed(
        &mut self,
        target: &TargetId,
        number: u64,
        answer: Result<(), PeerError>,
        now: Instant,
    ) -> Next {
        let Some(handoff) = self.at(target, number, |phase| phase == Phase::Committing) else {
            return Next::Nothing;
        };
        match answer {
            Ok(()) => self.gone(target, now),
            Err(error @ (PeerError::Refused(_) | PeerError::Stale { .. })) => {
                self.failed(target, &error, true, now)
            }
            Err(PeerError::Unreachable(_) | PeerError::Timeout) => {
                (handoff.phase, handoff.since) = (
                    Phase::Asking {
                        asked: now,
                        waiting: true,
                    },
                    now,
                );
                Next::Ask {
                    to: handoff.to.clone(),
                    number,
                }
            }
        }
    }

    /// The new owner has said whether it has the target; an error if it has not answered.
    pub(crate) fn asked(
        &mut self,
        target: &TargetId,
        number: u64,
        answer: &Result<bool, PeerError>,
        now: Instant,
    ) -> Next {
        let asking = |phase| matches!(phase, Phase::Asking { .. });
        let Some(handoff) = self.at(target, number, asking) else {
            return Next::Nothing;
        };
        match answer {
            Ok(true) => self.gone(target, now),
            Ok(false) => self.keep(target, "the commit has not arrived".into(), true, now),
            Err(_) => {
                if let Phase::Asking { waiting, .. } = &mut handoff.phase {
                    *waiting = false;
                }
                Next::Nothing
            }
        }
    }

    /// What time and the loss of members make of the handoffs.
    pub(crate) fn pass(
        &mut self,
        seen: impl Fn(&Incarnation, &TargetId) -> Seen,
        now: Instant,
    ) -> Vec<(TargetId, Next)> {
        self.retries.retain(|_, retry| now < retry.at + LAST_RETRY);
        let targets: Vec<TargetId> = self.active.keys().cloned().collect();
        let steps = targets.into_iter().map(|target| {
            let next = self.pass_one(&target, &seen, now);
            (target, next)
        });
        steps.filter(|(_, next)| *next != Next::Nothing).collect()
    }

    fn pass_one(
        &mut self,
        target: &TargetId,
        seen: impl Fn(&Incarnation, &TargetId) -> Seen,
        now: Instant,
    ) -> Next {
        let Some(handoff) = self.active.get_mut(target) else {
            return Next::Nothing;
        };
        let seen = seen(&handoff.to.who, target);
        let lost = seen == Seen::Dead;
        match handoff.phase {
            Phase::Preparing if lost => self.keep(target, "the new owner is dead".into(), false, now),
            Phase::Stopping if lost => {
                give_up(handoff, "the new owner is dead");
                Next::Nothing
            }
            Phase::Stopping if now >= handoff.since + STOP_DEADLINE => {
                give_up(handoff, "its readings take too long to end");
                Next::Nothing
            }
            Phase::Committing | Phase::Asking { .. } if lost => {
                self.keep(target, "the new owner is dead".into(), true, now)
            }
            // Prepared longer ago than this: a commit that is still on its way will be refused.
            Phase::Asking { .. } if now >= handoff.since + PREPARED_FOR => match seen {
                Seen::Owning => self.gone(target, now),
                _ => self.keep(target, "nothing is heard of the commit".into(), true, now),
            },
            Phase::Asking {
                asked,
                waiting: false,
            } if now >= asked + ASK_EVERY => {
                handoff.phase = Phase::Asking {
                    asked: now,
                    waiting: true,
                };
                Next::Ask {
                    to: handoff.to.clone(),
                    number: handoff.number,
                }
            }
            _ => Next::Nothing,
        }
    }

    /// Forgets all: everything was let go.
    pub(crate) fn clear(&mut self) {
        self.active.clear();
        self.retries.clear();
    }

    fn at(&mut self, target: &TargetId, number: u64, phase: impl Fn(Phase) -> bool) -> Option<&mut Handoff> {
        let handoff = self.active.get_mut(target)?;
        (handoff.number == number && phase(handoff.phase)).then_some(handoff)
    }

    fn gone(&mut self, target: &TargetId, now: Instant) -> Next {
        self.retries.remove(target);
        match self.active.remove(target) {
            Some(handoff) => Next::Gone {
                to: handoff.to.who,
                took: now - handoff.began,
            },
            None => Next::Nothing,
        }
    }

    /// The other has refused it. Where that is for our view being old, it is begun again as soon as we have
    /// the next one.
    fn failed(&mut self, target: &TargetId, error: &PeerError, restart: bool, now: Instant) -> Next {
        let before = self.retries.get(target).map(|retry| retry.wait);
        let mut next = self.keep(target, error.to_string(), restart, now);
        if let (PeerError::Stale { view }, Some(retry)) = (error, self.retries.get_mut(target)) {
            (retry.view, retry.at) = (*view, now);
            retry.wait = before.unwrap_or(FIRST_RETRY / 2);
            if let Next::Kept { again_in, .. } = &mut next {
                *again_in = Duration::ZERO;
            }
        }
        next
    }

    fn keep(&mut self, target: &TargetId, reason: String, restart: bool, now: Instant) -> Next {
        let Some(handoff) = self.active.remove(target) else {
            return Next::Nothing;
        };
        let to = handoff.to.who;
        let wait = match self.retries.get(target) {
            Some(retry) if retry.to == to => (retry.wait * 2).min(LAST_RETRY),
            _ => FIRST_RETRY,
        };
        let retry = Retry {
            to: to.clone(),
            wait,
            at: now + wait,
            view: 0,
        };
        self.retries.insert(target.clone(), retry);
        Next::Kept {
            to,
            reason,
            restart,
            again_in: wait,
        }
    }
}

fn give_up(handoff: &mut Handoff, reason: &str) {
    handoff.phase = Phase::GivenUp;
    handoff.reason = reason.into();
}

/// What of a target's lanes runs while it is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Running {
    /// As ever.
    All,
    /// Readings that had begun end.
    Ending,
    /// Nothing.
    None,
}

#[cfg(test)]
mod tests;
