//! Statements that were seen. A sampler that takes a target over decides as the one before it did.

use std::collections::BTreeMap;
use std::sync::Arc;

use ringwatch_proto::v1;
use v1::SeenRules;

use super::block::{Block, SMALL, SeenStatement};
use super::rules;
use super::statements::{SeenStatements, accepted};
use crate::command::{Context, DAY, Done, NAME_BYTES, Outcome, Refused, name};
use crate::machine::key::{Names, Pair, Place, table::SEEN, table::SEEN_RULES};
use crate::machine::{Damaged, Ledger, Table, Touched};

/// How many statements are remembered for one sampler in one pipeline.
pub(crate) const STATEMENTS: usize = 100_000;
/// How many samplers times pipelines there are at most.
pub(crate) const SAMPLERS: usize = 64;
/// How many statements one command may carry.
pub(crate) const IN_COMMAND: usize = 10_000;
/// A statement that was not seen for this long is forgotten, in nanoseconds.
pub(crate) const TTL: i64 = DAY;
/// A tick that lies further in the future comes from a clock that is wrong, in nanoseconds.
pub(crate) const AHEAD: i64 = 600 * 1_000_000_000;

/// The statements by sampler, pipeline and fingerprint.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) rules: Table<Pair<SEEN_RULES>, SeenRules>,
    pub(crate) blocks: Table<Place<SEEN>, Block>,
    /// How many statements each sampler has.
    counts: BTreeMap<Names, usize>,
}

