//! How many different values attributes have: no more than may be; further ones become `other`.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, StringArray};
use arrow_schema::ArrowError;
use ringwatch_config::settings::Cardinality;
use xxhash_rust::xxh3::xxh3_64;

use crate::verification::anomaly::AsItIs;
use crate::verification::columns::Texts;

/// What a value becomes that is one too many.
pub(in super::super) const OTHER: &str = "other";
/// Bytes that a remembered value takes.
const VALUE_BYTES: u64 = 32;

/// The values of one attribute of one stream of one target, by their hashes, with the number of the window in
/// which each was last seen.
type Values = HashMap<u64, i64, BuildHasherDefault<AsItIs>>;

/// Counts values exactly, up to what may be.
pub(in super::super) struct Guard {
    limit: usize,
    window: i64,
    /// No more values than these are remembered, of all attributes.
    most: usize,
    values: HashMap<u64, Values, BuildHasherDefault<AsItIs>>,
    held: usize,
    /// The newest window.
    now: i64,
}

impl Guard {
    /// `None` where there is no limit.
    pub(in super::super) fn new(settings: &Cardinality, limit: u64) -> Option<Self> {
        let bytes = settings.max_memory_mb.saturating_mul(1024 * 1024);
        let small = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        (limit > 0).then(|| Self {
            limit: small(limit),
            window: i64::try_from(settings.window.as_nanos())
                .unwrap_or(i64::MAX)
                .max(1),
            most: small(bytes / VALUE_BYTES),
            values: HashMap::default(),
            held: 0,
            now: i64::MIN,
        })
    }

    /// What was seen in neither this window nor the one before makes room, of targets that are gone too.
    fn sweep(&mut self, window: i64) {
        self.now = window;
        self.values.retain(|_, values| {
            values.retain(|_, last| *last >= window.saturating_sub(1));
            values.shrink_to_fit();
            !values.is_empty()
        });
        self.held = self.values.values().map(HashMap::len).sum();
    }

    /// The column with `other` in place of values that are too many, and the number of rows that have one;
    /// `None` where there are none. Where memory ends before the limit, memory is the limit.
    ///
    /// # Errors
    /// When Arrow refuses the column.
    pub(in super::super) fn fold(
        &mut self,
        attribute: u64,
        column: &ArrayRef,
        tick: i64,
    ) -> Result<Option<(ArrayRef, u64)>, ArrowError> {
        let Some(texts) = Texts::of(column) else {
            return Ok(None);
        };
        let window = tick.div_euclid(self.window);
        if window > self.now {
            self.sweep(window);
        }
        let values = self.values.entry(attribute).or_default();
        let mut is_used = vec![false; texts.values.len()];
        for row in 0..texts.keys.len() {
            if let Some(place) = texts.key(row).and_then(|key| is_used.get_mut(key)) {
                *place = true;
            }
        }
        let mut folded = vec![false; texts.values.len()];
        for (key, _) in is_used.iter().enumerate().filter(|(_, used)| **used) {
            let hash = xxh3_64(texts.values.value(key).as_bytes());
            let has_room = values.len() < self.limit && self.held < self.most;
            match values.get_mut(&hash) {
                Some(last) => *last = window.max(*last),
                None if has_room => {
                    values.insert(hash, window);
                    self.held += 1;
                }
                None => folded[key] = true,
            }
        }
        if !folded.contains(&true) {
            return Ok(None);
        }
        let is_folded = |key: usize| folded.get(key).copied().unwrap_or(false);
        let rows = (0..texts.keys.len())
            .filter(|row| texts.key(*row).is_some_and(is_folded))
            .count();
        let new = (0..texts.values.len()).map(|key| {
            let is_there = texts.values.is_valid(key);
            is_there.then(|| {
                if is_folded(key) {
                    OTHER
                } else {
                    texts.values.value(key)
                }
            })
        });
        let values: StringArray = new.collect();
        let column = DictionaryArray::<Int32Type>::try_new(texts.keys.clone(), Arc::new(values))?;
        Ok(Some((Arc::new(column), rows as u64)))
    }
}

#[cfg(test)]
mod tests {
    use ringwatch_frame::{Cell, ColumnType, Columns};

    use super::*;

    fn column(texts: &[&str]) -> ArrayRef {
        let mut columns = Columns::new([("t", ColumnType::Text)]);
        texts
            .iter()
            .for_each(|text| columns.push(&[Cell::Text(text)]).unwrap());
        Arc::clone(columns.finish().unwrap().column(0))
    }

    fn guard(limit: u64) -> Guard {
        let settings = Cardinality {
            window: ringwatch_config::Duration::from_secs(60),
            ..Cardinality::default()
        };
        Guard::new(&settings, limit).unwrap()
    }

    const MINUTE: i64 = 60_000_000_000;

    #[test]
    fn values_beyond_the_limit_become_other_until_others_are_gone() {
        let mut guard = guard(2);
        assert!(guard.fold(1, &column(&["a", "b", "a"]), 0).unwrap().is_none());
        let (folded, rows) = guard.fold(1, &column(&["a", "c", "d", "c"]), 1).unwrap().unwrap();
        let texts: Vec<_> = (0..4).map(|row| Texts::of(&folded).unwrap().get(row)).collect();
        assert_eq!(
            (texts, rows),
            (vec![Some("a"), Some("other"), Some("other"), Some("other")], 3)
        );
        assert!(
            guard.fold(2, &column(&["c"]), 1).unwrap().is_none(),
            "another attribute"
        );
        assert!(guard.fold(1, &column(&["a"]), MINUTE).unwrap().is_none());
        assert!(
            guard.fold(1, &column(&["a", "c"]), 2 * MINUTE).unwrap().is_none(),
            "b is gone"
        );
        assert!(Guard::new(&Cardinality::default(), 0).is_none());
    }

    #[test]
    fn memory_is_a_limit_too() {
        let mut guard = guard(1_000_000);
        guard.most = 3;
        assert!(guard.fold(1, &column(&["a", "b"]), 0).unwrap().is_none());
        let (_, rows) = guard.fold(2, &column(&["c", "d"]), 0).unwrap().unwrap();
        assert_eq!(rows, 1);
        assert!(
            guard
                .fold(3, &column(&["e", "f", "g"]), 2 * MINUTE)
                .unwrap()
                .is_none(),
            "those of attributes that do not come any more make room"
        );
        assert_eq!((guard.values.len(), guard.held), (1, 3));
    }
}
