//! SQL text on its way into a frame: cut, obfuscated, and each distinct text only once.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{RecordBatch, StringArray};
use quick_cache::Weighter;
use ringwatch_frame::{Cell, ColumnType, Columns};
use ringwatch_parse::sql::{Dialect, obfuscate, truncate_chars};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::fault::{Fault, FaultKind};

/// The longest text that is looked at, in characters.
const LONGEST: usize = 8192;
/// What stands in place of a text that could not be lexed, and so may hold anything.
const WITHHELD: &str = "<withheld: not lexable>";
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
        dialect: Dialect,
        raw: &StringArray,
    ) -> Result<Vec<Option<Arc<str>>>, Fault> {
        let known: Option<Vec<_>> = raw.iter().map(|text| self.known(dialect, text)).collect();
        if let Some(known) = known {
            return Ok(known);
        }
        let (cleaner, raw) = (Arc::clone(self), raw.clone());
        let clean = move || {
            raw.iter()
                .map(|text| text.map(|text| cleaner.clean(dialect, text)))
                .collect()
        };
        tokio::task::spawn_blocking(clean)
            .await
            .map_err(|e| Fault::new(FaultKind::Shape, &e.to_string()))
    }

    /// `batch` with the texts of these columns obfuscated.
    pub(crate) async fn columns(
        self: &Arc<Self>,
        dialect: Dialect,
        batch: RecordBatch,
        names: &[&str],
    ) -> Result<RecordBatch, Fault> {
        let mut batch = batch;
        for name in names {
            batch = self.column(dialect, batch, name).await?;
        }
        Ok(batch)
    }

    async fn column(
        self: &Arc<Self>,
        dialect: Dialect,
        batch: RecordBatch,
        name: &str,
    ) -> Result<RecordBatch, Fault> {
        let shape =
            |e: &dyn std::fmt::Display| Fault::new(FaultKind::Shape, &format!("column `{name}`: {e}"));
        let at = batch.schema_ref().index_of(name).map_err(|e| shape(&e))?;
        let Some(raw) = batch.column(at).as_dictionary_opt::<Int32Type>() else {
            return Err(shape(&"it is SQL, but it does not hold text"));
        };
        let clean = self.texts(dialect, raw.values().as_string::<i32>()).await?;
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
    fn known(&self, dialect: Dialect, raw: Option<&str>) -> Option<Option<Arc<str>>> {
        raw.map_or(Some(None), |raw| self.0.get(&key(dialect, raw)).map(Some))
    }

    fn clean(&self, dialect: Dialect, raw: &str) -> Arc<str> {
        let hash = key(dialect, raw);
        if let Some(known) = self.0.get(&hash) {
            return known;
        }
        let clean = if dialect == Dialect::PostgreSql && is_value(raw) {
            WITHHELD.into()
        } else {
            obfuscate(dialect, truncate_chars(raw, LONGEST))
                .map_or_else(|_| WITHHELD.into(), |text| text.as_str().into())
        };
        let clean: Arc<str> = clean;
        self.0.insert(hash, Arc::clone(&clean));
        clean
    }
}

/// What is a literal differs between dialects.
fn key(dialect: Dialect, raw: &str) -> u128 {
    xxh3_128_with_seed(raw.as_bytes(), dialect as u64)
}

/// Whether a text is no statement but a value of PostgreSQL that may hold one: an object, an array, a row or a quoted
/// name. In them it stands in double quotes, and would be taken for a name.
fn is_value(text: &str) -> bool {
    let mut rest = text;
    let mut in_brackets = false;
    loop {
        rest = rest.trim_start();
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, after)| after);
        } else if let Some(inner) = rest.strip_prefix('(') {
            in_brackets = true;
            rest = inner;
        } else {
            break;
        }
    }
    let word = rest
        .split(|c: char| !c.is_ascii_alphabetic())
        .next()
        .unwrap_or_default();
    let begins = |known: &&str| word.eq_ignore_ascii_case(known);
    rest.starts_with(['{', '[', '"'])
        || (in_brackets && !["select", "with", "values", "table"].iter().any(begins))
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn what_only_holds_a_statement_is_withheld() {
        let secret = "SELECT * FROM t WHERE pin = '1234'";
        let of = |text: String| Cleaner::new().clean(Dialect::PostgreSql, &text);
        for text in [
            format!("{{\"pid\": 1, \"query\": \"{secret}\"}}"),
            format!(" [\"{secret}\"]"),
            format!("{{\"{secret}\",x}}"),
            format!("(active,\"{secret}\",5)"),
            format!("(\"{secret}\")"),
            format!("\"{secret}\""),
        ] {
            assert_eq!(&*of(text.clone()), WITHHELD, "{text}");
        }
        for text in [
            secret.to_owned(),
            format!("({secret}) UNION ALL ({secret})"),
            format!("/* a */ (( {secret} ))"),
            "(VALUES (1))".to_owned(),
        ] {
            let clean = of(text.clone());
            assert!(&*clean != WITHHELD && !clean.contains("1234"), "{text}: {clean}");
        }
    }

    #[test]
    fn what_cannot_be_lexed_is_withheld() {
        let text = Cleaner::new().clean(Dialect::PostgreSql, "SELECT secret \\ FROM t");
        assert_eq!(&*text, WITHHELD);
    }
}
