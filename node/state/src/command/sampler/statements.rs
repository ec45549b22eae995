//! Statements as they are read, and as they are taken from a command.

use std::cmp::Reverse;

use ringwatch_proto::v1;

use super::block::SeenStatement;
use super::rules;
use super::seen::{AHEAD, Seen, TTL};
use crate::machine::key::Names;

/// What a sampler has seen in a pipeline.
#[derive(Clone, Copy, Debug)]
pub struct SeenStatements<'a> {
    seen: &'a Seen,
    names: &'a Names,
    rules: &'a [String],
}

impl<'a> SeenStatements<'a> {
    pub(super) fn new(seen: &'a Seen, names: &'a Names, rules: &'a [String]) -> Self {
        Self { seen, names, rules }
    }

    /// The names that the bits of the statements stand for.
    pub fn rules(&self) -> &'a [String] {
        self.rules
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.seen.count(self.names)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One of them.
    pub fn get(&self, fingerprint: u64) -> Option<SeenStatement> {
        let (_, block) = self.seen.block(self.names, fingerprint)?;
        block.get(fingerprint).copied()
    }

    /// All of them, by fingerprint.
    pub fn iter(&self) -> impl Iterator<Item = SeenStatement> + use<'a> {
        let blocks = self.seen.blocks_of(self.names);
        blocks.flat_map(|(_, block)| block.statements().iter().copied())
    }
}

/// The statements of a command as they are kept: ordered by fingerprint, of each the one seen last, none from
/// the future.
pub(super) fn accepted(command: &v1::SamplerSeen, now: i64, places: &[u8]) -> Vec<SeenStatement> {
    let latest = now.saturating_add(AHEAD);
    let statement = |said: &v1::SeenStatement| SeenStatement {
        fingerprint: said.fingerprint,
        seen: if said.seen_unix_nano > latest {
            now
        } else {
            said.seen_unix_nano
        },
        rules: rules::moved(said.rules, places),
        rules_before: rules::moved(said.rules_before, places),
    };
    let oldest = now.saturating_sub(TTL);
    let statements = command.entries.iter().map(statement);
    let mut statements: Vec<SeenStatement> = statements.filter(|one| one.seen >= oldest).collect();
    // The latest first, so that of one fingerprint it is the one that stays; equal ones differ by their
    // rules.
    statements.sort_by_key(|one| (one.fingerprint, Reverse((one.seen, one.rules, one.rules_before))));
    statements.dedup_by_key(|one| one.fingerprint);
    statements
}
