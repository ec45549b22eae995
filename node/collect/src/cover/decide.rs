//! Which ticks of a target a standby reads in the owner's place: pure.
//!
//! A tick is open when nobody has told its end and its grace is over. What the database says of the owner's sessions
//! decides: if it has none, it is gone; if none is at a question and its last sign of life is older than a tick that it
//! should have asked for, it is stuck. Otherwise it lives, and only the link between the nodes may be cut.
//!
//! Of an owner that had told nothing for a while when it gave its last sign of life, the ticks before that are in doubt: it
//! asks and does not tell, because the link is cut. Where it is not stuck but late, they would be read twice; so they are
//! left to it for longer. One that stands still had told what it asked, but perhaps the last.

use std::time::Duration;

use ringwatch_frame::{Schedule, Tick};

use crate::session::Activity;
use crate::timeline::minus;

/// An owner that gave a sign of life so short ago may still be late: three quarters of the interval of its fastest
/// stream, of this at most. It is less than the interval, so that a tick is covered before its successor is due.
const LONGEST_PACE: Duration = Duration::from_secs(2);
/// How far a tick may lie back when its end is told, beyond its interval. What lies further back, or in the future by an
/// interval, comes from a clock that shows another time than ours.
const STRANGE: Duration = Duration::from_secs(5);
/// So long after its last sign of life an owner that is stuck is waited for where ticks are in doubt: longer than one with
/// too little processor time is late, and far shorter than [`OLDEST`].
const DOUBT: Duration = Duration::from_secs(3);
/// The longest grace of a tick.
const LONGEST_GRACE: Duration = Duration::from_secs(1);
/// How old an open tick may be that is still read.
pub(super) const OLDEST: Duration = Duration::from_secs(60);

/// One stream as the standby knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) schedule: Schedule,
    /// The last tick that ended.
    pub(super) last: Tick,
    /// Ticks up to this one are the owner's, though it has not told their end.
    pub(super) excused: Option<Tick>,
    /// It is not read now: it failed just before, or the owner's clock is not to be understood.
    pub(super) barred: bool,
    /// How long the owner has told nothing of it.
    pub(super) silent: Duration,
}

/// What the owner is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnerIs {
    /// It has no session.
    Gone,
    /// It should have asked and did not since this, its last sign of life.
    Stuck(Tick),
    /// It asks.
    Alive,
}

/// How long after a tick its end is waited for.
pub(crate) fn grace(interval: Duration) -> Duration {
    (interval * 3 / 10).min(LONGEST_GRACE)
}

fn plus(tick: Tick, time: Duration) -> Tick {
    let nanos = i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    Tick::from_unix_nanos(tick.unix_nanos().saturating_add(nanos))
}

impl Line {
    fn grace(&self) -> Duration {
        grace(self.schedule.interval())
    }

    /// The last tick that is not to be read here: it ended, is the owner's, or is too old.
    fn done(&self, now: Tick) -> Tick {
        let done = self.excused.map_or(self.last, |excused| self.last.max(excused));
        done.max(self.schedule.at_or_before(minus(now, OLDEST)))
    }

    /// The newest tick whose grace is over.
    fn newest(&self, now: Tick) -> Tick {
        self.schedule.at_or_before(minus(now, self.grace()))
    }

    /// The ticks that are open, oldest first.
    pub(super) fn open(&self, now: Tick) -> impl Iterator<Item = Tick> + use<> {
        let (schedule, newest) = (self.schedule, self.newest(now));
        let first = schedule.after(self.done(now));
        std::iter::successors(Some(first), move |tick| Some(schedule.next(*tick)))
            .take_while(move |tick| *tick <= newest)
    }

    /// Whether a tick is open that may be read.
    pub(super) fn is_open(&self, now: Tick) -> bool {
        self.is_readable() && self.has_open(now)
    }

    fn has_open(&self, now: Tick) -> bool {
        self.schedule.between(self.done(now), self.newest(now)) > 0
    }

    /// As long as the owner tells ticks at its pace, it reads: then open ticks are those of a clock that is behind ours.
    fn is_readable(&self) -> bool {
        !self.barred && self.silent >= self.patience()
    }

    fn patience(&self) -> Duration {
        self.schedule.interval() + self.grace() / 2
    }

    /// How long until the owner has told nothing for long enough, where a tick is open.
    pub(super) fn quiet_in(&self, now: Tick) -> Option<Duration> {
        let rest = self.patience().saturating_sub(self.silent);
        (!self.barred && rest > Duration::ZERO && self.has_open(now)).then_some(rest)
    }

    /// How many ticks nobody has ended are too old to be read, and the last of them.
    pub(super) fn passed_over(&self, now: Tick) -> Option<(u64, Tick)> {
        let done = self.excused.map_or(self.last, |excused| self.last.max(excused));
        let old = self.done(now);
        let count = self.schedule.between(done, old);
        (count > 0).then_some((count, old))
    }

