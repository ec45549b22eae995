//! Actions on the columns of a frame.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, Field, FieldRef, Schema};
use ringwatch_frame::ColumnsError;

use super::column::{blend, constant, hashed, type_of};
use crate::actions::{Action, Change, Source, When};

/// The columns after the actions, with as many rows as before.
pub(super) fn apply(actions: &[Action], batch: &RecordBatch) -> Result<RecordBatch, ColumnsError> {
    let fields = batch.schema_ref().fields().iter().cloned();
    let mut table = Table {
        rows: batch.num_rows(),
        columns: fields.zip(batch.columns().iter().cloned()).collect(),
    };
    for Action { key, change } in actions {
        match change {
            Change::Set(when, source) => table.set(key, *when, source)?,
            Change::Delete => table.columns.retain(|(field, _)| field.name() != key),
            Change::Hash => table.hash(key)?,
        }
    }
    Ok(table.finish(batch)?)
}

struct Table {
    rows: usize,
    columns: Vec<(FieldRef, ArrayRef)>,
}

impl Table {
    fn find(&self, key: &str) -> Option<usize> {
        self.columns.iter().position(|(field, _)| field.name() == key)
    }

    /// Sets `key` in the rows where `when` holds and the source has a value.
    fn set(&mut self, key: &str, when: When, source: &Source) -> Result<(), ColumnsError> {
        let at = self.find(key);
        let is_present = |row| at.is_some_and(|at| self.columns[at].1.is_valid(row));
        let from = match source {
            Source::Value(_) => None,
            Source::Attribute(from) => match self.find(from) {
                Some(from) => Some(Arc::clone(&self.columns[from].1)),
                None => return Ok(()),
            },
        };
        let has_value = |row| from.as_ref().is_none_or(|from| from.is_valid(row));
        let take: Vec<bool> = (0..self.rows)
            .map(|row| when.holds(is_present(row)) && has_value(row))
            .collect();
        let adds_column = at.is_none() && when != When::Present;
        if !adds_column && !take.contains(&true) {
            return Ok(());
        }
        let new = match (source, from) {
            (Source::Value(value), _) => constant(value, &take)?,
            (_, Some(from)) => from,
            (Source::Attribute(_), None) => return Ok(()),
        };
        let replaces = |(row, take): (usize, &bool)| *take || (!is_present(row) && !new.is_valid(row));
        let column = match at {
            Some(at) if !take.iter().enumerate().all(replaces) => blend(&take, &new, &self.columns[at].1)?,
            _ => new,
        };
        self.put(at, key, column)?;
        Ok(())
    }

    fn put(&mut self, at: Option<usize>, key: &str, column: ArrayRef) -> Result<(), ArrowError> {
        let field = Arc::new(type_of(&column)?.attribute_field(key));
        match at {
            Some(at) => self.columns[at] = (field, column),
            None => self.columns.push((field, column)),
        }
        Ok(())
    }

    /// Hashes `key` where it is. What the column is to exporters stays as it was.
    fn hash(&mut self, key: &str) -> Result<(), ColumnsError> {
        let Some(at) = self.find(key) else { return Ok(()) };
        let (field, column) = &mut self.columns[at];
        *column = hashed(column)?;
        *field = Arc::new(
            Field::clone(field)
                .with_data_type(column.data_type().clone())
                .with_nullable(true),
        );
        Ok(())
    }

    fn finish(self, before: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let (fields, columns): (Vec<_>, Vec<_>) = self.columns.into_iter().unzip();
        let schema = Schema::new_with_metadata(fields, before.schema_ref().metadata().clone());
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(Arc::new(schema), columns, &options)
    }
}

#[cfg(test)]
mod tests {
    use ringwatch_config::settings::AttributeActionKind::{Delete, Hash, Insert, Update, Upsert};
    use ringwatch_config::settings::{AttributeActionKind, Scalar};
    use ringwatch_frame::{Cell, ColumnType, Columns, is_attribute};

    use super::*;
    use crate::actions::{compile, hash};
    use crate::testing::action;

    /// Three rows: `t` is text with a gap, `n` a number with another, `e` is empty.
    fn table() -> RecordBatch {
        let mut columns = Columns::new([
            ("t", ColumnType::Text),
            ("n", ColumnType::Int),
            ("e", ColumnType::Double),
        ]);
        for (text, number) in [
            (Cell::Text("a"), Cell::Int(1)),
            (Cell::Null, Cell::Int(2)),
            (Cell::Text("c"), Cell::Null),
        ] {
            columns.push(&[text, number, Cell::Null]).unwrap();
        }
        columns.finish().unwrap()
    }

