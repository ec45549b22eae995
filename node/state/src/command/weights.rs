//! Weights: what targets cost, in seconds of query time per second, as their owners learnt.

use ringwatch_proto::v1;
use v1::WeightRecord;

use super::{Context, Done, NODE_BYTES, Outcome, Refused, TARGET_BYTES, UNTOUCHED, name, number};
use crate::machine::key::{Text, table::WEIGHTS};
use crate::machine::{Ledger, Table, Touched};

/// How many targets have a weight at most.
pub(crate) const TARGETS: usize = 20_000;
/// More query time per second no target can take.
const HEAVIEST: f64 = 1e6;
/// The least weight that is told from none.
const LIGHTEST: f64 = 1e-6;

/// The weights by target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Weights {
    pub(crate) rows: Table<Text<WEIGHTS>, WeightRecord>,
}

impl Weights {
    /// Takes what the node says of its targets, all of it or nothing.
    pub(crate) fn set(&mut self, books: &mut Ledger, at: Context<'_>, command: &v1::Weights) -> Outcome {
        at.fenced()?;
        let node = if command.node.is_empty() {
            at.node
        } else {
            &command.node
        };
        name("the node's id", node, NODE_BYTES)?;
        let mut changed = Vec::new();
        let mut new = std::collections::BTreeSet::new();
        for said in &command.weights {
            name("the target's id", &said.target, TARGET_BYTES)?;
            if said.weight.is_nan() || said.weight <= 0.0 {
                return Err(Refused::invalid("a weight is not above 0"));
            }
            let weight = number("the weight", said.weight, HEAVIEST)?.max(LIGHTEST);
            let key = Text(said.target.clone());
            if self.rows.get(&key).is_none() {
                new.insert(&said.target);
            }
            let record = WeightRecord {
                weight,
                node: node.to_owned(),
                received_unix_nano: at.received(said.received_unix_nano),
            };
            changed.push((key, record));
        }
        if self.rows.len() + new.len() > TARGETS {
            return Err(Refused::limit(format!("{TARGETS} targets have a weight already")));
        }
        if changed.is_empty() {
            return Ok(Done::UNCHANGED);
        }
        let targets = changed.iter().map(|(key, _)| key.0.clone()).collect();
        for (key, record) in changed {
            self.rows.put(books, key, record);
        }
        books.touch(Touched::Weights { targets });
        Ok(Done::CHANGED)
    }

    /// Forgets weights that nobody told for a week. See [`super::breakers::Breakers::expire`].
    pub(crate) fn expire(
        &mut self,
        books: &mut Ledger,
        now: i64,
        after: &[u8],
        budget: &mut usize,
    ) -> Option<Vec<u8>> {
        let limit = now.saturating_sub(UNTOUCHED);
        let (old, next) = self
            .rows
            .look_for(after, budget, |record| record.received_unix_nano < limit);
        if !old.is_empty() {
            let targets = old.iter().map(|key| key.0.clone()).collect();
            for key in &old {
                self.rows.remove(books, key);
            }
            books.touch(Touched::Weights { targets });
        }
        next
    }
}

#[cfg(test)]
#[path = "weights_tests.rs"]
mod tests;
