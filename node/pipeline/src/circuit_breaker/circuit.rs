//! The circuit of one target: states and events in, states and what follows out. No clock, no lock, no I/O.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::{StreamId, Tick};
use tokio::time::Instant;

use super::healing::Healing;
use super::judge::{Judge, has_too_many_sessions};
use super::parts::{Away, Past, Phase, Until};
use super::phase::{Change, Outcome, Reason, Refused, State};
use super::rules::Rules;
use super::window::Counts;

/// A leave of a half-open circuit whose reading has not ended after this time never will: its lane is gone.
const LEAVE_LIFE: Duration = Duration::from_secs(300);
/// In other phases a leave that got lost keeps nobody waiting, and readings may take long.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);

/// One circuit.
#[derive(Debug)]
pub(crate) struct Circuit {
    pub(super) rules: Arc<Rules>,
    pub(super) phase: Phase,
    /// When the present phase began.
    pub(super) since: Instant,
    /// Counts phases, so that a reading that had leave in an earlier one is known by it.
    era: u64,
    judge: Judge,
    leaves: HashMap<StreamId, Leave>,
    next_look: Instant,
    /// What is too much of this process, while it is.
    pressed: Option<Reason>,
    pub(super) past: Past,
    pub(super) healing: Healing,
    pub(super) away: Away,
    /// Grows with each change that others have to know.
    pub(super) seq: u64,
}

#[derive(Clone, Copy, Debug)]
struct Leave {
    given: Instant,
    era: u64,
    interval: Duration,
}

/// A question for leave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) stream: &'a StreamId,
    pub(crate) tick: Tick,
    pub(crate) interval: Duration,
    /// Only one of so many ticks is to be read, says the forecast.
    pub(crate) slowdown: u32,
}

impl Circuit {
    /// A closed circuit that knows nothing.
    pub(crate) fn new(rules: Arc<Rules>, now: Instant) -> Self {
        Self {
            judge: Judge::new(&rules, now),
            healing: Healing::new(rules.doublings, now),
            next_look: now + rules.evaluation,
            rules,
            phase: Phase::Closed,
            since: now,
            era: 0,
            leaves: HashMap::new(),
            pressed: None,
            past: Past::default(),
            away: Away {
                since: now,
                leaves: 0,
            },
            seq: 0,
        }
    }

    /// Gives it other rules. A break that has begun is not changed.
    pub(crate) fn set_rules(&mut self, rules: &Arc<Rules>, now: Instant) {
        if *self.rules == **rules {
            return;
        }
        if self.rules.window != rules.window {
            self.judge = Judge::new(rules, now);
        }
        self.healing.limit(rules.doublings);
        self.next_look = now + rules.evaluation;
        self.rules = Arc::clone(rules);
    }

    /// Whether the reading may be made.
    pub(crate) fn ask(&mut self, ask: &Ask<'_>, now: Instant) -> (Result<(), Refused>, Option<Change>) {
        let change = self.lapse(now);
        let slowdown = ask.slowdown.max(self.healing.factor());
        let answer = match &mut self.phase {
            Phase::Closed if !is_kept(ask.tick, ask.interval, slowdown) => Err(Refused::Slowed),
            Phase::Closed => Ok(()),
            Phase::Open { .. } => Err(Refused::Open),
            Phase::HalfOpen { spare, .. } => {
                // A stream reads one tick at a time: its earlier leave is one whose end got lost.
                let lost = self
                    .leaves
                    .get(ask.stream)
                    .is_some_and(|leave| leave.era == self.era);
                if lost {
                    Ok(())
                } else if let Some(less) = spare.checked_sub(1) {
                    *spare = less;
                    self.seq += 1;
                    Ok(())
                } else {
                    Err(Refused::Open)
                }
            }
        };
        if answer.is_ok() {
            let leave = Leave {
                given: now,
                era: self.era,
                interval: ask.interval,
            };
            self.leaves.insert(ask.stream.clone(), leave);
        }
        (answer, change)
    }

    /// A reading ended. One that had leave in an earlier phase says nothing about this one.
    pub(crate) fn ended(&mut self, stream: &StreamId, outcome: Outcome, now: Instant) -> Option<Change> {
        let leave = self.leaves.remove(stream).filter(|leave| leave.era == self.era)?;
        match self.phase {
            Phase::Closed => {
                self.judge.count(leave.interval, outcome, now);
                let too_many = has_too_many_sessions(&self.rules, outcome).then_some(Reason::ActiveSessions);
                let reason = too_many.or_else(|| self.judge.verdict(&self.rules, now))?;
                Some(self.open(reason, now))
            }
            Phase::Open { .. } => None,
            Phase::HalfOpen { .. } => self.tried(outcome, now),
        }
    }