    fn column(kind: ColumnType, cells: &[Cell<'_>]) -> ArrayRef {
        let mut columns = Columns::new([("c", kind)]);
        cells.iter().for_each(|cell| columns.push(&[*cell]).unwrap());
        Arc::clone(columns.finish().unwrap().column(0))
    }

    fn after(key: &str, kind: AttributeActionKind, value: Option<Scalar>, from: Option<&str>) -> RecordBatch {
        apply(
            &compile("attributes", &[action(key, kind, value, from)]).unwrap(),
            &table(),
        )
        .unwrap()
    }

    fn check(
        key: &str,
        kind: AttributeActionKind,
        value: Option<Scalar>,
        from: Option<&str>,
        expected: &ArrayRef,
    ) {
        let what = format!("{key} {kind:?} {value:?} {from:?}");
        let after = after(key, kind, value, from);
        assert_eq!(after.column_by_name(key).unwrap(), expected, "{what}");
        assert!(
            is_attribute(after.schema().field_with_name(key).unwrap()),
            "{what}"
        );
    }

    #[test]
    fn a_column_is_set_to_a_value_where_the_action_says() {
        use Cell::{Bool, Double, Int, Null, Text};
        let (text, int, double) = (ColumnType::Text, ColumnType::Int, ColumnType::Double);
        let x = || Scalar::Text("x".into());
        for (key, kind, value, expected) in [
            ("new", Insert, x(), column(text, &[Text("x"); 3])),
            (
                "new",
                Upsert,
                Scalar::Double(0.5),
                column(double, &[Double(0.5); 3]),
            ),
            ("t", Insert, x(), column(text, &[Text("a"), Text("x"), Text("c")])),
            (
                "t",
                Insert,
                Scalar::Int(9),
                column(text, &[Text("a"), Text("9"), Text("c")]),
            ),
            (
                "n",
                Insert,
                Scalar::Int(9),
                column(int, &[Int(1), Int(2), Int(9)]),
            ),
            ("e", Insert, x(), column(text, &[Text("x"); 3])),
            ("n", Update, Scalar::Int(9), column(int, &[Int(9), Int(9), Null])),
            ("n", Update, x(), column(text, &[Text("x"), Text("x"), Null])),
            (
                "n",
                Upsert,
                Scalar::Bool(true),
                column(ColumnType::Bool, &[Bool(true); 3]),
            ),
        ] {
            check(key, kind, Some(value), None, &expected);
        }
    }

    #[test]
    fn a_column_is_set_to_another_where_that_one_has_a_value() {
        use Cell::{Int, Null, Text};
        let (text, int) = (ColumnType::Text, ColumnType::Int);
        for (key, kind, from, expected) in [
            ("new", Upsert, "n", column(int, &[Int(1), Int(2), Null])),
            ("t", Insert, "n", column(text, &[Text("a"), Text("2"), Text("c")])),
            ("n", Update, "t", column(text, &[Text("a"), Text("2"), Null])),
            ("n", Upsert, "t", column(text, &[Text("a"), Text("2"), Text("c")])),
            ("e", Insert, "n", column(int, &[Int(1), Int(2), Null])),
        ] {
            check(key, kind, None, Some(from), &expected);
        }
    }

    #[test]
    fn what_has_nothing_to_do_changes_nothing() {
        let x = || Some(Scalar::Text("x".into()));
        for (key, kind, value, from) in [
            ("new", Update, x(), None),
            ("e", Update, x(), None),
            ("t", Upsert, None, Some("absent")),
            ("t", Upsert, None, Some("e")),
            ("new", Delete, None, None),
            ("new", Hash, None, None),
        ] {
            assert_eq!(after(key, kind, value, from), table(), "{key} {kind:?} {from:?}");
        }
    }

    #[test]
    fn columns_are_deleted_and_hashed() {
        assert_eq!(after("t", Delete, None, None).schema().fields().len(), 2);
        for (key, first) in [("t", "a"), ("n", "1")] {
            let after = after(key, Hash, None, None);
            let cells = column(ColumnType::Text, &[Cell::Text(&hash(first))]);
            assert_eq!(&after.column_by_name(key).unwrap().slice(0, 1), &cells);
            assert!(
                !is_attribute(after.schema().field_with_name(key).unwrap()),
                "its role stays"
            );
        }
    }
}
