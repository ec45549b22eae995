//! Rates that samplers adapted to the load, by target.

use std::collections::BTreeSet;

use ringwatch_proto::v1;
use v1::RateRecord;

use crate::command::{
    Context, Done, NAME_BYTES, NODE_BYTES, Outcome, Refused, TARGET_BYTES, UNTOUCHED, name, number,
};
use crate::machine::key::{Names, Triple, table::RATES};
use crate::machine::{Ledger, Table, Touched};

use super::seen::SAMPLERS;

/// How many targets of one sampler in one pipeline have an adapted rate.
pub(crate) const TARGETS: usize = 10_000;

/// The adapted rates by sampler, pipeline and target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rates {
    pub(crate) rows: Table<Triple<RATES>, RateRecord>,
}

impl Rates {
    /// The rates of one sampler in one pipeline, by target.
    pub(crate) fn of(&self, names: &Names) -> impl Iterator<Item = (&str, &RateRecord)> + use<'_> {
        let names = names.clone();
        let rows = self.rows.range(Triple(names.clone(), String::new())..);
        let mine = rows.take_while(move |(key, _)| key.0 == names);
        mine.map(|(key, record)| (key.1.as_str(), record))
    }

    /// Takes what a node adapted, all of it or nothing.
    pub(crate) fn set(&mut self, books: &mut Ledger, at: Context<'_>, command: &v1::SamplerRates) -> Outcome {
        at.fenced()?;
        name("the sampler's name", &command.sampler, NAME_BYTES)?;
        name("the pipeline's name", &command.pipeline, NAME_BYTES)?;
        let node = if command.node.is_empty() {
            at.node
        } else {
            &command.node
        };
        name("the node's id", node, NODE_BYTES)?;
        let names = Names::new(command.sampler.as_str(), command.pipeline.as_str());
        let mut records = Vec::new();
        let mut new = BTreeSet::new();
        for said in &command.rates {
            name("the target's id", &said.target, TARGET_BYTES)?;
            let key = Triple(names.clone(), said.target.clone());
            if self.rows.get(&key).is_none() {
                new.insert(&said.target);
            }
            let record = RateRecord {
                rate_percent: number("the rate", said.rate_percent, 100.0)?,
                node: node.to_owned(),
                received_unix_nano: at.received(said.received_unix_nano),
            };
            records.push((key, record));
        }
        let count = if new.is_empty() {
            0
        } else {
            self.of(&names).count()
        };
        if count + new.len() > TARGETS {
            return Err(Refused::limit(format!(
                "{TARGETS} targets have an adapted rate already"
            )));
        }
        if count == 0 && !new.is_empty() && self.samplers() >= SAMPLERS {
            return Err(Refused::limit(format!("there are {SAMPLERS} samplers already")));
        }
        if records.is_empty() {
            return Ok(Done::UNCHANGED);
        }
        let targets = records.iter().map(|(key, _)| key.1.clone()).collect();
        for (key, record) in records {
            self.rows.put(books, key, record);
        }
        touch(books, &names, node, targets);
        Ok(Done::CHANGED)
    }

    fn samplers(&self) -> usize {
        let names: BTreeSet<&Names> = self.rows.iter().map(|(key, _)| &key.0).collect();
        names.len()
    }

    /// Forgets rates that nobody told for a week. See [`crate::command::breakers::Breakers::expire`].
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
        for key in old {
            self.rows.remove(books, &key);
            touch(books, &key.0, "", vec![key.1.clone()]);
        }
        next
    }
}

fn touch(books: &mut Ledger, names: &Names, node: &str, targets: Vec<String>) {
    books.touch(Touched::Rates {
        sampler: names.first().to_owned(),
        pipeline: names.second().to_owned(),
        node: node.to_owned(),
        targets,
    });
}

#[cfg(test)]
#[path = "rates_tests.rs"]
mod tests;
