//! The data set: what operators change at run time, under one version.
//!
//! Targets, limits, flags and rates of samplers have one version number together. Every change makes the next
//! version and keeps what undoes it.

mod change;
mod items;

use ringwatch_proto::v1;
use v1::data_item::Item;
use v1::{DataFlag, DataItem, DataLimit, DataRate, DataRevision, DataSetRecord, RuntimeTarget, StateRefusal};

use super::actions::{self, Actions};
use super::{Context, Done, Outcome, Refused};
use crate::machine::key::{Number, Only, Text, table};
use crate::machine::{Ledger, Table, Touched};

/// How many versions can be gone back.
pub(crate) const REVISIONS: usize = 32;

/// What operators changed at run time.
#[derive(Clone, Debug, Default)]
pub struct DataSet {
    pub(crate) head: Table<Only<{ table::DATASET }>, DataSetRecord>,
    pub(crate) targets: Table<Text<{ table::TARGETS }>, RuntimeTarget>,
    pub(crate) limits: Table<Text<{ table::LIMITS }>, DataLimit>,
    pub(crate) flags: Table<Text<{ table::FLAGS }>, DataFlag>,
    pub(crate) rates: Table<Text<{ table::SAMPLER_RATES }>, DataRate>,
    pub(crate) revisions: Table<Number<{ table::REVISIONS }>, DataRevision>,
    hash: u64,
}

impl DataSet {
    /// Its version; 0: nothing was ever changed.
    pub fn version(&self) -> u64 {
        self.head.get(&Only).map_or(0, |head| head.version)
    }

    /// A hash over all of its content, and not over its version: the same content, the same hash.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The targets that were added, by id.
    pub fn targets(&self) -> impl Iterator<Item = &RuntimeTarget> {
        self.targets.iter().map(|(_, target)| target)
    }

    /// A target that was added.
    pub fn target(&self, id: &str) -> Option<&RuntimeTarget> {
        self.targets.get(&Text(id.to_owned()))
    }

    /// Limits by target, in queries a second.
    pub fn limits(&self) -> impl Iterator<Item = (&str, f64)> {
        let limits = self.limits.iter();
        limits.map(|(key, limit)| (key.0.as_str(), limit.queries_per_second))
    }

    /// Flags that were set, by name.
    pub fn flags(&self) -> impl Iterator<Item = (&str, bool)> {
        self.flags.iter().map(|(key, flag)| (key.0.as_str(), flag.value))
    }

    /// A flag, if it was set.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.flags.get(&Text(name.to_owned())).map(|flag| flag.value)
    }

    /// Rates that were set, by sampler, in percent.
    pub fn rates(&self) -> impl Iterator<Item = (&str, f64)> {
        self.rates.iter().map(|(key, rate)| (key.0.as_str(), rate.rate))
    }

    /// The last versions, the oldest first. Those from [`DataSet::oldest`] on can be gone back to.
    pub fn history(&self) -> impl DoubleEndedIterator<Item = &DataRevision> {
        self.revisions.iter().map(|(_, revision)| revision)
    }

    /// The oldest version that can be gone back to.
    pub fn oldest(&self) -> u64 {
        let first = self.history().next();
        first.map_or_else(|| self.version(), |first| first.version.saturating_sub(1))
    }

    /// Carries out one of its commands.
    pub(crate) fn change(
        &mut self,
        books: &mut Ledger,
        log: &mut Actions,
        at: Context<'_>,
        command: change::Command<'_>,
    ) -> Outcome {
        let version = self.version();
        let order = command.order(self).map_err(|refused| refused.at(version))?;
        actions::check(order.action).map_err(|refused| refused.at(version))?;
        if log.contains(order.action) {
            return Ok(Done::UNCHANGED.at(version));
        }
        if order.expected != 0 && order.expected != version {
            let message = format!("the data set has version {version} and not {}", order.expected);
            return Err(Refused::new(StateRefusal::Version, message).at(version));
        }
        let items = order.items.map_err(|refused| refused.at(version))?;
        let inverse = self.set_all(books, &items);
        log.log(books, at, order.action);
        if inverse.is_empty() {
            return Ok(Done::UNCHANGED.at(version));
        }
        let version = version.saturating_add(1);
        let revision = DataRevision {
            version,
            what: order.what,
            who: order.action.map(|action| action.who.clone()).unwrap_or_default(),
            time_unix_nano: at.now,
            inverse,
        };
        self.revisions.put(books, Number(version), revision);
        self.forget_revisions(books);
        self.set_version(books, version, false);
        Ok(Done::CHANGED.at(version))
    }

    /// Whether it comes from a back-up, and nobody has changed it since.
    pub(crate) fn is_restoring(&self) -> bool {
        self.head.get(&Only).is_some_and(|head| head.restoring)
    }

    /// Takes in a part of a back-up. Only a data set that nobody changed can be restored.
    pub(crate) fn restore(&mut self, books: &mut Ledger, command: &v1::DataRestored) -> Outcome {
        let head = self.head.get(&Only).copied().unwrap_or_default();
        let is_next_part = head.restoring && head.version == command.version;
        if command.version == 0 {
            return Err(Refused::invalid("a data set's first version is 1"));
        }
        if head.version != 0 && !is_next_part {
            let message = format!("the data set has version {} already", head.version);
            return Err(Refused::new(StateRefusal::Version, message).at(head.version));
        }
        for item in &command.items {
            items::check(item)?;
        }
        for revision in &command.revisions {
            let kept = command.version.saturating_sub(REVISIONS as u64)..command.version;
            if !kept.contains(&revision.version.wrapping_sub(1)) {
                return Err(Refused::invalid("a restored version is none of the last ones"));
            }
            for item in &revision.inverse {
                items::check(item)?;
            }
        }
        self.room(&command.items)?;
        let mut changed = !self.set_all(books, &command.items).is_empty();
        for revision in &command.revisions {
            let key = Number(revision.version);
            if self.revisions.get(&key) != Some(revision) {
                self.revisions.put(books, key, revision.clone());
                changed = true;
            }
        }
        changed |= head.version != command.version;
        if changed {
            self.set_version(books, command.version, true);
        }
        Ok(Done::of(changed).at(command.version))
    }

    fn set_version(&mut self, books: &mut Ledger, version: u64, restoring: bool) {
        self.head.put(books, Only, DataSetRecord { version, restoring });
        self.hash = books.content(&[table::TARGETS, table::LIMITS, table::FLAGS, table::SAMPLER_RATES]);
        books.touch(Touched::DataSet { version });
    }

    fn forget_revisions(&mut self, books: &mut Ledger) {
        while self.revisions.len() > REVISIONS {
            let Some(first) = self.revisions.iter().next().map(|(key, _)| *key) else {
                break;
            };
            self.revisions.remove(books, &first);
        }
    }

    /// What is known once all records were loaded.
    pub(crate) fn loaded(&mut self, books: &Ledger) {
        self.hash = books.content(&[table::TARGETS, table::LIMITS, table::FLAGS, table::SAMPLER_RATES]);
    }

    /// Everything in it, as items.
    pub(crate) fn items(&self) -> Vec<DataItem> {
        let targets = self.targets().cloned().map(Item::Target);
        let limits = self.limits.iter().map(|(_, limit)| Item::Limit(limit.clone()));
        let flags = self.flags.iter().map(|(_, flag)| Item::Flag(flag.clone()));
        let rates = self.rates.iter().map(|(_, rate)| Item::Rate(rate.clone()));
        let all = targets.chain(limits).chain(flags).chain(rates);
        all.map(items::item).collect()
    }
}

pub(crate) use change::Command;

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
