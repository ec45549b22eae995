//! What is remembered of statements between the readings of a stream of plans.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::Tick;

use super::change::{Sum, Watch};
use super::reason::Reason;

/// The most statements that are remembered.
pub(super) const MOST: usize = 2000;
/// How long a statement is remembered that the server no longer has.
const ABSENT: Duration = Duration::from_secs(24 * 3600);

/// The hour in which a statement's plans are counted; it begins with the first.
const HOUR: Duration = Duration::from_secs(3600);
/// How soon a statement is asked for again for a reason that passes.
const SOON: Duration = Duration::from_secs(300);

/// A statement that the server counts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Counted {
    /// Tells it from all others of the stream.
    pub(crate) key: Arc<str>,
    pub(crate) queryid: Arc<str>,
    pub(crate) datname: Option<Arc<str>>,
    pub(crate) rolname: Option<Arc<str>>,
    /// What the server counted.
    pub(crate) sum: Sum,
}

/// What is remembered of all statements.
#[derive(Clone, Debug, Default)]
pub(crate) struct States {
    pub(super) known: HashMap<Arc<str>, State>,
    /// The counters of the last reading, of all statements. Nobody else needs them.
    looks: Option<HashMap<Arc<str>, Sum>>,
}

/// What is remembered of one statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    pub(crate) outcome: Outcome,
    /// When it was asked for last.
    pub(crate) asked: Tick,
    /// When the hour began in which askings are counted.
    pub(crate) hour: Tick,
    /// How many there were in it.
    pub(crate) count: u32,
}

/// What came of asking for a plan.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// There is one.
    Plan(Plan),
    /// There is none, and it is not asked for before then.
    Failure { reason: Reason, until: Tick },
}

/// A plan that is known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) watch: Watch,
    /// When it was sent last.
    pub(crate) sent: Tick,
    /// What the record of a change tells, while one is pending.
    pub(crate) told: Option<Told>,
}

/// What the record of a change tells of the statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) source: Arc<str>,
    /// Obfuscated.
    pub(crate) query: Option<Arc<str>>,
    /// Scrubbed; absent where it is large.
    pub(crate) plan: Option<Arc<str>>,
}

/// When plans are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) least: i64,
    pub(crate) per_query: u32,
    pub(crate) sample: usize,
    pub(crate) failures: Duration,
}

/// A statement whose plan is to be asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Due {
    pub(crate) counted: Counted,
    /// What was counted since the reading before.
    pub(crate) last: Sum,
}

impl States {
    /// Takes the counters of a reading. Gives what was counted since the one before, in the order of `ran`; all that the
    /// server has counted, where this is the first reading.
    pub(crate) fn advance(&mut self, ran: &[Counted], now: Tick) -> Vec<Sum> {
        let looks = self.looks.take();
        let last = |counted: &Counted| {
            if let Some(State {
                outcome: Outcome::Plan(plan),
                ..
            }) = self.known.get_mut(&counted.key)
            {
                return plan.watch.advance(counted.sum);
            }
            let before = looks.as_ref().and_then(|looks| looks.get(&counted.key));
            before.map_or(counted.sum, |before| counted.sum.since(*before))
        };
        let last = ran.iter().map(last).collect();
        self.looks = Some(ran.iter().map(|one| (Arc::clone(&one.key), one.sum)).collect());
        self.forget(now);
        last
    }

    /// Forgets what the server no longer has, and what is too much.
    fn forget(&mut self, now: Tick) {
        let looks = self.looks.take().unwrap_or_default();
        let (known, long_ago) = (&mut self.known, earlier(now, ABSENT));
        known.retain(|key, state| looks.contains_key(key) || state.asked > long_ago);
        self.looks = Some(looks);
    }

    /// The statements whose plans are to be asked for, those first that took the most time. What `our_role` executes comes
    /// last: most of it is ours, has no plan, and would take the place of what has one.
    pub(crate) fn due(
        &self,
        ran: &[Counted],
        last: &[Sum],
        rules: &Rules,
        (our_role, now): (&str, Tick),
    ) -> Vec<Due> {
        let due = ran.iter().zip(last).filter(|(counted, last)| {
            last.calls > 0
                && self
                    .known
                    .get(&counted.key)
                    .is_none_or(|state| state.is_due(**last, rules, now))
        });
        let mut due: Vec<_> = due.collect();
        let is_ours = |counted: &Counted| counted.rolname.as_deref() == Some(our_role);
        due.sort_by(|(a, a_last), (b, b_last)| {
            let ours = is_ours(a).cmp(&is_ours(b));
            let time = b_last.time.total_cmp(&a_last.time);
            ours.then(time).then_with(|| a.key.cmp(&b.key))
        });
        due.truncate(rules.sample);
        let due = due.into_iter().map(|(counted, last)| Due {
            counted: counted.clone(),
            last: *last,
        });
        due.collect()
    }