    /// Looks at what changes although nothing happens. To be called every second or so.
    pub(crate) fn look(&mut self, now: Instant) -> Option<Change> {
        let change = self.lapse(now);
        self.forget_leaves(now);
        if self.phase != Phase::Closed {
            return change;
        }
        if self.healing.calm(now) {
            self.seq += 1;
        }
        if now < self.next_look {
            return change;
        }
        self.next_look = now + self.rules.evaluation;
        let reason = self.judge.verdict(&self.rules, now)?;
        Some(self.open(reason, now))
    }

    /// This process has too much of something to do, or no longer.
    pub(crate) fn press(&mut self, pressed: Option<Reason>, now: Instant) -> Option<Change> {
        self.pressed = pressed;
        match (pressed, self.phase) {
            (Some(reason), Phase::Closed | Phase::HalfOpen { .. }) => Some(self.open(reason, now)),
            _ => self.lapse(now),
        }
    }

    /// Closes it and forgets what it held against the target.
    pub(crate) fn reset(&mut self, now: Instant) -> Option<Change> {
        self.seq += 1;
        self.past.last_break = Duration::ZERO;
        self.healing.resume(0);
        self.judge = Judge::new(&self.rules, now);
        (self.phase != Phase::Closed).then(|| self.close(now, true))
    }

    /// Opens it by hand, for a time or until it is reset.
    pub(crate) fn open_by_hand(&mut self, lasts: Option<Duration>, now: Instant) -> Change {
        let end = lasts.and_then(|lasts| now.checked_add(lasts));
        self.set_open(Reason::Manual, end.map_or(Until::Reset, Until::Time), now);
        Change::Opened {
            reason: Reason::Manual,
            lasts,
        }
    }

    /// Goes on as `theirs`, which another node had. Leaves that were given here say nothing of it; what is
    /// too much of this process still is.
    pub(super) fn go_on_as(&mut self, theirs: Self, now: Instant) {
        let seq = self.seq.max(theirs.seq);
        if (self.phase, theirs.phase) == (Phase::Closed, Phase::Closed) {
            (self.since, self.past, self.healing) = (theirs.since, theirs.past, theirs.healing);
        } else {
            let (era, pressed) = (self.era + 1, self.pressed);
            *self = Self {
                era,
                pressed,
                ..theirs
            };
            if let Some(reason) = pressed
                && self.state() != State::Open
            {
                self.set_open(reason, Until::Calm, now);
            }
        }
        self.seq = seq;
    }

    /// Whether it lets less through than `other` would.
    pub(super) fn is_stricter_than(&self, other: &Self, now: Instant) -> bool {
        self.strictness(now) > other.strictness(now)
    }

    fn strictness(&self, now: Instant) -> (u8, u128) {
        let half_open = |spare: u32| (1, u128::from(u32::MAX - spare));
        match self.phase {
            Phase::Closed => (0, 0),
            Phase::HalfOpen { spare, .. } => half_open(spare),
            Phase::Open {
                until: Until::Reset, ..
            } => (3, 0),
            Phase::Open {
                until: Until::Calm, ..
            } => (2, 0),
            Phase::Open {
                until: Until::Time(end),
                ..
            } if end > now => (2, (end - now).as_nanos()),
            Phase::Open { .. } => half_open(self.rules.half_open),
        }
    }

