//! Circuits as people read them.

use ringwatch_proto::v1;
use serde::{Deserialize, Serialize};
use v1::state_command::Kind;
use v1::{BreakerRecord, BreakerState};

use super::values::Time;
use crate::machine::Machine;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Breaker {
    breaker: String,
    target: String,
    state: State,
    reason: String,
    left_ms: Option<u64>,
    closed_ms: u64,
    opened_ms: Option<u64>,
    last_break_ms: u64,
    trips: u64,
    doublings: u32,
    half_open_used: u32,
    learnt: Vec<Learnt>,
    view: u64,
    owner: String,
    generation: u64,
    seq: u64,
    received: Time,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Closed,
    Open,
    HalfOpen,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Learnt {
    stream: String,
    deadline_ms: u64,
    typical_ms: f64,
    deviation_ms: f64,
}

/// All circuits but the closed ones of which nobody spoke since `limit`.
pub(super) fn export(machine: &Machine, limit: i64) -> Vec<Breaker> {
    let is_there =
        |record: &BreakerRecord| record.state() != BreakerState::Closed || record.received_unix_nano >= limit;
    let rows = machine.breakers().filter(|(_, _, record)| is_there(record));
    rows.map(|(breaker, target, record)| Breaker::of(breaker, target, record))
        .collect()
}

impl Breaker {
    fn of(breaker: &str, target: &str, record: &BreakerRecord) -> Self {
        let learnt = record.learnt.iter().map(|learnt| Learnt {
            stream: learnt.stream.clone(),
            deadline_ms: learnt.deadline_ms,
            typical_ms: learnt.typical_ms,
            deviation_ms: learnt.deviation_ms,
        });
        Self {
            breaker: breaker.to_owned(),
            target: target.to_owned(),
            state: match record.state() {
                BreakerState::Open => State::Open,
                BreakerState::HalfOpen => State::HalfOpen,
                BreakerState::Closed | BreakerState::Unspecified => State::Closed,
            },
            reason: record.reason.clone(),
            left_ms: record.left_ms,
            closed_ms: record.closed_ms,
            opened_ms: record.opened_ms,
            last_break_ms: record.last_break_ms,
            trips: record.trips,
            doublings: record.doublings,
            half_open_used: record.half_open_used,
            learnt: learnt.collect(),
            view: record.view,
            owner: record.owner.clone(),
            generation: record.generation,
            seq: record.seq,
            received: Time(record.received_unix_nano),
        }
    }

    pub(super) fn command(self) -> Kind {
        let learnt = self.learnt.into_iter().map(|learnt| v1::BreakerLearnt {
            stream: learnt.stream,
            deadline_ms: learnt.deadline_ms,
            typical_ms: learnt.typical_ms,
            deviation_ms: learnt.deviation_ms,
        });
        let state = match self.state {
            State::Closed => BreakerState::Closed,
            State::Open => BreakerState::Open,
            State::HalfOpen => BreakerState::HalfOpen,
        };
        let record = BreakerRecord {
            state: state.into(),
            reason: self.reason,
            left_ms: self.left_ms,
            closed_ms: self.closed_ms,
            opened_ms: self.opened_ms,
            last_break_ms: self.last_break_ms,
            trips: self.trips,
            doublings: self.doublings,
            half_open_used: self.half_open_used,
            learnt: learnt.collect(),
            view: self.view,
            owner: self.owner,
            seq: self.seq,
            generation: self.generation,
            received_unix_nano: self.received.0,
        };
        Kind::BreakerChanged(v1::BreakerChanged {
            breaker: self.breaker,
            target: self.target,
            record: Some(record),
        })
    }
}