impl Seen {
    /// The samplers and pipelines that there are.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Names> {
        self.rules.iter().map(|(key, _)| &key.0)
    }

    /// What one has seen.
    pub(crate) fn of(&self, sampler: &str, pipeline: &str) -> Option<SeenStatements<'_>> {
        let key = Pair(Names::new(sampler, pipeline));
        let (key, rules) = self.rules.range(&key..=&key).next()?;
        Some(SeenStatements::new(self, &key.0, &rules.names))
    }

    /// How many statements a sampler has.
    pub(super) fn count(&self, names: &Names) -> usize {
        self.counts.get(names).copied().unwrap_or(0)
    }

    pub(super) fn blocks_of(
        &self,
        names: &Names,
    ) -> impl DoubleEndedIterator<Item = (&Place<SEEN>, &Block)> + use<'_> {
        let (first, last) = (Place(names.clone(), 0), Place(names.clone(), u64::MAX));
        self.blocks.range(first..=last)
    }

    /// The block that a fingerprint belongs to.
    pub(super) fn block(&self, names: &Names, fingerprint: u64) -> Option<(&Place<SEEN>, &Block)> {
        let (first, last) = (Place(names.clone(), 0), Place(names.clone(), fingerprint));
        self.blocks.range(first..=last).next_back()
    }

    /// Takes what a sampler saw.
    pub(crate) fn see(&mut self, books: &mut Ledger, at: Context<'_>, command: &v1::SamplerSeen) -> Outcome {
        at.fenced()?;
        name("the sampler's name", &command.sampler, NAME_BYTES)?;
        name("the pipeline's name", &command.pipeline, NAME_BYTES)?;
        rules::check(&command.rules)?;
        if command.entries.len() > IN_COMMAND {
            return Err(Refused::limit(format!(
                "a command has at most {IN_COMMAND} statements"
            )));
        }
        let oldest = at.now.saturating_sub(TTL);
        if command.entries.iter().all(|said| said.seen_unix_nano < oldest) {
            return Ok(Done::UNCHANGED);
        }
        let names = Names::new(command.sampler.as_str(), command.pipeline.as_str());
        let places = self.place_rules(books, &names, &command.rules)?;
        let statements = accepted(command, at.now, &places);
        let fingerprints = self.take(books, &names, &statements);
        if fingerprints.is_empty() {
            return Ok(Done::UNCHANGED);
        }
        self.forget_oldest(books, &names);
        books.touch(Touched::Seen {
            sampler: command.sampler.clone(),
            pipeline: command.pipeline.clone(),
            node: at.node.to_owned(),
            fingerprints,
        });
        Ok(Done::CHANGED)
    }

    /// The bits of a command's rules, which are known afterwards.
    fn place_rules(
        &mut self,
        books: &mut Ledger,
        names: &Names,
        rules: &[String],
    ) -> Result<Vec<u8>, Refused> {
        let key = Pair(names.clone());
        let nothing = SeenRules::default();
        let known = self.rules.get(&key);
        if known.is_none() && self.rules.len() >= SAMPLERS {
            return Err(Refused::limit(format!("there are {SAMPLERS} samplers already")));
        }
        let used = || {
            let statements = self.blocks_of(names).flat_map(|(_, block)| block.statements());
            statements.fold(0, |used, one| used | one.rules | one.rules_before)
        };
        let Some((all, places)) = rules::place(known.unwrap_or(&nothing), rules, used) else {
            let message = "the names of the sampler's former rules are still in use: try again in a day";
            return Err(Refused::limit(message));
        };
        if known != Some(&all) {
            self.rules.put(books, key, all);
        }
        Ok(places)
    }

    /// Puts statements, ordered by fingerprint, into their blocks. Gives those that were news.
    fn take(&mut self, books: &mut Ledger, names: &Names, statements: &[SeenStatement]) -> Arc<[u64]> {
        let mut news = Vec::new();
        let mut new = 0;
        let mut rest = statements;
        while let Some(first) = rest.first() {
            let found = self.block(names, first.fingerprint);
            let (key, mut block) = match found {
                Some((key, block)) => (key.clone(), block.clone()),
                None => (Place(names.clone(), 0), Block::default()),
            };
            let next = self
                .blocks
                .range((std::ops::Bound::Excluded(&key), std::ops::Bound::Unbounded));
            let next = next.map(|(key, _)| key).next().filter(|next| next.0 == *names);
            let end = next.map_or(u64::MAX, |next| next.1 - 1);
            let here = rest.partition_point(|one| one.fingerprint <= end);
            let (these, others) = rest.split_at(here.max(1));
            rest = others;
            let before = news.len();
            for one in these {
                let (is_news, is_new) = block.take(*one);
                new += usize::from(is_new);
                if is_news {
                    news.push(one.fingerprint);
                }
            }
            if news.len() > before {
                self.put(books, key, block);
            }
        }
        *self.counts.entry(names.clone()).or_default() += new;
        news.into()
    }

    /// Writes a block, in parts where it is over-full.
    fn put(&mut self, books: &mut Ledger, key: Place<SEEN>, mut block: Block) {
        while let Some((first, upper)) = block.split() {
            // A command may bring so many neighbours that a half is still too much.
            self.put(books, Place(key.0.clone(), first), upper);
        }
        self.blocks.put(books, key, block);
    }

    /// Forgets the statements seen longest ago, down to the limit; of those seen at the same time, the ones
    /// with the smallest fingerprints.
    fn forget_oldest(&mut self, books: &mut Ledger, names: &Names) {
        let over = self.count(names).saturating_sub(STATEMENTS);
        if over == 0 {
            return;
        }
        let all = self.blocks_of(names).flat_map(|(_, block)| block.statements());
        let mut all: Vec<(i64, u64)> = all.map(|one| (one.seen, one.fingerprint)).collect();
        let (_, last, _) = all.select_nth_unstable(over - 1);
        let last = *last;
        let is_old = |one: &SeenStatement| (one.seen, one.fingerprint) <= last;
        let blocks = self
            .blocks_of(names)
            .filter(|(_, block)| block.statements().iter().any(is_old));
        let keys: Vec<Place<SEEN>> = blocks.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.forget(books, &key, is_old);
        }
    }

    /// Forgets statements of one block, and makes one of two small neighbours.
    fn forget(&mut self, books: &mut Ledger, key: &Place<SEEN>, is_old: impl Fn(&SeenStatement) -> bool) {
        let Some(mut block) = self.blocks.get(key).cloned() else {
            return;
        };
        let mut gone = block.retain(|one| !is_old(one));
        let after = (std::ops::Bound::Excluded(key), std::ops::Bound::Unbounded);
        let next = self
            .blocks
            .range(after)
            .next()
            .filter(|(next, _)| next.0 == key.0);
        let next = next.filter(|(_, next)| next.len() + block.len() <= SMALL);
        if let Some((next_key, mut next)) = next.map(|(key, next)| (key.clone(), next.clone())) {
            self.blocks.remove(books, &next_key);
            gone += next.retain(|one| !is_old(one));
            block.join(next);
        }
        if let Some(count) = self.counts.get_mut(&key.0) {
            *count = count.saturating_sub(gone);
        }
        if block.is_empty() {
            self.blocks.remove(books, key);
        } else {
            self.blocks.put(books, key.clone(), block);
        }
        if self.count(&key.0) == 0 {
            self.counts.remove(&key.0);
            self.rules.remove(books, &Pair(key.0.clone()));
        }
    }

    /// Forgets statements that were not seen for a day. See [`crate::command::breakers::Breakers::expire`].
    pub(crate) fn expire(
        &mut self,
        books: &mut Ledger,
        now: i64,
        after: &[u8],
        budget: &mut usize,
    ) -> Option<Vec<u8>> {
        let limit = now.saturating_sub(TTL);
        let is_old = |one: &SeenStatement| one.seen < limit;
        let has_old = |block: &Block| block.statements().iter().any(is_old);
        let (old, next) = self.blocks.look_for(after, budget, has_old);
        for key in old {
            self.forget(books, &key, is_old);
        }
        next
    }

    /// Takes in a block that was kept.
    pub(crate) fn load(&mut self, books: &mut Ledger, key: &[u8], value: &[u8]) -> Result<(), Damaged> {
        self.blocks.load(books, key, value)?;
        if let Some((names, count)) = self
            .blocks
            .iter()
            .next_back()
            .map(|(key, block)| (&key.0, block.len()))
        {
            *self.counts.entry(names.clone()).or_default() += count;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "seen_tests.rs"]
mod tests;
