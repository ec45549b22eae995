//! A circuit in the words of the group, and back.

use ringwatch_pipeline::circuit_breaker::{CircuitImage, Reason, State, StreamLearnt};
use ringwatch_proto::v1;

use super::word::Word;

/// What the group is told of a circuit.
pub(super) fn record(image: &CircuitImage, word: &Word) -> v1::BreakerRecord {
    let learnt = image.learnt.iter().map(|learnt| v1::BreakerLearnt {
        stream: learnt.stream.clone(),
        deadline_ms: learnt.deadline_ms,
        typical_ms: learnt.typical_ms,
        deviation_ms: learnt.deviation_ms,
    });
    v1::BreakerRecord {
        state: match image.state {
            State::Closed => v1::BreakerState::Closed,
            State::Open => v1::BreakerState::Open,
            State::HalfOpen => v1::BreakerState::HalfOpen,
        }
        .into(),
        reason: image.reason.map_or_else(String::new, |reason| reason.to_string()),
        left_ms: image.left_ms,
        closed_ms: image.closed_ms,
        opened_ms: image.opened_ms,
        last_break_ms: image.last_break_ms,
        trips: image.trips,
        doublings: image.doublings,
        half_open_used: image.half_open_used,
        learnt: learnt.collect(),
        view: word.view,
        owner: word.owner.clone(),
        seq: word.seq,
        generation: word.generation,
        received_unix_nano: 0,
    }
}

/// The circuit that the group remembers. Which of its permits ended well is not remembered: the next owner
/// waits for readings of its own.
pub(super) fn image(record: &v1::BreakerRecord) -> CircuitImage {
    let learnt = record.learnt.iter().map(|learnt| StreamLearnt {
        stream: learnt.stream.clone(),
        deadline_ms: learnt.deadline_ms,
        typical_ms: learnt.typical_ms,
        deviation_ms: learnt.deviation_ms,
    });
    CircuitImage {
        state: match record.state() {
            v1::BreakerState::Open => State::Open,
            v1::BreakerState::HalfOpen => State::HalfOpen,
            v1::BreakerState::Closed | v1::BreakerState::Unspecified => State::Closed,
        },
        reason: Reason::of_str(&record.reason),
        left_ms: record.left_ms,
        closed_ms: record.closed_ms,
        opened_ms: record.opened_ms,
        last_break_ms: record.last_break_ms,
        trips: record.trips,
        doublings: record.doublings,
        half_open_used: record.half_open_used,
        half_open_good: 0,
        half_open_took_ms: 0,
        learnt: learnt.collect(),
        seq: record.seq,
    }
}

/// Which word it is.
pub(super) fn word(record: &v1::BreakerRecord) -> Word {
    Word {
        owner: record.owner.clone(),
        view: record.view,
        generation: record.generation,
        seq: record.seq,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circuit_goes_through_the_group_unchanged() {
        let circuit = CircuitImage {
            state: State::Open,
            reason: Some(Reason::FailuresInARow),
            left_ms: Some(1500),
            closed_ms: 1,
            opened_ms: Some(2),
            last_break_ms: 3,
            trips: 4,
            doublings: 5,
            half_open_used: 6,
            half_open_good: 0,
            half_open_took_ms: 0,
            learnt: vec![StreamLearnt {
                stream: "postgresql.tables/billing".into(),
                deadline_ms: 7,
                typical_ms: 1.5,
                deviation_ms: 0.5,
            }],
            seq: 8,
        };
        let said = Word {
            owner: "a".into(),
            view: 9,
            generation: 10,
            seq: 8,
        };
        let record = record(&circuit, &said);
        assert_eq!(image(&record), circuit);
        assert_eq!(word(&record), said);
        let manual = CircuitImage {
            reason: Some(Reason::Manual),
            left_ms: None,
            ..circuit
        };
        assert_eq!(image(&super::record(&manual, &said)), manual);
    }
}
