//! Texts of rows that are read apart from their counters: asked for once, then remembered.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{Field, Schema};
use quick_cache::Weighter;
use quick_cache::unsync::Cache;
use ringwatch_catalogue::model::{Stream, Texts};
use ringwatch_frame::{Cell, ColumnType, Columns};
use ringwatch_parse::sql::Dialect;

use crate::clean::{ByBytes, Cleaner};
use crate::delta::key_bytes;
use crate::fault::{Fault, FaultKind};
use crate::session::Expected;

/// How many bytes of texts are kept for one target: all texts of a server with the usual `pg_stat_statements.max`.
const KEPT_BYTES: u64 = 8 << 20;
/// How many texts are expected.
const KEPT: usize = 5000;
/// After how many readings a text that was not there is asked for again.
const ASK_AGAIN: u64 = 100;
/// How many texts are asked for at once; the rest comes with the readings after.
const AT_ONCE: usize = 5000;

/// The obfuscated texts of one target, by their key.
pub(crate) struct TextCache {
    known: Cache<Vec<u8>, Known, KnownBytes>,
    readings: u64,
}

/// What came of asking for a text.
#[derive(Clone, Debug)]
enum Known {
    Text(Arc<str>),
    /// There was none at this reading.
    Absent(u64),
}

/// Weighs what is known by its bytes.
#[derive(Clone, Debug)]
struct KnownBytes;

impl Weighter<Vec<u8>, Known> for KnownBytes {
    fn weight(&self, key: &Vec<u8>, known: &Known) -> u64 {
        match known {
            Known::Text(text) => ByBytes.weight(key, text),
            Known::Absent(_) => ByBytes.weight(key, &Arc::default()),
        }
    }
}

/// The keys whose texts are asked for, with the value of their first column.
#[derive(Debug, Default)]
pub(crate) struct Missing(HashMap<Vec<u8>, i64>);

impl Missing {
    /// Whether no text is asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values of the first key column, each once.
    pub(crate) fn firsts(&self) -> Vec<i64> {
        let firsts: HashSet<i64> = self.0.values().copied().collect();
        firsts.into_iter().collect()
    }
}

impl TextCache {
    /// Knows nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            known: Cache::with_weighter(KEPT, KEPT_BYTES, KnownBytes),
            readings: 0,
        }
    }

    /// The keys of the rows of one reading whose text is to be asked for.
    pub(crate) fn missing(&mut self, texts: &Texts, rows: &RecordBatch) -> Result<Missing, Fault> {
        self.readings += 1;
        let keys = key_bytes(rows, &texts.key).map_err(|e| shape(&e))?;
        let first = texts.key.first().and_then(|name| rows.column_by_name(name));
        let Some(first) = first.and_then(|column| column.as_primitive_opt::<Int64Type>()) else {
            return Err(shape(&"the first key column of its texts is not `int`"));
        };
        let mut wanted = Missing::default();
        for (at, key) in keys.into_iter().enumerate() {
            let due = match self.known.get(&key) {
                None => true,
                Some(Known::Text(_)) => false,
                Some(Known::Absent(then)) => self.readings - then >= ASK_AGAIN,
            };
            if due && first.is_valid(at) && wanted.0.len() < AT_ONCE {
                wanted.0.insert(key, first.value(at));
            }
        }
        Ok(wanted)
    }

    /// Takes an answer to the texts' statement: the key columns and the text. Of those asked for that it does not
    /// hold, it is remembered that there is none.
    pub(crate) async fn learn(
        &mut self,
        texts: &Texts,
        asked: Missing,
        answer: &RecordBatch,
        cleaner: &Arc<Cleaner>,
    ) -> Result<(), Fault> {
        let keys = key_bytes(answer, &texts.key).map_err(|e| shape(&e))?;
        let raw = answer
            .column_by_name(&texts.column)
            .and_then(|column| column.as_dictionary_opt::<Int32Type>());
        let raw = raw.ok_or_else(|| shape(&"its texts have no text column"))?;
        let clean = cleaner
            .texts(Dialect::PostgreSql, raw.values().as_string::<i32>())
            .await?;
        for (key, place) in keys.into_iter().zip(raw.keys()) {
            let text = place.and_then(|place| clean.get(usize::try_from(place).ok()?)?.clone());
            if let Some(text) = text {
                self.known.insert(key, Known::Text(text));
            }
        }
        for key in asked.0.into_keys() {
            if !matches!(self.known.get(&key), Some(Known::Text(_))) {
                self.known.insert(key, Known::Absent(self.readings));
            }
        }
        Ok(())
    }

    /// `rows` with their texts as a further column, null where no text is known.
    pub(crate) fn merged(&self, texts: &Texts, rows: &RecordBatch) -> Result<RecordBatch, Fault> {
        let mut column = Columns::new([(texts.column.as_str(), ColumnType::Text)]);
        for key in key_bytes(rows, &texts.key).map_err(|e| shape(&e))? {
            let text = match self.known.get(&key) {
                Some(Known::Text(text)) => Cell::Text(text),
                Some(Known::Absent(_)) | None => Cell::Null,
            };
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
    async fn a_text_is_asked_for_once_and_one_that_is_not_there_seldom() {
        let texts = Texts {
            column: "query".into(),
            key: vec!["id".into()],
            sql: String::new(),
        };
        let mut cache = TextCache::new();
        let now = rows(&[Some(1), Some(2), None, Some(1)]);
        let missing = cache.missing(&texts, &now).unwrap();
        let mut firsts = missing.firsts();
        firsts.sort_unstable();
        assert_eq!(firsts, [1, 2]);
        let mut answer = Columns::new([("id", ColumnType::Int), ("query", ColumnType::Text)]);
        answer.push(&[Cell::Int(2), Cell::Text("SELECT 17")]).unwrap();
        cache
            .learn(
                &texts,
                missing,
                &answer.finish().unwrap(),
                &Arc::new(Cleaner::new()),
            )
            .await
            .unwrap();
        for _ in 1..ASK_AGAIN {
            assert!(cache.missing(&texts, &now).unwrap().is_empty());
        }
        assert_eq!(cache.missing(&texts, &now).unwrap().firsts(), [1]);
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

    #[tokio::test]
    async fn as_many_texts_are_kept_as_a_server_has() {
        let texts = Texts {
            column: "query".into(),
            key: vec!["id".into()],
            sql: String::new(),
        };
        let ids: Vec<_> = (0..4500).map(Some).collect();
        let (mut cache, now) = (TextCache::new(), rows(&ids));
        let mut answer = Columns::new([("id", ColumnType::Int), ("query", ColumnType::Text)]);
        for id in 0..4500 {
            let columns: Vec<_> = (0..80).map(|column| format!("column_{column}")).collect();
            let text = format!("SELECT {} FROM t_{id}", columns.join(", "));
            answer.push(&[Cell::Int(id), Cell::Text(&text)]).unwrap();
        }
        let missing = cache.missing(&texts, &now).unwrap();
        cache
            .learn(
                &texts,
                missing,
                &answer.finish().unwrap(),
                &Arc::new(Cleaner::new()),
            )
            .await
            .unwrap();
        assert!(cache.missing(&texts, &now).unwrap().is_empty());
    }
}
