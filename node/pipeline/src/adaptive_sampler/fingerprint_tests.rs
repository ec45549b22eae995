use std::collections::HashSet;

use arrow_array::RecordBatch;
use arrow_schema::Field;
use ringwatch_frame::{Cell, ColumnType, Columns};

use super::*;

fn rows(columns: &[(&str, ColumnType)], rows: &[&[Cell<'_>]]) -> RecordBatch {
    let mut built = Columns::new(columns.iter().copied());
    for row in rows {
        built.push(row).unwrap();
    }
    built.finish().unwrap()
}

fn hashes(key: &[&str], rows: &RecordBatch) -> Vec<u64> {
    let key: Vec<String> = key.iter().map(|name| (*name).to_owned()).collect();
    let column_of = |place: Place<'_>| (place == Place::Attribute("db.user")).then(|| Arc::from("usename"));
    let mut out = vec![7; 3];
    Source::bind(&key, rows.schema_ref(), &column_of).hashes(rows, &mut out);
    out
}

#[test]
fn the_identifier_says_it_then_the_text_then_the_whole_row() {
    use Cell::{Int, Null, Text};
    use ColumnType as T;
    let columns = [("calls", T::Int), ("query_text", T::Text), ("queryid", T::Int)];
    let batch = rows(
        &columns,
        &[
            &[Int(1), Text("select 1"), Int(42)],
            &[Int(2), Text("select 2"), Int(42)],
            &[Int(3), Text("select 1"), Null],
            &[Int(4), Text("select 1"), Null],
            &[Int(5), Null, Null],
            &[Int(6), Null, Null],
            &[Int(5), Null, Null],
        ],
    );
    let got = hashes(&[], &batch);
    assert_eq!(got[0], got[1], "the identifier alone counts");
    assert_eq!(got[2], got[3], "the text alone counts");
    assert_eq!(got[4], got[6], "rows that are the same are of one kind");
    assert_eq!(got.iter().collect::<HashSet<_>>().len(), 4, "{got:?}");
    let whole: Vec<bool> = got
        .iter()
        .map(|hash| is_whole_row(key_of(*hash, u64::MAX)))
        .collect();
    assert_eq!(whole, [false, false, false, false, true, true, true]);
}

#[test]
fn the_whole_row_counts_where_nothing_tells_statements_apart() {
    use Cell::{Bool, Double, Null, Text, Time};
    use ColumnType as T;
    let columns = [("b", T::Bool), ("d", T::Double), ("t", T::Time), ("x", T::Text)];
    let same: &[Cell<'_>] = &[Bool(true), Double(1.0), Time(1), Text("a")];
    let batch = rows(
        &columns,
        &[
            same,
            same,
            &[Bool(false), Double(1.0), Time(1), Text("a")],
            &[Bool(true), Double(2.0), Time(1), Text("a")],
            &[Bool(true), Double(1.0), Time(2), Text("a")],
            &[Bool(true), Double(1.0), Time(1), Text("b")],
            &[Bool(true), Double(1.0), Time(1), Null],
            &[Null, Null, Null, Null],
        ],
    );
    let got = hashes(&[], &batch);
    assert_eq!(got[0], got[1]);
    assert_eq!(got.iter().collect::<HashSet<_>>().len(), 7, "{got:?}");
    assert!(hashes(&[], &rows(&columns, &[])).is_empty());
}

#[test]
fn the_key_of_the_settings_goes_first_by_column_or_attribute() {
    use Cell::{Int, Null, Text};
    let columns = [
        ("queryid", ColumnType::Int),
        ("usename", ColumnType::Text),
        ("dbid", ColumnType::Int),
    ];
    let batch = rows(
        &columns,
        &[
            &[Int(1), Text("app"), Int(5)],
            &[Int(2), Text("app"), Int(5)],
            &[Int(1), Text("job"), Int(5)],
            &[Int(1), Null, Int(5)],
        ],
    );
    let got = hashes(&["db.user", "dbid", "not there"], &batch);
    assert_eq!(got[0], got[1]);
    assert_eq!(got.iter().collect::<HashSet<_>>().len(), 3, "{got:?}");
    assert_eq!(hashes(&["not there"], &batch), hashes(&[], &batch));
    assert_ne!(
        hashes(&["queryid", "dbid"], &batch)[0],
        hashes(&["dbid", "queryid"], &batch)[0]
    );
}

#[test]
fn the_body_counts_by_its_role_and_a_slice_as_its_rows() {
    let batch = rows(
        &[("n", ColumnType::Int), ("m", ColumnType::Text)],
        &[
            &[Cell::Int(1), Cell::Text("a")],
            &[Cell::Int(2), Cell::Text("b")],
            &[Cell::Int(3), Cell::Text("a")],
        ],
    );
    let fields = [
        ColumnType::Int.field("n"),
        ColumnType::Text.role_field("m", Role::Body),
    ];
    let schema = Arc::new(Schema::new(fields.to_vec() as Vec<Field>));
    let batch = RecordBatch::try_new(schema, batch.columns().to_vec()).unwrap();
    let got = hashes(&[], &batch);
    assert_eq!(got[0], got[2]);
    assert_ne!(got[0], got[1]);
    assert_eq!(hashes(&[], &batch.slice(1, 2)), got[1..]);
}

/// These numbers are in files and on other nodes: they must never change.
#[test]
fn the_fingerprints_are_those_of_every_release() {
    let columns = [
        ("queryid", ColumnType::Int),
        ("query_text", ColumnType::Text),
        ("d", ColumnType::Double),
    ];
    let batch = rows(
        &columns,
        &[
            &[Cell::Int(42), Cell::Null, Cell::Null],
            &[Cell::Null, Cell::Text("select 1"), Cell::Null],
            &[Cell::Null, Cell::Null, Cell::Double(0.5)],
        ],
    );
    let expected = [
        7_446_462_916_408_900_764,
        13_546_564_388_362_264_569,
        5_517_025_200_350_107_674,
    ];
    assert_eq!(hashes(&[], &batch), expected);
    let expected = [
        7_851_771_312_132_913_952,
        7_824_836_039_148_023_712,
        13_847_498_724_806_289_366,
    ];
    assert_eq!(hashes(&["queryid", "query_text"], &batch), expected);
}
