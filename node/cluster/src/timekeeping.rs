//! The cluster's time: what the wall clocks of most nodes say.
//!
//! A tick is an instant of wall-clock time. Nodes whose clocks differ would take the same tick for late and for early, so
//! each compares its system's clock with those of the others and corrects it where most of them agree on another time. A
//! clock that jumps on one node then moves no tick.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use ringwatch_frame::{Clock, Correction};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use crate::member::{Member, NodeId, State};
use crate::node::Knowledge;
use crate::peer::Peers;

/// How often the others are asked; and how often before the first of them has answered.
const EVERY: Duration = Duration::from_secs(1);
const AT_FIRST: Duration = Duration::from_millis(100);
/// So many of them each time, in turn.
const ASKED: usize = 8;
/// An answer that took longer says too little: it may be wrong by half of it.
const ROUND_TRIP: Duration = Duration::from_millis(200);
/// Older answers do not count: the clock may have jumped since.
const FRESH: Duration = Duration::from_secs(5);
/// Without any answer for so long, this node is alone.
const ALONE: Duration = Duration::from_secs(600);
/// Within this time after the start, the first comparison sets the clock at once.
const START: Duration = Duration::from_secs(10);
/// Clocks that differ by less agree, in nanoseconds.
const NEAR: i64 = 1_000_000_000;
/// Smaller differences are left as they are: they are no more than what the comparison may be wrong by.
const LEAST: i64 = 100_000_000;

/// Compares clocks until it is dropped.
#[derive(Debug)]
pub(crate) struct Timekeeper {
    _task: AbortOnDropHandle<()>,
}

impl Timekeeper {
    /// Compares `clock` with those of the members that `knowledge` has.
    pub(crate) fn start(
        clock: Clock,
        knowledge: watch::Receiver<Arc<Knowledge>>,
        peers: Arc<dyn Peers>,
    ) -> Self {
        let run = Comparing {
            clock,
            knowledge,
            peers,
            began: Instant::now(),
            heard: None,
            answers: HashMap::new(),
            turn: 0,
            verdict: None,
        };
        Self {
            _task: AbortOnDropHandle::new(tokio::spawn(run.run())),
        }
    }
}

/// What another node's clock said, in nanoseconds since the Unix epoch, and when that was.
#[derive(Clone, Copy, Debug)]
struct Answer {
    at: Instant,
    said: i64,
}

struct Comparing {
    clock: Clock,
    knowledge: watch::Receiver<Arc<Knowledge>>,
    peers: Arc<dyn Peers>,
    began: Instant,
    /// When the last answer came.
    heard: Option<Instant>,
    answers: HashMap<NodeId, Answer>,
    turn: usize,
    verdict: Option<Verdict>,
}

/// What a comparison shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Most clocks agree on a time that is so many nanoseconds ahead of our system's.
    Most(i64),
    /// No time is that of most of them.
    Open,
}

impl Comparing {
    async fn run(mut self) {
        loop {
            self.ask().await;
            self.conclude();
            let pause = if self.heard.is_none() && self.began.elapsed() < START {
                AT_FIRST
            } else {
                EVERY
            };
            sleep(pause).await;
        }
    }

    /// Asks some of the others.
    async fn ask(&mut self) {
        let members = Arc::clone(&self.knowledge.borrow_and_update());
        let others: Vec<&Member> = members
            .members
            .iter()
            .map(|known| &known.member)
            .filter(|member| member.who.node != members.me && member.state != State::Dead)
            .collect();
        let first = self.turn;
        let asked = others.len().min(ASKED);
        self.turn = self.turn.wrapping_add(asked);
        let (peers, others) = (&self.peers, &others);
        let questions = (0..asked).map(|n| async move {
            let to = others[(first + n) % others.len()];
            let asked = Instant::now();
            let said = peers.time(to).await.ok()?;
            let took = asked.elapsed();
            let at = asked + took / 2;
            (took <= ROUND_TRIP).then(|| (to.who.node.clone(), Answer { at, said }))
        });
        for (node, answer) in join_all(questions).await.into_iter().flatten() {
            self.heard = Some(answer.at);
            self.answers.insert(node, answer);
        }
        self.answers.retain(|_, answer| answer.at.elapsed() <= FRESH);
    }

