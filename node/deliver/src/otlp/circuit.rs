//! When an exporter may try: the circuit of its backend, pure.
//!
//! Closed, everybody tries. Open, nobody does until the time that the backend told, or a back-off that grows, is over.
//! Then one tries for all: when it is answered, the circuit is closed, else it is open again. The circuit never decides
//! what becomes of a batch.

use std::time::Duration;

use ringwatch_config::settings::RetryOnFailure;
use tokio::time::Instant;

use crate::retry::Backoff;
use crate::status::CircuitState;

/// After so many attempts without success in a row, of all consumers together, the backend counts as away.
const AWAY: u32 = 5;

/// Leave to make one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Permit {
    /// How often the circuit had opened.
    turn: u64,
    probe: bool,
}

/// The answer to a consumer that wants to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Go(Permit),
    /// Nobody may before this time.
    Later(Instant),
    /// One is trying for all.
    AfterProbe,
}

/// How an attempt ended, for the circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The backend took the request or refused it for what it is.
    Alive,
    /// There was no answer, or one that says that there will be a better one.
    Failed,
    /// The backend asks for rest, for so long if it tells.
    Rest(Option<Duration>),
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed { failures: u32, since: Instant },
    Open { until: Instant },
    Probing,
}

/// The circuit of one exporter.
#[derive(Debug)]
pub(super) struct Circuit {
    retry: RetryOnFailure,
    state: State,
    turn: u64,
    backoff: Backoff,
    /// How long it was open the last time.
    pause: Duration,
}

impl Circuit {
    /// A closed circuit whose pauses are those between the attempts for a batch.
    pub(super) fn new(retry: &RetryOnFailure, now: Instant) -> Self {
        Self {
            state: State::Closed {
                failures: 0,
                since: now,
            },
            turn: 0,
            backoff: Backoff::new(retry, now),
            pause: Duration::ZERO,
            retry: retry.clone(),
        }
    }

    pub(super) fn state(&self) -> CircuitState {
        match self.state {
            State::Closed { .. } => CircuitState::Closed,
            State::Open { .. } => CircuitState::Open,
            State::Probing => CircuitState::HalfOpen,
        }
    }

    /// May one try now?
    pub(super) fn ask(&mut self, now: Instant) -> Answer {
        let probe = match self.state {
            State::Closed { .. } => false,
            State::Open { until } if now < until => return Answer::Later(until),
            State::Open { .. } => true,
            State::Probing => return Answer::AfterProbe,
        };
        if probe {
            self.state = State::Probing;
        }
        Answer::Go(Permit {
            turn: self.turn,
            probe,
        })
    }

    /// Ends a wait early: the next one that asks may try. For a node that stops.
    pub(super) fn hurry(&mut self, now: Instant) {
        if let State::Open { until } = &mut self.state {
            *until = now.min(*until);
        }
    }

    /// How the attempt of `permit` ended. `random`, from 0 to 1, decides about the jitter of a back-off.
    pub(super) fn ended(&mut self, permit: Permit, outcome: Outcome, now: Instant, random: f64) {
        if permit.turn != self.turn {
            // It began before the circuit opened and says nothing new, unless that the backend wants more rest.
            if let (Outcome::Rest(Some(told)), State::Open { until }) = (outcome, &mut self.state) {
                *until = (*until).max(now + told);
            }
            return;
        }
        match (outcome, &mut self.state) {
            (Outcome::Alive, State::Closed { failures, .. }) => *failures = 0,
            (Outcome::Alive, _) => {
                self.state = State::Closed {
                    failures: 0,
                    since: now,
                }
            }
            (Outcome::Failed, State::Closed { failures, .. }) if *failures + 1 < AWAY => *failures += 1,
            (Outcome::Failed, _) => self.open(None, now, random),
            (Outcome::Rest(told), _) => self.open(told, now, random),
        }
    }

    /// The attempt of `permit` was not made, or will never tell how it ended.
    pub(super) fn withdrawn(&mut self, permit: Permit, now: Instant) {
        if permit.probe && permit.turn == self.turn {
            self.state = State::Open { until: now };
        }
    }

    /// Opens it. The back-off goes on growing where the backend was well for no longer than it was away.
    fn open(&mut self, told: Option<Duration>, now: Instant, random: f64) {
        if let State::Closed { since, .. } = self.state
            && now.saturating_duration_since(since) > self.pause
        {
            self.backoff = Backoff::new(&self.retry, now);
        }
        self.pause = told.unwrap_or_else(|| self.backoff.next(now, random));
        self.turn += 1;
        self.state = State::Open {
            until: now + self.pause,
        };
    }
}

#[cfg(test)]
#[path = "circuit_tests.rs"]
mod tests;
