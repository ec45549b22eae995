//! A circuit in the words of the wire.

use ringwatch_pipeline::circuit_breaker::{CircuitStatus, State};
use ringwatch_proto::v1;

use crate::grpc::timestamp;

/// A circuit of a target that `owner` owns.
pub(super) fn breaker(circuit: &CircuitStatus, owner: &str) -> v1::Breaker {
    v1::Breaker {
        target_id: circuit.target.to_string(),
        database: circuit.name.clone(),
        state: state(circuit.state).into(),
        since: Some(timestamp(circuit.since)),
        until: circuit.until.map(timestamp),
        trips: circuit.trips,
        reason: circuit
            .reason
            .map_or_else(String::new, |reason| reason.to_string()),
        readings: circuit.readings.into(),
        failures: failures(circuit),
        slowdown: circuit.slowdown,
        timeout: circuit
            .timeout
            .and_then(|timeout| prost_types::Duration::try_from(timeout).ok()),
        owner: owner.to_owned(),
    }
}

fn state(state: State) -> v1::BreakerState {
    match state {
        State::Closed => v1::BreakerState::Closed,
        State::Open => v1::BreakerState::Open,
        State::HalfOpen => v1::BreakerState::HalfOpen,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a number of readings"
)]
fn failures(circuit: &CircuitStatus) -> u64 {
    (f64::from(circuit.readings) * circuit.error_percent / 100.0).round() as u64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ringwatch_frame::{TargetId, Tick};
    use ringwatch_pipeline::circuit_breaker::Reason;

    use super::*;

    #[test]
    fn a_circuit_is_told_in_full() {
        let circuit = CircuitStatus {
            name: "production".into(),
            target: TargetId::new("postgresql", "a:1"),
            processor: "circuit_breaker".into(),
            entry: Some("production".into()),
            state: State::Open,
            since: Tick::from_unix_nanos(1_500_000_000),
            reason: Some(Reason::ErrorRate),
            until: None,
            trips: 3,
            rejected: 9,
            readings: 7,
            error_percent: 100.0 * 2.0 / 7.0,
            average: Duration::from_millis(5),
            slowdown: 2,
            doublings: 0,
            timeout: Some(Duration::from_millis(1500)),
        };
        let expected = v1::Breaker {
            target_id: "postgresql://a:1".into(),
            database: "production".into(),
            state: v1::BreakerState::Open.into(),
            since: Some(prost_types::Timestamp {
                seconds: 1,
                nanos: 500_000_000,
            }),
            until: None,
            trips: 3,
            reason: "error_rate".into(),
            readings: 7,
            failures: 2,
            slowdown: 2,
            timeout: Some(prost_types::Duration {
                seconds: 1,
                nanos: 500_000_000,
            }),
            owner: "n1".into(),
        };
        assert_eq!(breaker(&circuit, "n1"), expected);
    }
}
