//! What goes along with a target that is handed over: its circuits.

use ringwatch_pipeline::circuit_breaker::CircuitImage;
use serde::{Deserialize, Serialize};

use super::word::Word;

/// One circuit of a target.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Carried {
    /// The processor's name.
    pub(super) breaker: String,
    /// The last word of the old owner.
    pub(super) word: Word,
    /// The circuit as it is.
    pub(super) image: CircuitImage,
}

/// As it goes over the wire. Empty for nothing, or for what cannot be written.
pub(super) fn pack(carried: &[Carried]) -> Vec<u8> {
    if carried.is_empty() {
        return Vec::new();
    }
    serde_json::to_vec(carried).unwrap_or_default()
}

/// What came over the wire; nothing for what cannot be read.
pub(super) fn unpack(bytes: &[u8]) -> Vec<Carried> {
    if bytes.is_empty() {
        return Vec::new();
    }
    serde_json::from_slice(bytes).unwrap_or_else(|_| {
        tracing::warn!("the circuits that came along with a target cannot be read; the group's count");
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use ringwatch_pipeline::circuit_breaker::State;

    use super::*;

    #[test]
    fn circuits_come_along_and_garbage_is_nothing() {
        let image = CircuitImage {
            state: State::HalfOpen,
            reason: None,
            left_ms: Some(0),
            closed_ms: 0,
            opened_ms: Some(5),
            last_break_ms: 6,
            trips: 1,
            doublings: 0,
            half_open_used: 2,
            half_open_good: 1,
            half_open_took_ms: 3,
            learnt: Vec::new(),
            seq: 9,
        };
        let word = Word {
            owner: "a".into(),
            view: 1,
            generation: 2,
            seq: 9,
        };
        let all = vec![Carried {
            breaker: "circuit_breaker".into(),
            word,
            image,
        }];
        assert_eq!(unpack(&pack(&all)), all);
        assert!(pack(&[]).is_empty() && unpack(&[]).is_empty());
        assert!(unpack(b"[{]").is_empty() && unpack(&[0xff; 9]).is_empty());
    }
}
