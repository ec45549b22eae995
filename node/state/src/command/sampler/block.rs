//! Neighbouring statements in one record: sixty-four at most, 17 bytes each as a rule, 2.5 KiB in the worst
//! case.

use prost::Message;
use ringwatch_proto::v1::SeenBlock;

use crate::machine::Value;

/// How many statements a block holds at most.
pub(crate) const FULL: usize = 64;
/// Two neighbouring blocks that together hold no more than this become one.
pub(crate) const SMALL: usize = 32;

/// A statement that a sampler has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenStatement {
    /// Its hash.
    pub fingerprint: u64,
    /// The last tick it was seen in, nanoseconds since the Unix epoch.
    pub seen: i64,
    /// The rules that kept it in that tick: bit n stands for rule n.
    pub rules: u64,
    /// The rules that kept it in the tick before.
    pub rules_before: u64,
}

/// Statements, ordered by fingerprint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    statements: Vec<SeenStatement>,
}

impl Block {
    pub(crate) fn len(&self) -> usize {
        self.statements.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    pub(crate) fn statements(&self) -> &[SeenStatement] {
        &self.statements
    }

    pub(crate) fn get(&self, fingerprint: u64) -> Option<&SeenStatement> {
        let at = self.find(fingerprint).ok()?;
        self.statements.get(at)
    }

    fn find(&self, fingerprint: u64) -> Result<usize, usize> {
        self.statements
            .binary_search_by_key(&fingerprint, |statement| statement.fingerprint)
    }

    /// Takes what was seen, if it is news: whether it was, and whether the statement is a new one.
    pub(crate) fn take(&mut self, said: SeenStatement) -> (bool, bool) {
        match self.find(said.fingerprint) {
            Ok(at) => {
                let known = self.statements.get_mut(at);
                let known = known.filter(|known| known.seen <= said.seen && **known != said);
                let is_news = known.is_some();
                if let Some(known) = known {
                    *known = said;
                }
                (is_news, false)
            }
            Err(at) => {
                self.statements.insert(at, said);
                (true, true)
            }
        }
    }

    /// Keeps only the statements for which `keeps`; how many went.
    pub(crate) fn retain(&mut self, keeps: impl FnMut(&SeenStatement) -> bool) -> usize {
        let before = self.statements.len();
        self.statements.retain(keeps);
        before - self.statements.len()
    }

    /// Gives the upper half away where it is over-full, and where that begins.
    pub(crate) fn split(&mut self) -> Option<(u64, Self)> {
        if self.len() <= FULL {
            return None;
        }
        let statements = self.statements.split_off(self.len() / 2);
        self.statements.shrink_to_fit();
        let first = statements.first()?.fingerprint;
        Some((first, Self { statements }))
    }

    /// Adds the statements of the block that follows.
    pub(crate) fn join(&mut self, next: Self) {
        self.statements.extend(next.statements);
    }
}

impl Value for Block {
    fn to_bytes(&self) -> Vec<u8> {
        let earliest = self.statements.iter().map(|one| one.seen).min().unwrap_or(0);
        let mut packed = SeenBlock {
            earliest_unix_nano: earliest,
            ..SeenBlock::default()
        };
        for one in &self.statements {
            packed.fingerprints.push(one.fingerprint);
            packed.seen.push(one.seen.wrapping_sub(earliest).cast_unsigned());
            packed.rules.push(one.rules);
            packed.before.push(one.rules ^ one.rules_before);
        }
        packed.encode_to_vec()
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let packed = SeenBlock::decode(bytes).ok()?;
        let count = packed.fingerprints.len();
        let lengths = [packed.seen.len(), packed.rules.len(), packed.before.len()];
        let is_ordered = packed.fingerprints.is_sorted_by(|one, next| one < next);
        if count == 0 || count > FULL || lengths != [count; 3] || !is_ordered {
            return None;
        }
        let columns = packed.fingerprints.iter().zip(&packed.seen);
        let bits = packed.rules.iter().zip(&packed.before);
        let statements = columns
            .zip(bits)
            .map(|((fingerprint, seen), (rules, before))| SeenStatement {
                fingerprint: *fingerprint,
                seen: packed.earliest_unix_nano.wrapping_add(seen.cast_signed()),
                rules: *rules,
                rules_before: rules ^ before,
            });
        Some(Self {
            statements: statements.collect(),
        })
    }
}