    /// When the grace of the next tick is over.
    pub(super) fn next_look(&self, now: Tick) -> Tick {
        plus(self.schedule.next(self.newest(now)), self.grace())
    }

    /// Whether the owner should have asked for an open tick, if its last sign of life was at `sign`.
    fn is_neglected(&self, now: Tick, sign: Tick) -> bool {
        self.is_readable() && self.open(now).any(|tick| sign < tick)
    }

    /// Whether the owner may have asked for the first open tick, if its last sign of life was at `sign`.
    fn is_in_doubt(&self, now: Tick, sign: Tick) -> bool {
        self.open(now).next().is_some_and(|tick| tick <= sign)
    }

    /// What is the owner's, when it was not at a question and gave its last sign of life at `sign`: ticks whose
    /// successor it was there for. Their end was not told, or is under way.
    pub(super) fn excuse(&self, sign: Tick) -> Option<Tick> {
        let known = self
            .schedule
            .at_or_before(minus(sign, self.schedule.interval() + self.grace()));
        self.excused.max(Some(known).filter(|known| *known > self.last))
    }
}

/// Whether the end of `last`, told at `now`, comes from a clock that shows the same time as ours.
pub(super) fn is_of_our_time(schedule: &Schedule, last: Tick, now: Tick) -> bool {
    let (ahead, behind) = (now.lateness(last), last.lateness(now));
    ahead < schedule.interval() && behind < schedule.interval() + STRANGE
}

/// How long ago the last sign of life must have been.
fn pace(lines: &[Line]) -> Duration {
    let intervals = lines.iter().map(|line| line.schedule.interval());
    intervals.min().unwrap_or(LONGEST_PACE).min(LONGEST_PACE) * 3 / 4
}

/// In what time the owner will have been silent for long enough, if nothing else keeps it from being taken for stuck.
pub(super) fn stuck_in(lines: &[Line], now: Tick, activity: &Activity) -> Option<Duration> {
    let sign = sign_of(activity, now).filter(|_| !activity.active && !activity.locked_by_others)?;
    let neglected = lines.iter().any(|line| line.is_neglected(now, sign));
    let rest = pace(lines).saturating_sub(sign.lateness(now));
    neglected.then_some(rest)
}

/// Ticks up to this one are in doubt: the last sign of life of an owner that has asked meanwhile and told nothing.
fn doubt(lines: &[Line], now: Tick, owner: OwnerIs) -> Option<Tick> {
    let OwnerIs::Stuck(sign) = owner else { return None };
    let fastest = lines.iter().map(|line| line.schedule.interval()).min()?;
    let silent = lines.iter().map(|line| line.silent).min()?;
    let untold = silent.saturating_sub(sign.lateness(now));
    (untold > fastest * 3 / 2 && sign.lateness(now) < DOUBT).then_some(sign)
}

/// In what time the ticks are in doubt no more that now are, if there are any and the owner gives no sign of life.
pub(super) fn doubt_in(lines: &[Line], now: Tick, owner: OwnerIs) -> Option<Duration> {
    let sign = doubt(lines, now, owner)?;
    let any = lines.iter().any(|line| line.is_in_doubt(now, sign));
    any.then(|| DOUBT.saturating_sub(sign.lateness(now)))
}

/// When the owner gave its last sign of life, as the database told at `now`.
pub(super) fn sign_of(activity: &Activity, now: Tick) -> Option<Tick> {
    activity.age.map(|age| minus(now, age))
}

/// What the owner is at, as the database told at `now`.
pub(super) fn judge(lines: &[Line], now: Tick, activity: &Activity) -> OwnerIs {
    // Whoever has the lock owns the target, though this node may not have heard of it.
    if activity.locked_by_others {
        return OwnerIs::Alive;
    }
    if activity.sessions == 0 {
        return OwnerIs::Gone;
    }
    match sign_of(activity, now) {
        Some(sign) if stuck_in(lines, now, activity) == Some(Duration::ZERO) => OwnerIs::Stuck(sign),
        _ => OwnerIs::Alive,
    }
}

/// The ticks to claim, oldest first, each with the place of its line. Of a line with a tick in doubt there are none: its
/// ticks are read in their order.
pub(super) fn claims(lines: &[Line], now: Tick, owner: OwnerIs) -> Vec<(usize, Tick)> {
    if owner == OwnerIs::Alive {
        return Vec::new();
    }
    let doubt = doubt(lines, now, owner);
    let is_ours =
        |line: &Line| line.is_readable() && !doubt.is_some_and(|before| line.is_in_doubt(now, before));
    let of_line = |(at, line): (usize, &Line)| line.open(now).map(move |tick| (at, tick)).collect::<Vec<_>>();
    let lines = lines.iter().enumerate().filter(|(_, line)| is_ours(line));
    let mut claims: Vec<_> = lines.flat_map(of_line).collect();
    claims.sort_by_key(|(at, tick)| (*tick, *at));
    claims
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
