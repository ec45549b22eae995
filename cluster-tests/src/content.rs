//! Entries of a log whose content follows from their index.

use ringwatch_proto::v1;
use ringwatch_proto::v1::state_command::Kind;

/// Circuits that are written about in turn.
const CIRCUITS: u64 = 500;
/// At most so many statements of a sampler in one entry, so that entries are small and large ones, also larger than
/// what the store keeps in one piece.
const STATEMENTS: u64 = 300;
/// When entry 0 was made: 2026-01-01, in nanoseconds since 1970.
pub const BEGIN: i64 = 1_767_225_600_000_000_000;
const MILLISECOND: i64 = 1_000_000;

/// The entry with this index.
pub fn entry(index: u64) -> v1::StateEntry {
    let time = BEGIN.saturating_add(
        i64::try_from(index)
            .unwrap_or(i64::MAX)
            .saturating_mul(MILLISECOND),
    );
    let kind = if index.is_multiple_of(3) {
        Kind::SamplerSeen(seen(index, time))
    } else {
        Kind::BreakerChanged(changed(index))
    };
    v1::StateEntry {
        time_unix_nano: time,
        node: "probe".into(),
        generation: 1,
        commands: vec![v1::StateCommand { kind: Some(kind) }],
        ..v1::StateEntry::default()
    }
}

fn changed(index: u64) -> v1::BreakerChanged {
    let open = index.is_multiple_of(2);
    let state = if open {
        v1::BreakerState::Open
    } else {
        v1::BreakerState::Closed
    };
    v1::BreakerChanged {
        breaker: "circuit_breaker".into(),
        target: format!("postgresql://db-{}:5432", index % CIRCUITS),
        record: Some(v1::BreakerRecord {
            state: state.into(),
            reason: format!("entry {index}"),
            left_ms: open.then_some(index),
            trips: index,
            owner: "probe".into(),
            generation: 1,
            seq: index + 1,
            ..v1::BreakerRecord::default()
        }),
    }
}

fn seen(index: u64, time: i64) -> v1::SamplerSeen {
    let mut rng = fastrand::Rng::with_seed(index);
    let entries = (0..rng.u64(1..=STATEMENTS)).map(|_| v1::SeenStatement {
        fingerprint: rng.u64(..),
        seen_unix_nano: time,
        rules: rng.u64(..4),
        rules_before: 0,
    });
    v1::SamplerSeen {
        sampler: "adaptive_sampler".into(),
        pipeline: "logs".into(),
        rules: vec!["slow".into(), "new".into()],
        entries: entries.collect(),
    }
}

/// Statements in one entry of [`decisions`].
pub const DECISIONS: u64 = 500;

/// An entry with decisions of a sampler about [`DECISIONS`] statements, others for each index. Entry 0 is of `begin`, in
/// nanoseconds since 1970.
pub fn decisions(index: u64, begin: i64) -> v1::StateEntry {
    let time = begin.saturating_add(
        i64::try_from(index)
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000 * MILLISECOND),
    );
    let mut rng = fastrand::Rng::with_seed(index);
    let entries = (0..DECISIONS).map(|_| v1::SeenStatement {
        fingerprint: rng.u64(..),
        seen_unix_nano: time - rng.i64(0..1_000 * MILLISECOND),
        rules: rng.u64(..4),
        rules_before: 0,
    });
    let seen = v1::SamplerSeen {
        sampler: "adaptive_sampler".into(),
        pipeline: "logs".into(),
        rules: vec!["slow".into(), "errors".into()],
        entries: entries.collect(),
    };
    v1::StateEntry {
        time_unix_nano: time,
        node: "measure".into(),
        generation: 1,
        commands: vec![v1::StateCommand {
            kind: Some(Kind::SamplerSeen(seen)),
        }],
        ..v1::StateEntry::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_says_all() {
        for index in 0..50 {
            assert_eq!(entry(index), entry(index));
            assert_ne!(entry(index), entry(index + 1));
        }
    }
}