    /// What it is now.
    pub(crate) fn state(&self) -> State {
        match self.phase {
            Phase::Closed => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    /// When the open phase ends by itself.
    pub(crate) fn open_until(&self) -> Option<Instant> {
        match self.phase {
            Phase::Open {
                until: Until::Time(end),
                ..
            } => Some(end),
            _ => None,
        }
    }

    /// Why it is open.
    pub(crate) fn reason(&self) -> Option<Reason> {
        match self.phase {
            Phase::Open { reason, .. } => Some(reason),
            Phase::Closed | Phase::HalfOpen { .. } => None,
        }
    }

    /// The readings of the window.
    pub(crate) fn counts(&self, now: Instant) -> Counts {
        self.judge.counts(now)
    }

    /// The rules.
    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// A reading of the half-open circuit ended.
    fn tried(&mut self, outcome: Outcome, now: Instant) -> Option<Change> {
        let too_many = has_too_many_sessions(&self.rules, outcome);
        self.seq += 1;
        let Phase::HalfOpen {
            leaves,
            spare,
            good,
            answers,
        } = &mut self.phase
        else {
            return None;
        };
        match outcome {
            Outcome::NotMade => *spare += 1,
            Outcome::Failed { .. } => return Some(self.open(Reason::TrialFailed, now)),
            Outcome::Answered { .. } if too_many => return Some(self.open(Reason::ActiveSessions, now)),
            Outcome::Answered { took, .. } => {
                *good += 1;
                answers.add(false, took);
            }
            Outcome::Ignored => *good += 1,
        }
        if *good < *leaves {
            return None;
        }
        let average = answers.average();
        if self.rules.latency.is_some_and(|most| average > most) {
            return Some(self.open(Reason::Latency, now));
        }
        Some(self.close(now, false))
    }

    /// Becomes half-open when what held it open is over.
    fn lapse(&mut self, now: Instant) -> Option<Change> {
        let Phase::Open { until, .. } = self.phase else {
            return None;
        };
        let is_over = match until {
            Until::Time(end) => now >= end,
            Until::Reset => false,
            Until::Calm => true,
        };
        if !is_over || self.pressed.is_some() {
            return None;
        }
        let leaves = self.rules.half_open;
        self.set_phase(Phase::half_open(leaves), now);
        Some(Change::HalfOpened { leaves })
    }

    fn open(&mut self, reason: Reason, now: Instant) -> Change {
        self.past.trips = self.past.trips.saturating_add(1);
        if !reason.is_of_target() {
            self.set_open(reason, Until::Calm, now);
            return Change::Opened { reason, lasts: None };
        }
        let first = self.rules.break_duration;
        let last = self.past.last_break;
        let was_short = match self.phase {
            Phase::Closed => {
                let closed_for = self.closed_for(now);
                self.healing.opened(closed_for, last);
                closed_for < last
            }
            Phase::Open { .. } | Phase::HalfOpen { .. } => true,
        };
        let longer = last.saturating_mul(2).min(self.rules.max_break).max(first);
        let lasts = if was_short { longer } else { first };
        self.past.last_break = lasts;
        self.set_open(
            reason,
            now.checked_add(lasts).map_or(Until::Reset, Until::Time),
            now,
        );
        Change::Opened {
            reason,
            lasts: Some(lasts),
        }
    }

    fn set_open(&mut self, reason: Reason, until: Until, now: Instant) {
        self.past.opened.get_or_insert(now);
        self.set_phase(Phase::Open { reason, until }, now);
    }

    fn close(&mut self, now: Instant, by_hand: bool) -> Change {
        let opened = self.past.opened.take();
        self.past.closed_before = Duration::ZERO;
        self.judge = Judge::new(&self.rules, now);
        self.healing.closed(now);
        self.next_look = now + self.rules.evaluation;
        self.set_phase(Phase::Closed, now);
        let after = opened.map_or(Duration::ZERO, |opened| now.saturating_duration_since(opened));
        Change::Closed { after, by_hand }
    }

    pub(super) fn closed_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
            .saturating_add(self.past.closed_before)
    }

    fn set_phase(&mut self, phase: Phase, now: Instant) {
        self.phase = phase;
        self.since = now;
        self.era += 1;
        self.away.leaves = 0;
        self.seq += 1;
    }

    /// Takes back leaves whose reading will never end.
    fn forget_leaves(&mut self, now: Instant) {
        let (era, mut lost) = (self.era, 0);
        let life = match self.phase {
            Phase::HalfOpen { .. } => LEAVE_LIFE,
            Phase::Closed | Phase::Open { .. } => LONGEST_LIFE,
        };
        self.leaves.retain(|_, leave| {
            let lives = now.saturating_duration_since(leave.given) < life;
            lost += u32::from(!lives && leave.era == era);
            lives
        });
        if let Phase::HalfOpen { spare, .. } = &mut self.phase {
            if now.saturating_duration_since(self.away.since) >= LEAVE_LIFE {
                lost += std::mem::take(&mut self.away.leaves);
            }
            *spare += lost;
            self.seq += u64::from(lost);
        }
    }
}

/// Whether the tick is read when only one of `factor` is: told by its number, so that any node leaves out the
/// same.
fn is_kept(tick: Tick, interval: Duration, factor: u32) -> bool {
    let interval = i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX).max(1);
    let number = tick.unix_nanos().div_euclid(interval);
    factor <= 1 || number.rem_euclid(i64::from(factor)) == 0
}

#[cfg(test)]
#[path = "circuit_tests.rs"]
mod tests;