    /// There is a plan. Says whether it is another one than before, or the first.
    pub(crate) fn planned(&mut self, due: &Due, hash: u64, rules: &Rules, now: Tick) -> bool {
        let before = self.known.remove(&due.counted.key);
        let (hour, count) = asked_again(before.as_ref(), now);
        let (outcome, is_new) = match before.map(|before| before.outcome) {
            Some(Outcome::Plan(mut plan)) => {
                let is_new = plan.watch.looked(hash, due.last, rules.least);
                (Outcome::Plan(plan), is_new)
            }
            _ => {
                let plan = Plan {
                    watch: Watch::new(hash, due.counted.sum),
                    sent: Tick::from_unix_nanos(0),
                    told: None,
                };
                (Outcome::Plan(plan), true)
            }
        };
        let state = State {
            outcome,
            asked: now,
            hour,
            count,
        };
        self.remember(&due.counted.key, state);
        is_new
    }

    /// There is none. Says whether that is news.
    pub(crate) fn failed(&mut self, key: &Arc<str>, reason: Reason, rules: &Rules, now: Tick) -> bool {
        let before = self.known.get(key);
        let again = |state: &State| matches!(&state.outcome, Outcome::Failure { reason: then, .. } if *then == reason);
        let is_news = !before.is_some_and(again);
        let (hour, count) = asked_again(before, now);
        // What passes says nothing of a plan that is known.
        let outcome = match before.map(|state| &state.outcome) {
            Some(Outcome::Plan(plan)) if reason.is_passing() => Outcome::Plan(plan.clone()),
            _ => Outcome::Failure {
                reason,
                until: later(now, if reason.is_passing() { SOON } else { rules.failures }),
            },
        };
        let state = State {
            outcome,
            asked: now,
            hour,
            count,
        };
        self.remember(key, state);
        is_news
    }

    /// The plan of a statement, where one is known.
    pub(crate) fn plan_of(&mut self, key: &str) -> Option<&mut Plan> {
        match &mut self.known.get_mut(key)?.outcome {
            Outcome::Plan(plan) => Some(plan),
            Outcome::Failure { .. } => None,
        }
    }

    /// Where there are too many, the one that was asked for longest ago goes.
    fn remember(&mut self, key: &Arc<str>, state: State) {
        if self.known.len() >= MOST && !self.known.contains_key(key) {
            let oldest = self
                .known
                .iter()
                .min_by_key(|(key, state)| (state.asked, Arc::clone(key)));
            if let Some(oldest) = oldest.map(|(key, _)| Arc::clone(key)) {
                self.known.remove(&oldest);
            }
        }
        self.known.insert(Arc::clone(key), state);
    }
}

impl State {
    fn is_due(&self, last: Sum, rules: &Rules, now: Tick) -> bool {
        match &self.outcome {
            Outcome::Failure { until, .. } => now >= *until,
            Outcome::Plan(plan) => {
                let in_this_hour = now < later(self.hour, HOUR);
                if in_this_hour && self.count >= rules.per_query {
                    return false;
                }
                // Half of what it may be asked for is kept for when there is a reason.
                let usual = HOUR * 2 / rules.per_query.max(2);
                now >= later(self.asked, usual) || plan.watch.is_unusual(last, rules.least)
            }
        }
    }
}

/// The hour of an asking now, and how many there are in it.
fn asked_again(before: Option<&State>, now: Tick) -> (Tick, u32) {
    match before {
        Some(state) if state.hour <= now && now < later(state.hour, HOUR) => {
            (state.hour, state.count.saturating_add(1))
        }
        _ => (now, 1),
    }
}

/// So long after `tick`.
pub(super) fn later(tick: Tick, by: Duration) -> Tick {
    let nanos = i64::try_from(by.as_nanos()).unwrap_or(i64::MAX);
    Tick::from_unix_nanos(tick.unix_nanos().saturating_add(nanos))
}

fn earlier(tick: Tick, by: Duration) -> Tick {
    let nanos = i64::try_from(by.as_nanos()).unwrap_or(i64::MAX);
    Tick::from_unix_nanos(tick.unix_nanos().saturating_sub(nanos))
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
