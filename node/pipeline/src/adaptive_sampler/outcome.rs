//! A frame as the core sees it, and what it came to.

use ringwatch_frame::{TargetId, Tick};

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It passes.
    Kept,
    /// Its decision is not below its rate.
    Sampled,
    /// It is beyond a limit.
    Limited,
}

/// A frame, as far as it matters here.
pub(super) struct Rows<'a> {
    /// Its target, the hash of that, and the one of target and stream.
    pub(super) target_id: &'a TargetId,
    pub(super) target: u64,
    pub(super) stream: u64,
    pub(super) tick: Tick,
    /// Of each row.
    pub(super) fingerprints: &'a [u64],
    /// Of each row; [`UNASKED`] where it was not put to the rules.
    pub(super) rules: &'a [u8],
    /// The row with which limits begin.
    pub(super) first: usize,
}

/// In place of a rule: the row was not put to the rules.
pub(super) const UNASKED: u8 = u8::MAX;

/// What one frame came to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Of each row.
    pub(super) verdicts: Vec<Verdict>,
    pub(super) kept: u64,
    pub(super) sampled: u64,
    pub(super) limited: u64,
    /// The rule of each row.
    pub(super) rules: Vec<u8>,
    /// How many rows each rule decided, and how many of those passed; the default at the end.
    pub(super) matches: Vec<u64>,
    pub(super) passed: Vec<u64>,
    /// How many rows were of a fingerprint that was remembered.
    pub(super) hits: u64,
    /// How many fingerprints, without those of whole rows, were remembered for the first time.
    pub(super) learnt: u64,
}

impl Rows<'_> {
    /// All rows, in the order in which limits take them.
    pub(super) fn in_turn(&self) -> impl Iterator<Item = usize> + use<> {
        let all = self.fingerprints.len();
        let first = self.first.min(all);
        (first..all).chain(0..first)
    }
}

impl Outcome {
    /// Forgets the frame before.
    pub(super) fn begin(&mut self, rules: usize, rows: usize) {
        self.verdicts.clear();
        self.verdicts.resize(rows, Verdict::Sampled);
        self.rules.clear();
        self.rules.resize(rows, UNASKED);
        for counts in [&mut self.matches, &mut self.passed] {
            counts.clear();
            counts.resize(rules, 0);
        }
        (self.kept, self.sampled, self.limited) = (0, 0, 0);
        (self.hits, self.learnt) = (0, 0);
    }

    /// Notes what becomes of a row that `rule` decided.
    pub(super) fn note(&mut self, row: usize, rule: u8, verdict: Verdict) {
        if let (Some(place), Some(place_of_rule)) = (self.verdicts.get_mut(row), self.rules.get_mut(row)) {
            (*place, *place_of_rule) = (verdict, rule);
        }
        let rule = usize::from(rule);
        if let (Some(matches), Some(passed)) = (self.matches.get_mut(rule), self.passed.get_mut(rule)) {
            *matches += 1;
            *passed += u64::from(verdict == Verdict::Kept);
        }
        self.sampled += u64::from(verdict == Verdict::Sampled);
    }

    /// Counts, when every row is noted.
    pub(super) fn sum(&mut self) {
        self.kept = self.passed.iter().sum();
        self.limited = self.verdicts.len() as u64 - self.kept - self.sampled;
    }
}
