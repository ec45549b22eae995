//! What is remembered of a kind of rows.

use super::listener::SeenEntry;

/// What is remembered of one fingerprint of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The tick of its last row.
    pub(super) seen: i64,
    /// The rules that its rows of that tick matched, one bit each.
    pub(super) now: u64,
    /// The same of the tick before.
    pub(super) before: u64,
}

/// No rule has this bit: the entry came from another node, and no row of it was seen here since.
const FOREIGN: u64 = 1 << 63;

/// What a row made of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Noted {
    /// No row of the tick before matched its rule.
    pub(super) is_new: bool,
    /// It is the first row of its rule in this tick, and the rules are not yet those of the tick before.
    pub(super) differs: bool,
}

impl Entry {
    /// Notes a row of `tick` that matched `rule`.
    #[inline]
    pub(super) fn note(&mut self, tick: i64, rule: u8) -> Noted {
        if tick != self.seen {
            self.before = self.now & !FOREIGN;
            self.now = 0;
            self.seen = tick;
        }
        let bit = 1_u64.checked_shl(u32::from(rule)).unwrap_or(0);
        let known = self.now & bit;
        self.now |= bit;
        Noted {
            is_new: self.before & bit == 0,
            differs: known == 0 && self.differs(),
        }
    }

    /// Whether the rules of its tick are not those of the tick before.
    pub(super) fn differs(&self) -> bool {
        self.rules() != self.before
    }

    /// The rules of its tick.
    pub(super) fn rules(&self) -> u64 {
        self.now & !FOREIGN
    }

    /// The first of the rules that matched last.
    pub(super) fn rule(&self) -> u8 {
        let rules = if self.rules() == 0 {
            self.before
        } else {
            self.rules()
        };
        u8::try_from(rules.trailing_zeros()).unwrap_or(u8::MAX)
    }

    /// Whether it matched any rule.
    pub(super) fn has_rules(&self) -> bool {
        self.rules() | self.before != 0
    }

    /// Whether only another node has seen it.
    pub(super) fn is_foreign(&self) -> bool {
        self.now & FOREIGN != 0
    }

    /// What another node has seen, with the bits of its rules where they are here.
    pub(super) fn foreign(seen: &SeenEntry, moved: &[Option<u8>]) -> Self {
        Self {
            seen: seen.seen_unix_nano,
            now: move_bits(seen.rules, moved) | FOREIGN,
            before: move_bits(seen.rules_before, moved),
        }
    }

    /// It as it travels.
    pub(super) fn seen_entry(&self, key: u64) -> SeenEntry {
        SeenEntry {
            fingerprint: key,
            rules: self.rules(),
            rules_before: self.before,
            seen_unix_nano: self.seen,
        }
    }
}

/// Bits where `moved` says that they are now; those of rules that are gone are left out.
pub(super) fn move_bits(old: u64, moved: &[Option<u8>]) -> u64 {
    let rules = moved
        .iter()
        .take(63)
        .enumerate()
        .filter(|(at, _)| old >> at & 1 == 1);
    rules
        .filter_map(|(_, rule)| *rule)
        .fold(0, |bits, rule| bits | 1 << rule)
}
