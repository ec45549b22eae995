//! A typed table of records.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};

use super::applied::Damaged;
use super::key::{Key, hex};
use super::ledger::{Ledger, Noted};

/// How a value becomes the bytes of its record. The same value makes the same bytes.
pub(crate) trait Value: Sized {
    fn to_bytes(&self) -> Vec<u8>;
    fn of_bytes(bytes: &[u8]) -> Option<Self>;
}

impl<M: prost::Message + Default> Value for M {
    fn to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        Self::decode(bytes).ok()
    }
}

/// Records of one kind, ordered as their encoded keys are.
#[derive(Clone, Debug)]
pub(crate) struct Table<K, V> {
    rows: BTreeMap<K, Row<V>>,
}

#[derive(Clone, Debug)]
struct Row<V> {
    value: V,
    noted: Noted,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
        }
    }
}

impl<K: Key, V: Value> Table<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key).map(|row| &row.value)
    }

    /// Writes a record and tells the books.
    pub(crate) fn put(&mut self, books: &mut Ledger, key: K, value: V) {
        let before = self.rows.get(&key).map(|row| row.noted);
        let noted = books.put(key.encode(), value.to_bytes(), before);
        self.rows.insert(key, Row { value, noted });
    }

    /// Takes a record away and tells the books.
    pub(crate) fn remove(&mut self, books: &mut Ledger, key: &K) -> Option<V> {
        let row = self.rows.remove(key)?;
        books.remove(key.encode(), row.noted);
        Some(row.value)
    }

    /// Takes in a record that was kept. It has to be the bytes that this program would write.
    pub(crate) fn load(&mut self, books: &mut Ledger, key: &[u8], value: &[u8]) -> Result<(), Damaged> {
        let typed_key = K::decode(key).ok_or_else(|| Damaged::Key(hex(key)))?;
        let typed = V::of_bytes(value).filter(|typed| typed.to_bytes() == value);
        let typed = typed.ok_or_else(|| Damaged::Value(hex(key)))?;
        let noted = books.note(key, value, None);
        let row = Row { value: typed, noted };
        match self.rows.insert(typed_key, row) {
            None => Ok(()),
            Some(_) => Err(Damaged::Order(hex(key))),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.iter().map(|(key, row)| (key, &row.value))
    }

    pub(crate) fn range(&self, range: impl RangeBounds<K>) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.range(range).map(|(key, row)| (key, &row.value))
    }

    /// The keys of the records for which `is_old`, among the next `budget` ones after `after`, and where to
    /// go on; `None`: the end was reached. An `after` of another table means from the beginning. The budget
    /// is not 0.
    pub(crate) fn look_for(
        &self,
        after: &[u8],
        budget: &mut usize,
        mut is_old: impl FnMut(&V) -> bool,
    ) -> (Vec<K>, Option<Vec<u8>>) {
        let from = K::decode(after).map_or(Bound::Unbounded, Bound::Excluded);
        let mut old = Vec::new();
        let mut last = None;
        for (key, value) in self.range((from, Bound::Unbounded)) {
            if *budget == 0 {
                return (old, last.map(K::encode));
            }
            *budget -= 1;
            if is_old(value) {
                old.push(key.clone());
            }
            last = Some(key);
        }
        (old, None)
    }

    /// All records, encoded, in key order.
    pub(crate) fn records(&self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        self.iter().map(|(key, value)| (key.encode(), value.to_bytes()))
    }
}