    /// Tells the clock what the answers say.
    fn conclude(&mut self) {
        let Some(heard) = self.heard else { return };
        if heard.elapsed() > ALONE {
            self.heard = None;
            self.verdict = None;
            return self.clock.correct(Correction::Alone);
        }
        if self.answers.is_empty() {
            return;
        }
        let (now, ours) = (Instant::now(), self.clock.uncorrected());
        let ahead = |answer: &Answer| {
            let passed = now.saturating_duration_since(answer.at).as_nanos();
            let passed = i64::try_from(passed).unwrap_or(i64::MAX);
            answer.said.saturating_add(passed).saturating_sub(ours)
        };
        let others: Vec<i64> = self.answers.values().map(ahead).collect();
        let verdict = verdict(&others);
        let is_first = !matches!(self.verdict, Some(Verdict::Most(_))) && self.began.elapsed() < START;
        self.clock.correct(match verdict {
            Verdict::Most(by) if is_first => Correction::Set(by),
            Verdict::Most(by) => Correction::By(by),
            Verdict::Open => Correction::Hold,
        });
        self.say(verdict);
        self.verdict = Some(verdict);
    }

    /// Says what has changed.
    fn say(&self, verdict: Verdict) {
        let is_off = |verdict: Verdict| matches!(verdict, Verdict::Most(by) if by.abs() >= NEAR);
        let before = self.verdict.unwrap_or(Verdict::Most(0));
        let clocks = self.answers.len() + 1;
        match verdict {
            Verdict::Open if before != Verdict::Open => tracing::warn!(
                clocks,
                "the clocks of the nodes differ and none is that of most: time goes on as it did, check NTP on all of them"
            ),
            Verdict::Most(by) if is_off(verdict) && !is_off(before) => tracing::warn!(
                clocks,
                seconds = by / 1_000_000_000,
                "the system's clock is not that of the other nodes, whose time is used: check NTP on this machine"
            ),
            Verdict::Most(_) if !is_off(verdict) && (is_off(before) || before == Verdict::Open) => {
                tracing::info!(clocks, "the clocks of the nodes agree again");
            }
            _ => {}
        }
    }
}

/// What clocks say that are so far ahead of ours, in nanoseconds: the median is the time where more than half of all, ours
/// among them, are near it.
fn verdict(others: &[i64]) -> Verdict {
    let mut all: Vec<i128> = others.iter().copied().chain([0]).map(i128::from).collect();
    all.sort_unstable();
    let (low, high) = (all[(all.len() - 1) / 2], all[all.len() / 2]);
    let median = i128::midpoint(low, high);
    let near = all
        .iter()
        .filter(|ahead| (**ahead - median).abs() <= i128::from(NEAR));
    if near.count() * 2 <= all.len() {
        return Verdict::Open;
    }
    let median = i64::try_from(median).unwrap_or(0);
    Verdict::Most(if median.abs() < LEAST { 0 } else { median })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn most_clocks_are_right() {
        let hour = 3600 * SECOND;
        let table: [(&[i64], Verdict); 10] = [
            // Ours and two that agree.
            (&[1_000_000, -2_000_000], Verdict::Most(0)),
            // One of the others is wrong.
            (&[hour, 3_000_000], Verdict::Most(0)),
            (&[-24 * hour, 0, 5], Verdict::Most(0)),
            // Ours is.
            (&[hour, hour + 10], Verdict::Most(hour)),
            (&[-600 * SECOND, -600 * SECOND - 10], Verdict::Most(-600 * SECOND)),
            (&[SECOND / 2, SECOND / 2], Verdict::Most(SECOND / 2)),
            // Two that are a little apart meet in the middle; two that are far apart do not.
            (&[SECOND], Verdict::Most(SECOND / 2)),
            (&[hour], Verdict::Open),
            // Each says something else; two against two.
            (&[hour, -hour], Verdict::Open),
            (&[0, hour, hour], Verdict::Open),
        ];
        for (others, expected) in table {
            assert_eq!(verdict(others), expected, "{others:?}");
        }
        assert_eq!(verdict(&[i64::MAX, i64::MIN]), Verdict::Open);
        assert_eq!(verdict(&[i64::MAX, i64::MAX]), Verdict::Most(i64::MAX));
    }
}
