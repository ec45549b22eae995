//! SQL, plans and log messages on their way into a frame: cut, without literals, and each distinct text only once.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{RecordBatch, StringArray};
use quick_cache::Weighter;
use ringwatch_frame::{Cell, ColumnType, Columns};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::fault::{Fault, FaultKind};
use crate::written::Written;

/// How many bytes of obfuscated texts a node keeps.
const KEPT_BYTES: u64 = 8 << 20;
/// Bytes that an entry of a cache takes besides its text.
const ENTRY_BYTES: u64 = 64;

/// Weighs a text by its bytes.
#[derive(Clone, Debug)]
pub(crate) struct ByBytes;

impl<K> Weighter<K, Arc<str>> for ByBytes {
    fn weight(&self, _: &K, text: &Arc<str>) -> u64 {
        text.len() as u64 + ENTRY_BYTES
    }
}

/// Obfuscates, and remembers by the hash of the raw text what came of it. One for the whole node.
#[derive(Debug)]
pub(crate) struct Cleaner(quick_cache::sync::Cache<u128, Arc<str>, ByBytes>);

impl Cleaner {
    /// Knows nothing yet.
    pub(crate) fn new() -> Self {
        Self(quick_cache::sync::Cache::with_weighter(1000, KEPT_BYTES, ByBytes))
    }

    /// The obfuscated texts of `raw`, in its order. Lexing is done on a thread where it holds nobody up.
    pub(crate) async fn texts(
        self: &Arc<Self>,
        written: impl Into<Written>,
        raw: &StringArray,
    ) -> Result<Vec<Option<Arc<str>>>, Fault> {
        let written = written.into();
        let known: Option<Vec<_>> = raw.iter().map(|text| self.known(written, text)).collect();
        if let Some(known) = known {
            return Ok(known);
        }
        let (cleaner, raw) = (Arc::clone(self), raw.clone());
        let clean = move || {
            raw.iter()
                .map(|text| text.map(|text| cleaner.clean(written, text)))
                .collect()
        };
        tokio::task::spawn_blocking(clean)
            .await
            .map_err(|e| Fault::new(FaultKind::Shape, &e.to_string()))
    }

    /// `batch` with the texts of these columns obfuscated.
    pub(crate) async fn columns(
        self: &Arc<Self>,
        written: impl Into<Written>,
        batch: RecordBatch,
        names: &[&str],
    ) -> Result<RecordBatch, Fault> {
        let (written, mut batch) = (written.into(), batch);
        for name in names {
            batch = self.column(written, batch, name).await?;
        }
        Ok(batch)
    }

    async fn column(
        self: &Arc<Self>,
        written: Written,
        batch: RecordBatch,
        name: &str,
    ) -> Result<RecordBatch, Fault> {
        let shape =
            |e: &dyn std::fmt::Display| Fault::new(FaultKind::Shape, &format!("column `{name}`: {e}"));
        let at = batch.schema_ref().index_of(name).map_err(|e| shape(&e))?;
        let Some(raw) = batch.column(at).as_dictionary_opt::<Int32Type>() else {
            return Err(shape(&"its literals are to be hidden, but it does not hold text"));
        };
        let clean = self.texts(written, raw.values().as_string::<i32>()).await?;
        let mut columns = Columns::new([(name, ColumnType::Text)]);
        for key in raw.keys() {
            let text = key.and_then(|key| clean.get(usize::try_from(key).ok()?)?.as_deref());
            columns
                .push(&[text.map_or(Cell::Null, Cell::Text)])
                .map_err(|e| shape(&e))?;
        }
        let column = columns.finish().map_err(|e| shape(&e))?;
        let mut all = batch.columns().to_vec();
        all[at] = Arc::clone(column.column(0));
        RecordBatch::try_new(batch.schema(), all).map_err(|e| shape(&e))
    }

    /// What came of a text: `None` when it is not known; a null stays a null.
    #[expect(
        clippy::option_option,
        reason = "the outer one says whether it is known, the inner one is the column's null"
    )]
    fn known(&self, written: Written, raw: Option<&str>) -> Option<Option<Arc<str>>> {
        raw.map_or(Some(None), |raw| self.0.get(&key(written, raw)).map(Some))
    }

    fn clean(&self, written: Written, raw: &str) -> Arc<str> {
        let hash = key(written, raw);
        if let Some(known) = self.0.get(&hash) {
            return known;
        }
        let clean: Arc<str> = written.clean(raw).into();
        self.0.insert(hash, Arc::clone(&clean));
        clean
    }
}

/// What is a literal differs with how a text is written.
fn key(written: Written, raw: &str) -> u128 {
    xxh3_128_with_seed(raw.as_bytes(), written.seed())
}

#[cfg(test)]
mod tests {
    use ringwatch_parse::sql::Dialect;

    use super::*;

    #[tokio::test]
    async fn sql_leaves_obfuscated_and_nulls_stay() {
        let mut columns = Columns::new([("query", ColumnType::Text), ("name", ColumnType::Text)]);
        let secret = "SELECT * FROM users WHERE pin = '1234'";
        for text in [Cell::Text(secret), Cell::Null, Cell::Text(secret)] {
            columns.push(&[text, Cell::Text("it's")]).unwrap();
        }
        let cleaner = Arc::new(Cleaner::new());
        let batch = columns.finish().unwrap();
        for _ in 0..2 {
            let clean = cleaner
                .columns(Dialect::PostgreSql, batch.clone(), &["query"])
                .await
                .unwrap();
            let query = clean.column(0).as_dictionary::<Int32Type>();
            assert_eq!(query.values().len(), 1, "each distinct text is there once");
            let text = query.values().as_string::<i32>().value(0);
            assert!(!text.contains("1234") && text.contains("users"), "{text}");
            assert!(clean.column(0).is_null(1));
            assert_eq!(clean.column(1), batch.column(1), "other columns are left alone");
        }
        assert!(
            cleaner
                .columns(Dialect::PostgreSql, batch, &["nowhere"])
                .await
                .is_err()
        );
    }
}
