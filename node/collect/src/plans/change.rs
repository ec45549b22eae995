//! Whether a statement is executed in another way than before, and what came of it: pure.
//!
//! The server counts calls and their time, whatever the plan. So what was counted belongs to a plan as far as the plan
//! was known to be in use:
//! - The window of a plan begins when it was first seen.
//! - When another plan is seen, the one before was in use up to some moment since it was seen last, and nobody knows
//!   which. So its window is what was counted up to that last look; where that holds too few calls, what was counted up
//!   to the reading before.
//! - A change is told at a later reading, once there were enough calls under the new plan. A plan that comes back before
//!   was no change.

/// The least difference of means that is worth a look, in milliseconds.
const STEP_MS: f64 = 0.1;
/// How many times longer or shorter calls take that are worth a look.
const FACTOR: f64 = 2.0;

/// Calls and the milliseconds that they took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sum {
    pub(crate) calls: i64,
    pub(crate) time: f64,
}

impl Sum {
    /// Milliseconds of a call.
    pub(crate) fn mean(self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "beyond 2^53 calls the mean is as good")]
        (self.calls > 0).then(|| self.time / self.calls as f64)
    }

    /// What was counted since `before`; all of it when the server began to count anew.
    pub(crate) fn since(self, before: Self) -> Self {
        if self.calls < before.calls || self.time < before.time {
            return self;
        }
        self.less(before)
    }

    /// Both together.
    fn and(self, other: Self) -> Self {
        Self {
            calls: self.calls.saturating_add(other.calls),
            time: self.time + other.time,
        }
    }

    /// Without `part`, and never less than nothing.
    pub(crate) fn less(self, part: Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(part.calls).max(0),
            time: (self.time - part.time).max(0.0),
        }
    }
}

/// A plan, and what was counted while it was in use.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Watch {
    /// The plan that was seen last.
    pub(crate) hash: u64,
    /// The server's counters at the last reading.
    pub(crate) seen: Sum,
    /// What was counted since the plan was first seen.
    pub(crate) window: Sum,
    /// That of it which was counted up to the last look at the plan.
    pub(crate) confirmed: Sum,
    /// The plan before, as long as it is not sure that it was left for good.
    pub(crate) pending: Option<Pending>,
}

/// A plan that was left.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pending {
    pub(crate) hash: u64,
    /// What was counted while it was in use.
    pub(crate) before: Sum,
}

/// A change of a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) previous: u64,
    pub(crate) hash: u64,
    pub(crate) before: Sum,
    pub(crate) after: Sum,
}

impl Watch {
    /// Watches a plan that is seen for the first time.
    pub(crate) fn new(hash: u64, seen: Sum) -> Self {
        Self {
            hash,
            seen,
            window: Sum::default(),
            confirmed: Sum::default(),
            pending: None,
        }
    }

    /// Takes the counters of a reading, and says what was counted since the one before.
    pub(crate) fn advance(&mut self, now: Sum) -> Sum {
        let last = now.since(self.seen);
        self.seen = now;
        self.window = self.window.and(last);
        last
    }

    /// A change that is now sure: of at least `least` calls before and after. Asked once after each
    /// [`advance`](Self::advance), before the plan is looked at.
    pub(crate) fn change(&mut self, least: i64) -> Option<Change> {
        if self.window.calls < least {
            return None;
        }
        let Pending { hash, before } = self.pending.take()?;
        Some(Change {
            previous: hash,
            hash: self.hash,
            before,
            after: self.window,
        })
    }

    /// The plan was looked at. `last` is what was counted since the reading before. Says whether it is another one.
    pub(crate) fn looked(&mut self, hash: u64, last: Sum, least: i64) -> bool {
        if hash == self.hash {
            self.confirmed = self.window;
            return false;
        }
        match &self.pending {
            Some(pending) if pending.hash == hash => {
                self.window = pending.before;
                self.confirmed = pending.before;
                self.pending = None;
            }
            pending => {
                if pending.is_none() {
                    let surely = if self.confirmed.calls >= least {
                        self.confirmed
                    } else {
                        self.window.less(last)
                    };
                    self.pending = (surely.calls >= least).then_some(Pending {
                        hash: self.hash,
                        before: surely,
                    });
                }
                self.window = Sum::default();
                self.confirmed = Sum::default();
            }
        }
        self.hash = hash;
        true
    }

    /// Whether the calls since the last reading took so much longer or shorter than those before that another plan may
    /// be why.
    pub(crate) fn is_unusual(&self, last: Sum, least: i64) -> bool {
        let usual = self.window.less(last);
        if last.calls < least || usual.calls < least {
            return false;
        }
        let Some((now, then)) = last.mean().zip(usual.mean()) else {
            return false;
        };
        let factor = now >= then * FACTOR || then >= now * FACTOR;
        factor && (now - then).abs() >= STEP_MS
    }
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
