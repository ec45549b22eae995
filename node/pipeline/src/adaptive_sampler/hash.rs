//! The decision: a hash, so that every node decides the same without asking.
//!
//! All hashes here are XXH3 with 64 bits over little-endian bytes. They are the same on every machine and
//! stay the same in later releases: states in files hold them.

use std::time::Duration;

use ringwatch_frame::{StreamId, TargetId, Tick};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Decisions are numbers below two to this power, which a double holds exactly.
const BITS: u32 = 53;
/// The threshold that every decision is below.
pub(super) const ALWAYS: u64 = 1 << BITS;

/// What a decision must be less than for its row to be kept, at a rate in percent.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the product is a whole number of at most 53 bits"
)]
pub(super) fn threshold(percent: f64) -> u64 {
    ((percent / 100.0).clamp(0.0, 1.0) * ALWAYS as f64).round() as u64
}

/// What of a target goes into decisions.
pub(super) fn of_target(target: &TargetId) -> u64 {
    xxh3_64(target.as_str().as_bytes())
}

/// What tells the memory of one stream of a target from that of another. The name of a stream and of its
/// database cannot run into each other.
pub(super) fn of_stream(target: u64, stream: &StreamId) -> u64 {
    let name = xxh3_64_with_seed(stream.name().as_bytes(), target);
    stream
        .database()
        .map_or(name, |database| xxh3_64_with_seed(database.as_bytes(), name))
}

/// At which of `rows` rows a frame begins when limits leave only some of them: at another one at each tick,
/// so that all have their turn.
pub(super) fn first_row(stream: u64, tick: Tick, rows: usize) -> usize {
    let spread = u128::from(xxh3_64_with_seed(&tick.unix_nanos().to_le_bytes(), stream)) * rows as u128;
    usize::try_from(spread >> 64).unwrap_or(0)
}

/// The windows of one frame: for how long the rows of a fingerprint are decided alike. Each fingerprint's
/// windows begin at another instant, so that not everything changes at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    target: u64,
    length: i64,
    number: i64,
    offset: i64,
}

impl Windows {
    /// The windows of `length` around `tick`. Without a length each instant is one of its own.
    pub(super) fn new(target: u64, tick: Tick, length: Duration) -> Self {
        let length = i64::try_from(length.as_nanos()).unwrap_or(i64::MAX).max(1);
        Self {
            target,
            length,
            number: tick.unix_nanos().div_euclid(length),
            offset: tick.unix_nanos().rem_euclid(length),
        }
    }

    /// The decision on `fingerprint` in its window: evenly spread, and the same for every rate, so that a
    /// higher rate keeps all that a lower one keeps.
    pub(super) fn decision(&self, fingerprint: u64) -> u64 {
        let mut bytes = [0; 24];
        let parts = [
            self.target,
            fingerprint,
            self.number_of(fingerprint).cast_unsigned(),
        ];
        for (place, part) in bytes.chunks_exact_mut(8).zip(parts) {
            place.copy_from_slice(&part.to_le_bytes());
        }
        xxh3_64(&bytes) >> (u64::BITS - BITS)
    }

    /// The number of the fingerprint's window: `(tick + phase) / length`, with a phase below the length.
    fn number_of(&self, fingerprint: u64) -> i64 {
        let spread = u128::from(fingerprint ^ self.target) * u128::from(self.length.unsigned_abs());
        let phase = i64::try_from(spread >> 64).unwrap_or(0);
        // offset and phase are both below the length, and their sum may be over the largest number
        self.number + i64::from(phase >= self.length - self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000_000;

    fn windows(tick: i64) -> Windows {
        let target = of_target(&TargetId::new("postgresql", "db:5432"));
        Windows::new(target, Tick::from_unix_nanos(tick), Duration::from_secs(60))
    }

    #[test]
    fn rates_become_thresholds() {
        for (percent, expected) in [
            (-1.0, 0),
            (0.0, 0),
            (50.0, 1 << 52),
            (100.0, 1 << 53),
            (101.0, 1 << 53),
        ] {
            assert_eq!(threshold(percent), expected, "{percent}");
        }
        assert_eq!(threshold(f64::NAN), 0);
    }

    /// These numbers are in files and on other nodes: they must never change.
    #[test]
    fn the_hashes_are_those_of_every_release() {
        let target = of_target(&TargetId::new("postgresql", "db:5432"));
        let server = of_stream(target, &StreamId::of_server("postgresql.statements"));
        let database = of_stream(target, &StreamId::of_database("postgresql.tables", "billing"));
        let decision = windows(1_763_683_200_000_000_000).decision(42);
        let expected = [
            666_175_870_721_975_104,
            23_629_636_517_338_895,
            10_980_227_219_476_069_493,
            3_875_179_021_731_067,
        ];
        assert_eq!([target, server, database, decision], expected);
    }

    #[test]
    fn a_fingerprint_is_decided_alike_for_one_window_and_anew_in_the_next() {
        for fingerprint in (0..100_u64).map(|n| xxh3_64(&n.to_le_bytes())) {
            let numbers: Vec<i64> = (0..180)
                .map(|second| windows(second * 1_000_000_000).number_of(fingerprint))
                .collect();
            assert!(numbers.is_sorted());
            let changes: Vec<usize> = (1..180).filter(|at| numbers[*at] != numbers[at - 1]).collect();
            assert!(
                changes.windows(2).all(|pair| pair[1] - pair[0] == 60),
                "{changes:?}"
            );
            assert!((2..=3).contains(&changes.len()));
        }
        let firsts: std::collections::BTreeSet<i64> = (0..100_u64)
            .map(|n| windows(MINUTE / 2).number_of(xxh3_64(&n.to_le_bytes())))
            .collect();
        assert_eq!(
            firsts.len(),
            2,
            "half of them change in the first half of a minute"
        );
    }

    #[test]
    fn a_frame_begins_at_any_of_its_rows() {
        let firsts: std::collections::BTreeSet<usize> = (0..200)
            .map(|second| first_row(7, Tick::from_unix_nanos(second * 1_000_000_000), 10))
            .collect();
        assert_eq!(
            firsts.into_iter().collect::<Vec<_>>(),
            (0..10).collect::<Vec<_>>()
        );
        assert_eq!(first_row(7, Tick::from_unix_nanos(1), 0), 0);
    }

    #[test]
    fn windows_of_any_length_are_counted() {
        for length in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            for tick in [i64::MIN, -1, 0, i64::MAX] {
                for fingerprint in [0, 1, u64::MAX] {
                    let windows = Windows::new(7, Tick::from_unix_nanos(tick), length);
                    assert!(windows.decision(fingerprint) < 1 << BITS);
                }
            }
        }
    }
}
