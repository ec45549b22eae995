use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::sqlquery::Mapping;

fn last_of(kind: ColumnType, cells: &[Cell<'_>]) -> Option<String> {
    let yaml = "sql: x\ntracking_column: a\nlogs: [{body_column: b}]";
    let mapping = Mapping::of(&serde_saphyr::from_str(yaml).unwrap());
    let query = Query {
        sql: &Arc::from("x"),
        tracking: Some(None),
        mapping: &mapping,
        max_rows: 10,
        timeout: Duration::from_secs(1),
    };
    let described = [("a".to_owned(), kind), ("b".to_owned(), ColumnType::Text)];
    let mut answer = Answer::new(&query, &described).unwrap();
    cells
        .iter()
        .for_each(|cell| answer.push(&[*cell, Cell::Null]).unwrap());
    answer.finish().unwrap().tracking
}

#[test]
fn an_answer_is_bounded() {
    let query_of = |sql: &str| -> Mapping { Mapping::of(&serde_saphyr::from_str(sql).unwrap()) };
    let mapping = query_of("sql: x\ntracking_column: a\nlogs: [{body_column: b}]");
    let query = Query {
        sql: &Arc::from("x"),
        tracking: Some(None),
        mapping: &mapping,
        max_rows: 1000,
        timeout: Duration::from_secs(1),
    };
    let described = [
        ("a".to_owned(), ColumnType::Text),
        ("b".to_owned(), ColumnType::Text),
    ];
    let mut answer = Answer::new(&query, &described).unwrap();
    let long = "x".repeat(MOST_BYTES / 4);
    for _ in 0..4 {
        answer.push(&[Cell::Null, Cell::Text(&long)]).unwrap();
    }
    let fault = answer.push(&[Cell::Null, Cell::Text("y")]).unwrap_err();
    assert_eq!(fault.kind, FaultKind::TooManyRows);
    let mut answer = Answer::new(&query, &described).unwrap();
    let fault = answer
        .push(&[Cell::Text(&long[..=MOST_TRACKED]), Cell::Null])
        .unwrap_err();
    assert!(
        fault.kind == FaultKind::Query && !fault.message.contains("xx"),
        "{fault}"
    );
}

#[test]
fn the_largest_number_or_instant_is_remembered_and_the_last_text() {
    let text = Cell::Text;
    let table: [(ColumnType, &[Cell<'_>], Option<&str>); 11] = [
        (ColumnType::Int, &[], None),
        (ColumnType::Int, &[Cell::Null], None),
        (
            ColumnType::Int,
            &[Cell::Int(9), Cell::Int(10), Cell::Int(2)],
            Some("10"),
        ),
        (ColumnType::Int, &[text("9"), text("10"), Cell::Null], Some("10")),
        // More digits than a double has.
        (
            ColumnType::Double,
            &[text("9007199254740993.1"), text("2.5")],
            Some("9007199254740993.1"),
        ),
        (
            ColumnType::Time,
            &[text("2026-01-02 00:00:00+00"), text("2026-01-01 23:00:00-03")],
            Some("2026-01-01 23:00:00-03"),
        ),
        (
            ColumnType::Time,
            &[Cell::Time(2000), Cell::Time(1000)],
            Some("1970-01-01 00:00:00.000002"),
        ),
        (ColumnType::Text, &[text("b"), text("a")], Some("a")),
        // What could not be asked with, and what is more than an `i64`.
        (
            ColumnType::Time,
            &[text("2026-01-02"), text("infinity")],
            Some("2026-01-02"),
        ),
        (ColumnType::Double, &[text("1.5"), text("NaN")], Some("1.5")),
        (
            ColumnType::Int,
            &[text("18446744073709551615"), text("x"), text("9")],
            Some("18446744073709551615"),
        ),
    ];
    for (kind, cells, expected) in table {
        assert_eq!(last_of(kind, cells).as_deref(), expected, "{cells:?}");
    }
}
