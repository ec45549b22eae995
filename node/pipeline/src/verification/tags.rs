//! What rows get, and the columns after all changes.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, RecordBatch, RecordBatchOptions,
    StringArray,
};
use arrow_buffer::BooleanBuffer;
use arrow_schema::{ArrowError, Field, Schema};
use ringwatch_config::settings::AnomalyTag;
use ringwatch_frame::ColumnType;

use super::anomaly::Judged;

/// The attribute of rows of a statement in an anomaly.
const ANOMALY: &str = "verification.anomaly";
/// How far they are off.
const SCORE: &str = "verification.anomaly_score";
/// The attribute of rows that break a rule.
const RULE: &str = "verification.rule";

/// Attributes for rows.
#[derive(Default)]
pub(super) struct Tags {
    columns: Vec<(&'static str, ColumnType, ArrayRef)>,
    /// The names of rules and, for each row, which of them it broke first.
    rules: Vec<Arc<str>>,
    broken: Vec<Option<i32>>,
}

impl Tags {
    /// What rows get for anomalies; nothing where none is in one.
    pub(super) fn of_anomalies(tag: AnomalyTag, judged: &Judged, rows: usize) -> Self {
        let mut tags = Self::default();
        if judged.scores.is_empty() || tag == AnomalyTag::None {
            return tags;
        }
        let score = |row: usize| judged.scores.get(row).copied().filter(|score| *score != 0.0);
        let flags: BooleanArray = (0..rows).map(|row| score(row).map(|_| true)).collect();
        tags.columns.push((ANOMALY, ColumnType::Bool, Arc::new(flags)));
        if tag == AnomalyTag::Score {
            let scores: Float64Array = (0..rows).map(|row| score(row).map(f64::from)).collect();
            tags.columns.push((SCORE, ColumnType::Double, Arc::new(scores)));
        }
        tags
    }

    /// Rows that broke a rule.
    pub(super) fn rule(&mut self, name: &Arc<str>, rows: &BooleanBuffer) {
        let Ok(number) = i32::try_from(self.rules.len()) else {
            return;
        };
        self.rules.push(Arc::clone(name));
        self.broken.resize(rows.len(), None);
        for row in rows.set_indices() {
            if let Some(place) = self.broken.get_mut(row) {
                place.get_or_insert(number);
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.columns.is_empty() && self.rules.is_empty()
    }
}

/// The columns of a frame on their way to what they become.
pub(super) struct Changes {
    rows: RecordBatch,
    columns: Option<Vec<ArrayRef>>,
}

impl Changes {
    pub(super) fn new(rows: RecordBatch) -> Self {
        Self { rows, columns: None }
    }

    /// The rows as they came.
    pub(super) fn rows(&self) -> &RecordBatch {
        &self.rows
    }

    /// A column as it is now.
    pub(super) fn column(&self, at: usize) -> Option<&ArrayRef> {
        self.columns
            .as_deref()
            .unwrap_or_else(|| self.rows.columns())
            .get(at)
    }

    /// Puts a column of the same type in place of another.
    pub(super) fn replace(&mut self, at: usize, column: ArrayRef) {
        let columns = self.columns.get_or_insert_with(|| self.rows.columns().to_vec());
        if let Some(place) = columns.get_mut(at) {
            *place = column;
        }
    }

    /// The rows after all changes; `None` where there were none.
    ///
    /// # Errors
    /// When Arrow refuses the columns.
    pub(super) fn finish(self, tags: &Tags) -> Result<Option<RecordBatch>, ArrowError> {
        if self.columns.is_none() && tags.is_empty() {
            return Ok(None);
        }
        let mut columns = self.columns.unwrap_or_else(|| self.rows.columns().to_vec());
        let schema = self.rows.schema();
        if tags.is_empty() {
            return with(schema, columns, self.rows.num_rows()).map(Some);
        }
        let mut fields: Vec<Arc<Field>> = schema.fields().to_vec();
        let mut put = |name: &str, kind: ColumnType, column: ArrayRef| {
            let field = Arc::new(kind.attribute_field(name));
            match fields.iter().position(|field| field.name() == name) {
                Some(at) => {
                    fields[at] = field;
                    columns[at] = column;
                }
                None => {
                    fields.push(field);
                    columns.push(column);
                }
            }
        };
        for (name, kind, column) in &tags.columns {
            put(name, *kind, Arc::clone(column));
        }
        if !tags.rules.is_empty() {
            let keys: Int32Array = tags.broken.iter().copied().collect();
            let names: StringArray = tags.rules.iter().map(|name| Some(&**name)).collect();
            let rules = DictionaryArray::<Int32Type>::try_new(keys, Arc::new(names))?;
            put(RULE, ColumnType::Text, Arc::new(rules));
        }
        let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
        with(Arc::new(schema), columns, self.rows.num_rows()).map(Some)
    }
}

fn with(schema: Arc<Schema>, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch, ArrowError> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, columns, &options)
}
