//! What nodes used of their rules' caps in their present minute.

use std::collections::BTreeSet;

use ringwatch_proto::v1;
use v1::{CapsRecord, StateRefusal};

use crate::command::{Context, Done, NAME_BYTES, NODE_BYTES, Outcome, Refused, name};
use crate::machine::key::{Names, Triple, table::CAPS};
use crate::machine::{Ledger, Table, Touched};

/// How many rules a node may tell of.
pub(crate) const RULES: usize = 256;
/// How many nodes, samplers and pipelines together are remembered.
pub(crate) const RECORDS: usize = 4_000;
/// A minute in nanoseconds.
const MINUTE: i64 = 60 * 1_000_000_000;
/// Minutes older than this one are forgotten.
const KEPT_MINUTES: i64 = 60;

/// The oldest minute that is still kept at that time.
pub(crate) fn oldest_minute(now: i64) -> i64 {
    now.div_euclid(MINUTE).saturating_sub(KEPT_MINUTES)
}

/// The use of caps by sampler, pipeline and node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caps {
    pub(crate) rows: Table<Triple<CAPS>, CapsRecord>,
}

impl Caps {
    /// What the nodes used, by node.
    pub(crate) fn of(&self, names: &Names) -> impl Iterator<Item = (&str, &CapsRecord)> + use<'_> {
        let names = names.clone();
        let rows = self.rows.range(Triple(names.clone(), String::new())..);
        let mine = rows.take_while(move |(key, _)| key.0 == names);
        mine.map(|(key, record)| (key.1.as_str(), record))
    }

    /// Takes what a node used in a minute; an older minute than the known one is stale.
    pub(crate) fn set(&mut self, books: &mut Ledger, at: Context<'_>, command: &v1::SamplerCaps) -> Outcome {
        at.fenced()?;
        name("the sampler's name", &command.sampler, NAME_BYTES)?;
        name("the pipeline's name", &command.pipeline, NAME_BYTES)?;
        let node = if command.node.is_empty() {
            at.node
        } else {
            &command.node
        };
        name("the node's id", node, NODE_BYTES)?;
        if command.rules.len() > RULES {
            return Err(Refused::limit(format!(
                "a sampler tells of at most {RULES} rules"
            )));
        }
        for rule in &command.rules {
            name("the rule's name", &rule.rule, NAME_BYTES)?;
        }
        let names: BTreeSet<&String> = command.rules.iter().map(|rule| &rule.rule).collect();
        if names.len() < command.rules.len() {
            return Err(Refused::invalid("two rules have one name"));
        }
        // A minute from the future would make all later ones stale.
        if command.minute > at.now.div_euclid(MINUTE).saturating_add(KEPT_MINUTES) {
            return Err(Refused::invalid("the minute lies in the future"));
        }
        let names = Names::new(command.sampler.as_str(), command.pipeline.as_str());
        let key = Triple(names, node.to_owned());
        let record = CapsRecord {
            minute: command.minute,
            rules: command.rules.clone(),
        };
        match self.rows.get(&key) {
            Some(known) if *known == record => return Ok(Done::UNCHANGED),
            Some(known) if known.minute > record.minute => {
                let message = format!("minute {} is known", known.minute);
                return Err(Refused::new(StateRefusal::Stale, message));
            }
            None if self.rows.len() >= RECORDS => {
                return Err(Refused::limit(format!(
                    "caps of {RECORDS} nodes are known already"
                )));
            }
            Some(_) | None => {}
        }
        self.rows.put(books, key, record);
        books.touch(Touched::Caps {
            sampler: command.sampler.clone(),
            pipeline: command.pipeline.clone(),
            node: node.to_owned(),
        });
        Ok(Done::CHANGED)
    }

    /// Forgets minutes that have long passed. See [`crate::command::breakers::Breakers::expire`].
    pub(crate) fn expire(
        &mut self,
        books: &mut Ledger,
        now: i64,
        after: &[u8],
        budget: &mut usize,
    ) -> Option<Vec<u8>> {
        let limit = oldest_minute(now);
        let (old, next) = self.rows.look_for(after, budget, |record| record.minute < limit);
        for key in old {
            self.rows.remove(books, &key);
            books.touch(Touched::Caps {
                sampler: key.0.first().to_owned(),
                pipeline: key.0.second().to_owned(),
                node: key.1.clone(),
            });
        }
        next
    }
}

#[cfg(test)]
#[path = "caps_tests.rs"]
mod tests;
