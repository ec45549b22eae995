//! Dictionaries that came whole before: readings of a stream may share the texts of their plans, and what is the same
//! object has the same texts.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use arrow_array::{Array, ArrayRef};

/// How many are remembered. A stream has one at a time.
const REMEMBERED: usize = 1024;

/// Dictionaries whose texts were all scanned and hold nothing, by their addresses: each with how many texts it has.
/// The weak pointer keeps the address from being given to another, and no texts in memory.
#[derive(Default)]
pub(super) struct Dictionaries(HashMap<usize, (Weak<dyn Array>, u64)>);

impl Dictionaries {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// How many texts a dictionary has that is known to be clean.
    pub(super) fn get(&self, values: &ArrayRef) -> Option<u64> {
        self.0.get(&address(values)).map(|(_, texts)| *texts)
    }

    /// Takes note that all of its texts, and there are so many, are clean.
    pub(super) fn put(&mut self, values: &ArrayRef, texts: u64) {
        if self.0.len() >= REMEMBERED {
            self.0.retain(|_, (values, _)| values.strong_count() > 0);
        }
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        self.0.insert(address(values), (Arc::downgrade(values), texts));
    }
}

fn address(values: &ArrayRef) -> usize {
    Arc::as_ptr(values).cast::<()>().addr()
}

#[cfg(test)]
mod tests {
    use arrow_array::StringArray;

    use super::*;

    #[test]
    fn only_the_same_object_is_known_and_no_other_gets_its_address() {
        let values = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text])) };
        let mut known = Dictionaries::default();
        let first = values("a");
        known.put(&first, 1);
        assert_eq!((known.get(&first), known.get(&values("a"))), (Some(1), None));
        drop(first);
        // An allocator would give a free address of this size at once.
        let others: Vec<ArrayRef> = (0..100).map(|_| values("b")).collect();
        assert!(others.iter().all(|other| known.get(other).is_none()));
        for other in others.iter().cycle().take(3 * REMEMBERED) {
            known.put(&Arc::clone(other), 1);
            drop((0..2).map(|_| known.put(&values("c"), 1)).collect::<Vec<_>>());
        }
        assert!(known.0.len() <= REMEMBERED);
        known.clear();
        assert!(others.iter().all(|other| known.get(other).is_none()));
    }
}
