//! Two columns to one, and tables that have nothing to change.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::BooleanBuffer;
use ringwatch_frame::Cell::{self, Int, Null, Text};
use ringwatch_frame::{ColumnType, Columns, Resource, Tick};
use ringwatch_parse::expr::{Context, Faults, NoPlaces, PathRef, Program, Statement, Table, blend, texts_of};

#[test]
fn columns_of_two_types_become_text() {
    let ints = column_of(ColumnType::Int, &[Int(1), Null, Int(3)]);
    let texts = column_of(ColumnType::Text, &[Text("a"), Text("b"), Null]);
    let take = BooleanBuffer::from(vec![false, true, true]);
    let mixed = blend(&take, &texts, &ints).unwrap();
    assert_eq!(
        &*mixed,
        &*column_of(ColumnType::Text, &[Text("1"), Text("b"), Null])
    );
    let same = blend(&take, &texts, &texts).unwrap();
    assert_eq!(&*same, &*texts);
    assert!(blend(&BooleanBuffer::new_set(2), &texts, &ints).is_err());
}

#[test]
fn numbers_and_times_as_text() {
    let times = column_of(ColumnType::Time, &[Cell::Time(5), Null]);
    assert_eq!(
        &texts_of(&times).unwrap(),
        &column_of(ColumnType::Text, &[Text("5"), Null])
    );
    let bits = column_of(ColumnType::Bool, &[Cell::Bool(true), Cell::Bool(false)]);
    assert_eq!(
        &texts_of(&bits).unwrap(),
        &column_of(ColumnType::Text, &[Text("true"), Text("false")])
    );
}

#[test]
fn an_empty_frame_and_one_without_columns_are_left_in_peace() {
    let texts = column_of(ColumnType::Text, &[Text("a"), Null]);
    let rows = RecordBatch::try_from_iter([("t", texts)]).unwrap();
    let mut program = Program::default();
    let statements = [
        "set(body, 'x')",
        "keep_keys(attributes, [])",
        "replace_pattern(t, 'a', 'b')",
    ];
    program.add(Context::Log, &[], &statements).unwrap();
    for (rows, count) in [(rows.slice(0, 0), 0), (rows.project(&[]).unwrap(), 2)] {
        let (now, mut faults) = (Tick::from_unix_nanos(0), Faults::default());
        let applied = program
            .apply(&rows, &Resource::default(), &NoPlaces, now, &mut faults)
            .unwrap();
        assert_eq!((applied.rows.num_rows(), faults.count()), (count, 0));
        let table = Table::new(&rows, &NoPlaces).finish(&rows).unwrap();
        assert_eq!(table, rows);
    }
    let names = Statement::parse("set(body, usename)", Context::Log).unwrap();
    assert_eq!(names.names(), [&PathRef::Body, &PathRef::Name("usename".into())]);
}

fn column_of(kind: ColumnType, cells: &[Cell<'_>]) -> ArrayRef {
    let mut columns = Columns::new([("c", kind)]);
    cells.iter().for_each(|cell| columns.push(&[*cell]).unwrap());
    Arc::clone(columns.finish().unwrap().column(0))
}
