//! Texts of rows that are read apart from their counters: asked for once, then remembered.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{Field, Schema};
use quick_cache::unsync::Cache;
use ringwatch_catalogue::model::{Stream, Texts};
use ringwatch_frame::{Cell, ColumnType, Columns};

use crate::clean::{ByBytes, Cleaner};
use crate::delta::key_bytes;
use crate::fault::{Fault, FaultKind};
use crate::session::Expected;

/// How many bytes of texts are kept for one target.
const KEPT_BYTES: u64 = 2 << 20;
/// How many texts are asked for at once; the rest comes with the readings after.
const AT_ONCE: usize = 5000;

/// The obfuscated texts of one target, by their key.
pub(crate) struct TextCache(Cache<Vec<u8>, Arc<str>, ByBytes>);

impl TextCache {
    /// Knows nothing yet.
    pub(crate) fn new() -> Self {
        Self(Cache::with_weighter(256, KEPT_BYTES, ByBytes))
    }

    /// The first key column of the rows whose text is not known, each value once.
    pub(crate) fn missing(&self, texts: &Texts, rows: &RecordBatch) -> Result<Vec<i64>, Fault> {
        let keys = key_bytes(rows, &texts.key).map_err(|e| shape(&e))?;
        let first = texts.key.first().and_then(|name| rows.column_by_name(name));
        let Some(first) = first.and_then(|column| column.as_primitive_opt::<Int64Type>()) else {
            return Err(shape(&"the first key column of its texts is not `int`"));
        };
        let mut wanted = HashSet::new();
        for (at, key) in keys.iter().enumerate() {
            if first.is_valid(at) && wanted.len() < AT_ONCE && !self.0.contains_key(key) {
                wanted.insert(first.value(at));
            }
        }
        Ok(wanted.into_iter().collect())
    }

    /// Takes an answer to the texts' statement: the key columns and the text.
    pub(crate) async fn learn(
        &mut self,
        texts: &Texts,
        answer: &RecordBatch,
        cleaner: &Arc<Cleaner>,
    ) -> Result<(), Fault> {
        let keys = key_bytes(answer, &texts.key).map_err(|e| shape(&e))?;
        let raw = answer
            .column_by_name(&texts.column)
            .and_then(|column| column.as_dictionary_opt::<Int32Type>());
        let raw = raw.ok_or_else(|| shape(&"its texts have no text column"))?;
        let clean = cleaner.texts(raw.values().as_string::<i32>()).await?;
        for (key, place) in keys.into_iter().zip(raw.keys()) {
            let text = place.and_then(|place| clean.get(usize::try_from(place).ok()?)?.clone());
            if let Some(text) = text {
                self.0.insert(key, text);
            }
        }
        Ok(())
    }

    /// `rows` with their texts as a further column, null where no text is known.
    pub(crate) fn merged(&self, texts: &Texts, rows: &RecordBatch) -> Result<RecordBatch, Fault> {
        let mut column = Columns::new([(texts.column.as_str(), ColumnType::Text)]);
        for key in key_bytes(rows, &texts.key).map_err(|e| shape(&e))? {
            let text = self.0.get(&key).map_or(Cell::Null, |text| Cell::Text(text));
            column.push(&[text]).map_err(|e| shape(&e))?;
        }
        let column = column.finish().map_err(|e| shape(&e))?;
        let schema = rows.schema();
        let field = Arc::new(Field::clone(column.schema_ref().field(0)));
        let fields: Vec<_> = schema.fields().iter().cloned().chain([field]).collect();
        let columns = rows.columns().iter().chain(column.columns()).cloned().collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|e| shape(&e))
    }
}

/// The columns that the texts' statement yields.
pub(crate) fn expected<'a>(stream: &'a Stream, texts: &'a Texts) -> Vec<Expected<'a>> {
    let kind = |name: &str| {
        let column = stream.columns.iter().find(|column| column.name == name);
        column.map_or(ColumnType::Int, |column| column.kind.column_type())
    };
    let keys = texts.key.iter().map(|name| Expected {
        name,
        kind: kind(name),
    });
    keys.chain([Expected {
        name: &texts.column,
        kind: ColumnType::Text,
    }])
    .collect()
}

fn shape(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(FaultKind::Shape, &error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(ids: &[Option<i64>]) -> RecordBatch {
        let mut columns = Columns::new([("id", ColumnType::Int)]);
        ids.iter()
            .for_each(|id| columns.push(&[id.map_or(Cell::Null, Cell::Int)]).unwrap());
        columns.finish().unwrap()
    }

    #[tokio::test]
    async fn a_text_is_asked_for_until_it_is_known() {
        let texts = Texts {
            column: "query".into(),
            key: vec!["id".into()],
            sql: String::new(),
        };
        let mut cache = TextCache::new();
        let now = rows(&[Some(1), Some(2), None, Some(1)]);
        let mut missing = cache.missing(&texts, &now).unwrap();
        missing.sort_unstable();
        assert_eq!(missing, [1, 2]);
        let mut answer = Columns::new([("id", ColumnType::Int), ("query", ColumnType::Text)]);
        answer.push(&[Cell::Int(2), Cell::Text("SELECT 17")]).unwrap();
        cache
            .learn(&texts, &answer.finish().unwrap(), &Arc::new(Cleaner::new()))
            .await
            .unwrap();
        assert_eq!(cache.missing(&texts, &now).unwrap(), [1]);
        let merged = cache.merged(&texts, &now).unwrap();
        let query = merged.column_by_name("query").unwrap();
        assert_eq!(
            (0..4).map(|at| query.is_null(at)).collect::<Vec<_>>(),
            [true, false, true, true]
        );
        assert!(
            !format!("{query:?}").contains("17"),
            "texts are obfuscated before they are kept"
        );
    }
}
