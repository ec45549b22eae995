//! The state as records, and back.

use super::Machine;
use super::applied::Damaged;
use super::key::{hex, table};

impl Machine {
    /// All records, encoded, in key order.
    pub fn records(&self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        let head = self.head.records().chain(self.views.rows.records());
        let head = head.chain(self.breakers.rows.records());
        let seen = self.seen.rules.records().chain(self.seen.blocks.records());
        let sampler = seen
            .chain(self.rates.rows.records())
            .chain(self.caps.rows.records());
        let weights = self.weights.rows.records();
        let data = self.data.head.records().chain(self.data.targets.records());
        let data = data
            .chain(self.data.limits.records())
            .chain(self.data.flags.records());
        let data = data
            .chain(self.data.rates.records())
            .chain(self.data.revisions.records());
        let actions = self.actions.rows.records();
        head.chain(sampler).chain(weights).chain(data).chain(actions)
    }

    /// The state that wrote these records, which come in key order.
    ///
    /// # Errors
    /// If one of them is not as this program writes it. Whether any is missing is for the caller to see, by
    /// number and digest.
    pub fn load(records: impl Iterator<Item = (Vec<u8>, Vec<u8>)>) -> Result<Self, Damaged> {
        let mut machine = Self::new();
        let mut last: Option<Vec<u8>> = None;
        for (key, value) in records {
            if last.as_ref().is_some_and(|last| *last >= key) {
                return Err(Damaged::Order(hex(&key)));
            }
            machine.load_one(&key, &value)?;
            last = Some(key);
        }
        machine.data.loaded(&machine.books);
        Ok(machine)
    }

    fn load_one(&mut self, key: &[u8], value: &[u8]) -> Result<(), Damaged> {
        let books = &mut self.books;
        match key.first().copied().unwrap_or(0) {
            table::MACHINE => self.head.load(books, key, value),
            table::VIEW => self.views.rows.load(books, key, value),
            table::BREAKERS => self.breakers.rows.load(books, key, value),
            table::SEEN_RULES => self.seen.rules.load(books, key, value),
            table::SEEN => self.seen.load(books, key, value),
            table::RATES => self.rates.rows.load(books, key, value),
            table::CAPS => self.caps.rows.load(books, key, value),
            table::WEIGHTS => self.weights.rows.load(books, key, value),
            table::DATASET => self.data.head.load(books, key, value),
            table::TARGETS => self.data.targets.load(books, key, value),
            table::LIMITS => self.data.limits.load(books, key, value),
            table::FLAGS => self.data.flags.load(books, key, value),
            table::SAMPLER_RATES => self.data.rates.load(books, key, value),
            table::REVISIONS => self.data.revisions.load(books, key, value),
            table::ACTIONS => self.actions.rows.load(books, key, value),
            _ => Err(Damaged::Key(hex(key))),
        }
    }
}
