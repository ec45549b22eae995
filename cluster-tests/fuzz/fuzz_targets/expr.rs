//! Any text as a condition and as a statement: nothing panics, rows stay as many as they were, and an error points into
//! the text.
#![no_main]

use std::sync::LazyLock;

use arrow_array::{Array, RecordBatch};
use libfuzzer_sys::fuzz_target;
use ringwatch_frame::{Cell, ColumnType, Columns, Resource, Tick, Value};
use ringwatch_parse::expr::{Condition, Context, Faults, NoPlaces, Program};

static ROWS: LazyLock<RecordBatch> = LazyLock::new(rows);

fn rows() -> RecordBatch {
    let mut columns = Columns::new([
        ("a", ColumnType::Int),
        ("x", ColumnType::Double),
        ("t", ColumnType::Text),
        ("c", ColumnType::Bool),
        ("at", ColumnType::Time),
    ]);
    let rows = [
        [
            Cell::Int(i64::MAX),
            Cell::Double(f64::NAN),
            Cell::Text("a1,b2"),
            Cell::Bool(true),
            Cell::Time(0),
        ],
        [
            Cell::Int(-1),
            Cell::Double(0.5),
            Cell::Text("{\"k\": [1]}"),
            Cell::Bool(false),
            Cell::Time(i64::MIN),
        ],
        [Cell::Null; 5],
    ];
    for row in rows {
        columns.push(&row).expect("the row fits");
    }
    columns.finish().expect("the columns can be held")
}

fuzz_target!(|text: &str| {
    let resource: Resource = [("service.name".into(), Value::from("shop"))]
        .into_iter()
        .collect();
    if let Ok(condition) = Condition::parse(text) {
        let bound = condition.bind(ROWS.schema_ref(), &NoPlaces);
        if let Ok(mask) = bound.mask(&ROWS, &resource) {
            assert_eq!((mask.len(), mask.null_count()), (ROWS.num_rows(), 0));
        }
    }
    for context in [Context::Row, Context::Datapoint, Context::Log, Context::Resource] {
        let mut program = Program::default();
        if program.add(context, &[], &[text]).is_ok() {
            let now = Tick::from_unix_nanos(1);
            let mut faults = Faults::default();
            if let Ok(applied) = program.apply(&ROWS, &resource, &NoPlaces, now, &mut faults) {
                assert_eq!(applied.rows.num_rows(), ROWS.num_rows());
            }
        }
    }
});
