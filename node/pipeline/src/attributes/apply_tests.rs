use ringwatch_config::settings::AttributeActionKind::{Delete, Hash, Insert, Update, Upsert};
use ringwatch_config::settings::{AttributeActionKind, Scalar};
use ringwatch_frame::{Cell, ColumnType, Columns, is_attribute};

use arrow_array::ArrayRef;

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

/// The catalogue of the tests: attributes `user.name`, in column `t`, and `gone`, whose column is not there.
fn catalogue(key: &str) -> Option<Arc<str>> {
    match key {
        "user.name" => Some("t".into()),
        "gone" => Some("n_gone".into()),
        _ => None,
    }
}

fn after(key: &str, kind: AttributeActionKind, value: Option<Scalar>, from: Option<&str>) -> RecordBatch {
    apply(
        &compile("attributes", &[action(key, kind, value, from)]).unwrap(),
        &table(),
        &catalogue,
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
    let is_new = table().column_by_name(key).is_none();
    let field_is_attribute = is_attribute(after.schema().field_with_name(key).unwrap());
    assert_eq!(
        field_is_attribute, is_new,
        "only a new column gets the role: {what}"
    );
}

#[test]
fn the_catalogue_says_which_column_holds_an_attribute() {
    let text = |cells: &[Cell<'_>]| column(ColumnType::Text, cells);
    let (a, c, x) = (Cell::Text("a"), Cell::Text("c"), Cell::Text("x"));
    let value = || Some(Scalar::Text("x".into()));
    for (kind, value, expected) in [
        (Insert, value(), Some([a, x, c])),
        (Update, value(), Some([x, Cell::Null, x])),
        (Upsert, value(), Some([x, x, x])),
        (Delete, None, None),
    ] {
        let after = after("user.name", kind, value, None);
        assert!(after.column_by_name("user.name").is_none(), "{kind:?}");
        let expected = expected.map(|cells| text(&cells));
        assert_eq!(after.column_by_name("t"), expected.as_ref(), "{kind:?}");
    }
    let hashed = after("user.name", Hash, None, None);
    let (first, third) = (hash("a"), hash("c"));
    let cells = text(&[Cell::Text(&first), Cell::Null, Cell::Text(&third)]);
    assert_eq!(hashed.column_by_name("t"), Some(&cells));
    let copied = after("env", Insert, None, Some("user.name"));
    assert_eq!(copied.column_by_name("env"), table().column_by_name("t"));
}

#[test]
fn an_attribute_whose_column_is_absent_is_added_under_its_own_name_and_found_again() {
    let x = || Some(Scalar::Text("x".into()));
    check(
        "gone",
        Insert,
        x(),
        None,
        &column(ColumnType::Text, &[Cell::Text("x"); 3]),
    );
    let steps = [
        action("gone", Insert, x(), None),
        action("gone", Delete, None, None),
    ];
    let actions = compile("attributes", &steps).unwrap();
    assert_eq!(apply(&actions, &table(), &catalogue).unwrap(), table());
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
