//! The state machine: what the log makes of the state, the same on every node.
//!
//! It is pure: no input or output, no clock, no hash map. All that decides what an entry does is in the
//! records, so a machine that was loaded from them goes on exactly as the one that wrote them.

mod applied;
mod apply;
mod export;
pub(crate) mod key;
mod ledger;
mod load;
mod table;

pub use applied::{Applied, Change, Damaged, Touched, Unknown};
pub(crate) use apply::check_known;
pub use apply::{FORMAT, decode};
pub use export::{ImportError, export, import};
pub use ledger::{Sizes, record_hash};

pub(crate) use ledger::Ledger;
pub(crate) use table::{Table, Value};

use ringwatch_proto::v1;

use crate::command::actions::Actions;
use crate::command::breakers::Breakers;
use crate::command::dataset::DataSet;
use crate::command::sampler::SeenStatements;
use crate::command::sampler::caps::Caps;
use crate::command::sampler::rates::Rates;
use crate::command::sampler::seen::Seen;
use crate::command::views::Views;
use crate::command::weights::Weights;
use key::{Names, Only, table::MACHINE};

/// The state of the group.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    head: Table<Only<MACHINE>, v1::MachineRecord>,
    views: Views,
    breakers: Breakers,
    seen: Seen,
    rates: Rates,
    caps: Caps,
    weights: Weights,
    data: DataSet,
    actions: Actions,
    books: Ledger,
}

impl Machine {
    /// An empty state.
    pub fn new() -> Self {
        Self::default()
    }

    /// The sum of the hashes of all records: equal states have equal digests.
    pub fn digest(&self) -> u64 {
        self.books.digest()
    }

    /// How many records there are.
    pub fn count(&self) -> u64 {
        self.books.total().records
    }

    /// The size of all keys and values in bytes.
    pub fn bytes(&self) -> u64 {
        self.books.total().bytes
    }

    /// Number and size of the records by table.
    pub fn sizes(&self) -> impl Iterator<Item = (&'static str, Sizes)> {
        let tables = key::table::ALL.into_iter();
        tables.map(|(table, name)| (name, self.books.of_table(table)))
    }

    /// The time of the last entry, nanoseconds since the Unix epoch; 0: there was none.
    pub fn time(&self) -> i64 {
        self.head.get(&Only).map_or(0, |head| head.time_unix_nano)
    }

    /// Whether nobody has changed anything at run time yet: only such a state takes a back-up in, or the rest of one
    /// that was broken off. Circuits and what samplers have seen come by themselves, as soon as there are targets.
    pub fn is_untouched(&self) -> bool {
        (self.data.version() == 0 || self.data.is_restoring()) && self.actions().next().is_none()
    }

    /// The number of the present view; 0: there is none.
    pub fn view_number(&self) -> u64 {
        self.view().map_or(0, |view| view.number)
    }

    /// The present view.
    pub fn view(&self) -> Option<&v1::ViewRecord> {
        self.views.present()
    }

    /// The circuits, by breaker and target.
    pub fn breakers(&self) -> impl Iterator<Item = (&str, &str, &v1::BreakerRecord)> {
        let rows = self.breakers.rows.iter();
        rows.map(|(key, record)| (key.0.first(), key.0.second(), record))
    }

    /// One circuit.
    pub fn breaker(&self, breaker: &str, target: &str) -> Option<&v1::BreakerRecord> {
        self.breakers.get(breaker, target)
    }

    /// The samplers that have seen statements, and the pipelines they work in.
    pub fn samplers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.seen.names().map(|names| (names.first(), names.second()))
    }

    /// The samplers and pipelines of which anything is known; some may come more than once.
    pub(crate) fn sampler_names(&self) -> impl Iterator<Item = (&str, &str)> {
        let rates = self.rates.rows.iter().map(|(key, _)| &key.0);
        let caps = self.caps.rows.iter().map(|(key, _)| &key.0);
        let names = self.seen.names().chain(rates).chain(caps);
        names.map(|names| (names.first(), names.second()))
    }

    /// The statements that a sampler has seen in a pipeline.
    pub fn seen(&self, sampler: &str, pipeline: &str) -> Option<SeenStatements<'_>> {
        self.seen.of(sampler, pipeline)
    }

    /// The rates that a sampler adapted in a pipeline, by target.
    pub fn rates(&self, sampler: &str, pipeline: &str) -> impl Iterator<Item = (&str, &v1::RateRecord)> {
        self.rates.of(&Names::new(sampler, pipeline))
    }

    /// What the nodes used of the caps of a sampler's rules, by node.
    pub fn caps(&self, sampler: &str, pipeline: &str) -> impl Iterator<Item = (&str, &v1::CapsRecord)> {
        self.caps.of(&Names::new(sampler, pipeline))
    }

    /// What targets cost, by target.
    pub fn weights(&self) -> impl Iterator<Item = (&str, &v1::WeightRecord)> {
        let rows = self.weights.rows.iter();
        rows.map(|(key, record)| (key.0.as_str(), record))
    }

    /// What operators changed at run time.
    pub fn dataset(&self) -> &DataSet {
        &self.data
    }

    /// The last actions of operators, the oldest first.
    pub fn actions(&self) -> impl DoubleEndedIterator<Item = &v1::OperatorAction> {
        self.actions.rows.iter().map(|(_, action)| action)
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
pub(crate) mod samples;
