//! A baseline as a record batch and back, for whoever goes on with the stream.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema};
use ringwatch_catalogue::model::Delta;
use ringwatch_frame::ColumnType;

use super::rows::keys;
use super::{Baseline, needed};

/// Schema metadata: the instant of the last reset, in the unit of its column.
const RESET: &str = "ringwatch.baseline.reset";
/// Schema metadata: how often entries had been thrown out.
const EVICTIONS: &str = "ringwatch.baseline.evictions";
/// The most rows that a baseline holds: as many as a frame.
const MOST_ROWS: usize = 100_000;

/// Why a record batch is not the baseline of a stream.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It has other columns than the catalogue's delta needs, as when another version of Ringwatch wrote it.
    #[error("its columns are not those that the catalogue's delta needs")]
    Columns,
    /// The catalogue's delta names a column that the stream does not have.
    #[error("the catalogue's delta names column `{0}`, which the stream does not have")]
    Catalogue(String),
    /// It has more rows than a reading.
    #[error("it has {0} rows, more than the {MOST_ROWS} that a reading may have")]
    Rows(usize),
    /// Two rows have the same key, or a key cannot be read.
    #[error("its keys are not distinct")]
    Keys,
    /// A number in its metadata is none.
    #[error("`{0}` in its metadata is not a number")]
    Number(&'static str),
    /// Arrow refused the columns.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
}

impl Baseline {
    /// The baseline as a record batch. What is known besides the rows is in the schema's metadata.
    pub fn to_batch(&self) -> RecordBatch {
        let numbers = [(RESET, self.reset), (EVICTIONS, self.evictions)];
        let known = |(key, value): (&'static str, Option<i64>)| Some((key, value?.to_string()));
        let mut batch = self.rows.clone();
        batch
            .schema_metadata_mut()
            .extend(numbers.into_iter().filter_map(known));
        batch
    }

    /// The baseline that `batch` holds, which may come from another node. `kind` says what a column of the
    /// stream holds.
    ///
    /// # Errors
    /// When it does not fit `spec`: then the next reading is a baseline itself.
    pub fn from_batch(
        spec: &Delta,
        kind: impl Fn(&str) -> Option<ColumnType>,
        batch: &RecordBatch,
    ) -> Result<Self, Unfit> {
        if batch.num_rows() > MOST_ROWS {
            return Err(Unfit::Rows(batch.num_rows()));
        }
        let field = |name: &String| {
            let kind = kind(name).ok_or_else(|| Unfit::Catalogue(name.clone()))?;
            Ok(kind.field(name))
        };
        let wanted = needed(spec)
            .into_iter()
            .map(field)
            .collect::<Result<Vec<_>, Unfit>>()?;
        let came = batch
            .schema_ref()
            .fields()
            .iter()
            .map(|f| (f.name(), f.data_type()));
        if !came.eq(wanted.iter().map(|f| (f.name(), f.data_type()))) {
            return Err(Unfit::Columns);
        }
        let number = |key: &'static str| {
            let text = batch.schema_ref().metadata().get(key);
            let number = text.map(|text| text.parse::<i64>()).transpose();
            number.map_err(|_| Unfit::Number(key))
        };
        let (reset, evictions) = (number(RESET)?, number(EVICTIONS)?);
        let rows = RecordBatch::try_new(Arc::new(Schema::new(wanted)), batch.columns().to_vec())?;
        let keys = keys(spec, &rows).map_err(|_| Unfit::Keys)?;
        if keys.iter().collect::<HashSet<_>>().len() != keys.len() {
            return Err(Unfit::Keys);
        }
        Ok(Self {
            rows,
            reset,
            evictions,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ringwatch_frame::{Cell, Columns};

    use super::super::step;
    use super::super::tests::{Row, batch, spec};
    use super::*;

    fn kind(name: &str) -> Option<ColumnType> {
        let field = batch(&[]).schema().field_with_name(name).ok()?.clone();
        ColumnType::of(field.data_type())
    }

    fn row() -> impl Strategy<Value = Row> {
        let number = || prop_oneof![Just(f64::NAN), -5.0..1e9f64];
        let row = (
            0..9i64,
            -3..40i64,
            number(),
            number(),
            number(),
            -1..3i64,
            0..3i64,
            0..9i64,
        );
        prop_oneof![4 => row, 1 => Just((3, i64::MAX, 0.0, 0.0, 0.0, 1, i64::MIN, i64::MAX))]
    }

    proptest! {
        #[test]
        fn a_restored_baseline_is_the_one_that_was_stored(
            readings in prop::collection::vec(prop::collection::vec(row(), 0..12), 2..6),
            with_since: bool,
        ) {
            let spec = spec(with_since);
            let mut baseline = None;
            for rows in &readings {
                let restored = baseline.as_ref().map(|baseline: &Baseline| {
                    Baseline::from_batch(&spec, kind, &baseline.to_batch()).unwrap()
                });
                let wanted = step(&spec, baseline.as_ref(), &batch(rows)).unwrap();
                let got = step(&spec, restored.as_ref(), &batch(rows)).unwrap();
                prop_assert_eq!(format!("{:?}", got.rows), format!("{:?}", wanted.rows));
                prop_assert_eq!(got.uncertain, wanted.uncertain);
                prop_assert_eq!(
                    format!("{:?}", got.baseline.to_batch()),
                    format!("{:?}", wanted.baseline.to_batch())
                );
                baseline = Some(wanted.baseline);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let spec = spec(true);
        let rows = [(1, 5, 0.5, 0.1, 0.1, 1, 7, 3), (2, 6, 0.5, 0.1, 0.1, 1, 7, 3)];
        let good = step(&spec, None, &batch(&rows)).unwrap().baseline.to_batch();
        assert!(Baseline::from_batch(&spec, kind, &good).is_ok());
        let from = |batch: &RecordBatch| Baseline::from_batch(&spec, kind, batch).unwrap_err();

        let fewer = good.project(&[0, 1, 2]).unwrap();
        assert!(matches!(from(&fewer), Unfit::Columns));
        let turned = good.project(&[1, 0, 2, 3, 4, 5, 6]);
        assert!(turned.is_err() || matches!(from(&turned.unwrap()), Unfit::Columns));
        assert!(matches!(from(&batch(&rows)), Unfit::Columns));
        let mut text = Columns::new([("id", ColumnType::Text)]);
        text.push(&[Cell::Text("1")]).unwrap();
        assert!(matches!(from(&text.finish().unwrap()), Unfit::Columns));

        let mut no_number = good.clone();
        no_number
            .schema_metadata_mut()
            .extend([(RESET, "yesterday".to_owned())]);
        assert!(matches!(from(&no_number), Unfit::Number(RESET)));
        let ones = arrow_array::UInt64Array::from(vec![0, 0]);
        let doubled = arrow_select::take::take_record_batch(&good, &ones).unwrap();
        assert!(matches!(from(&doubled), Unfit::Keys));
        let many = arrow_array::UInt64Array::from(vec![0; MOST_ROWS + 1]);
        let many = arrow_select::take::take_record_batch(&good, &many).unwrap();
        assert!(matches!(from(&many), Unfit::Rows(_)));
        let unknown = Baseline::from_batch(&spec, |_| None, &good).unwrap_err();
        assert!(matches!(unknown, Unfit::Catalogue(_)));
    }
}
