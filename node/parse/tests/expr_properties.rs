//! Properties: no text makes the language panic, and whole columns give what a slow evaluation row by row
//! gives.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;
use proptest::prelude::*;
use ringwatch_frame::{Cell, ColumnType, Columns, Resource, Tick, Value};
use ringwatch_parse::expr::{Condition, Context, Faults, NoPlaces, Program, functions};

/// Columns `a` and `b` of whole numbers, `x` of numbers, `t` and `u` of texts, `c` of truth values.
type Row = (
    Option<i64>,
    Option<i64>,
    Option<f64>,
    Option<String>,
    Option<String>,
    Option<bool>,
);

fn batch(rows: &[Row]) -> RecordBatch {
    let mut columns = Columns::new([
        ("a", ColumnType::Int),
        ("b", ColumnType::Int),
        ("x", ColumnType::Double),
        ("t", ColumnType::Text),
        ("u", ColumnType::Text),
        ("c", ColumnType::Bool),
    ]);
    for (a, b, x, t, u, c) in rows {
        columns
            .push(&[
                a.map_or(Cell::Null, Cell::Int),
                b.map_or(Cell::Null, Cell::Int),
                x.map_or(Cell::Null, Cell::Double),
                t.as_deref().map_or(Cell::Null, Cell::Text),
                u.as_deref().map_or(Cell::Null, Cell::Text),
                c.map_or(Cell::Null, Cell::Bool),
            ])
            .unwrap();
    }
    columns.finish().unwrap()
}

fn row() -> impl Strategy<Value = Row> {
    let int = || prop_oneof![4 => -3_i64..4, 1 => any::<i64>()];
    let text = || prop::sample::select(vec!["", "a", "ab", "b1", "{\"k\": 1}", "\u{e4}\u{1f600}"]);
    let text = move || text().prop_map(str::to_owned);
    (
        prop::option::of(int()),
        prop::option::of(int()),
        prop::option::of(prop_oneof![-3.0_f64..3.0, Just(0.0), Just(1.0)]),
        prop::option::of(text()),
        prop::option::of(text()),
        prop::option::of(any::<bool>()),
    )
}

/// Whatever is well-formed is evaluated as well.
fn exercise(text: &str, rows: &RecordBatch) {
    let mut resource = Resource::default();
    resource.set("a.b", Value::Int(1));
    if let Ok(condition) = Condition::parse(text) {
        let mask = condition
            .bind(&rows.schema(), &NoPlaces)
            .mask(rows, &resource)
            .unwrap();
        assert_eq!(mask.len(), rows.num_rows());
    }
    for context in [Context::Datapoint, Context::Log, Context::Resource] {
        let mut program = Program::default();
        match program.add(context, &[], &[text]) {
            Ok(()) => {
                let (now, mut faults) = (Tick::from_unix_nanos(1), Faults::default());
                let applied = program
                    .apply(rows, &resource, &NoPlaces, now, &mut faults)
                    .unwrap();
                assert_eq!(applied.rows.num_rows(), rows.num_rows());
            }
            Err(error) => assert!(error.error.offset <= text.len() && error.error.character >= 1),
        }
    }
}

/// Pieces of the language in any order, which are well-formed now and then.
fn soup() -> impl Strategy<Value = String> {
    let mut pieces: Vec<String> = [
        "a",
        "b",
        "x",
        "t",
        "c",
        "attributes[\"n\"]",
        "resource.attributes[\"a.b\"]",
        "attributes",
        "body",
        "nil",
        "1",
        "-9223372036854775808",
        "0.5",
        "\"a\"",
        "'k'",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        ".",
        "==",
        "!=",
        "<",
        ">=",
        "+",
        "-",
        "*",
        "/",
        "and",
        "or",
        "not",
        "in",
        "where",
        "matches",
        "contains",
        "true",
        "=",
        "[0]",
        "set(attributes[\"n\"],",
        "replace_pattern(t, \"(a)\", \"$1\")",
        "merge_maps(attributes,",
        "'insert')",
        "ParseJSON(t)",
        "Split(t, 'b')",
        "\u{e4}",
        "\"",
    ]
    .map(str::to_owned)
    .into();
    pieces.extend(functions().map(|doc| format!("{}(", doc.name)));
    pieces.extend(functions().map(|doc| doc.example.to_owned()));
    prop::collection::vec(prop::sample::select(pieces), 1..12).prop_map(|pieces| pieces.join(" "))
}

/// A value row by row.
#[derive(Clone, Debug, PartialEq)]
enum V {
    Null,
    Int(i64),
    Double(f64),
    Text(String),
    Bool(bool),
}

/// An expression of the tests.
#[derive(Clone, Debug)]
enum E {
    Column(&'static str),
    Int(i64),
    Double(f64),
    Text(&'static str),
    Op(Box<E>, &'static str, Box<E>),
    Coalesce(Box<E>, Box<E>),
    Len(Box<E>),
    Not(Box<E>),
    IsNil(Box<E>),
    In(Box<E>, Vec<i64>),
    Contains(Box<E>, &'static str),
}

impl fmt::Display for E {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(name) => f.write_str(name),
            Self::Int(n) => write!(f, "({n})"),
            Self::Double(n) => write!(f, "({n:?})"),
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Op(a, op, b) => write!(f, "({a} {op} {b})"),
            Self::Coalesce(a, b) => write!(f, "Coalesce({a}, {b})"),
            Self::Len(a) => write!(f, "Len({a})"),
            Self::Not(a) => write!(f, "(not {a})"),
            Self::IsNil(a) => write!(f, "({a} == nil)"),
            Self::In(a, items) => write!(f, "({a} in {items:?})"),
            Self::Contains(a, text) => write!(f, "({a} contains '{text}')"),
        }
    }
}

fn op_of((a, op, b): (E, &'static str, E)) -> E {
    E::Op(Box::new(a), op, Box::new(b))
}

fn numbers() -> impl Strategy<Value = E> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["a", "b", "x"]).prop_map(E::Column),
        (-4_i64..5).prop_map(E::Int),
        (-2.0_f64..2.0).prop_map(E::Double),
        prop::sample::select(vec!["t", "u"]).prop_map(|t| E::Len(Box::new(E::Column(t)))),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        let op = prop::sample::select(vec!["+", "-", "*", "/"]);
        prop_oneof![
            4 => (inner.clone(), op, inner.clone()).prop_map(op_of),
            1 => (inner.clone(), inner).prop_map(|(a, b)| E::Coalesce(Box::new(a), Box::new(b))),
        ]
    })
}

fn conditions() -> impl Strategy<Value = E> {
    let compare = || prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let text = prop_oneof![
        prop::sample::select(vec!["t", "u"]).prop_map(E::Column),
        prop::sample::select(vec!["a", "ab", ""]).prop_map(E::Text),
    ];
    let leaf = prop_oneof![
        4 => (numbers(), compare(), numbers()).prop_map(op_of),
        2 => (text.clone(), compare(), text).prop_map(op_of),
        1 => Just(E::Column("c")),
        1 => numbers().prop_map(|a| E::IsNil(Box::new(a))),
        1 => (numbers(), prop::collection::vec(-3_i64..4, 0..4))
            .prop_map(|(a, items)| E::In(Box::new(a), items)),
        1 => prop::sample::select(vec!["t", "u", "a"]).prop_map(|t| E::Contains(Box::new(E::Column(t)), "b")),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        let op = prop::sample::select(vec!["and", "or"]);
        prop_oneof![
            2 => (inner.clone(), op, inner.clone()).prop_map(op_of),
            1 => inner.prop_map(|a| E::Not(Box::new(a))),
        ]
    })
}

/// What `expr` is in one row, by the reference and nothing else.
fn slow(expr: &E, row: &Row) -> V {
    let truth = |expr: &E| V::Bool(slow(expr, row) == V::Bool(true));
    match expr {
        E::Column("a") => row.0.map_or(V::Null, V::Int),
        E::Column("b") => row.1.map_or(V::Null, V::Int),
        E::Column("x") => row.2.map_or(V::Null, V::Double),
        E::Column("t") => row.3.clone().map_or(V::Null, V::Text),
        E::Column("u") => row.4.clone().map_or(V::Null, V::Text),
        E::Column(_) => row.5.map_or(V::Null, V::Bool),
        E::Int(n) => V::Int(*n),
        E::Double(n) => V::Double(*n),
        E::Text(text) => V::Text((*text).to_owned()),
        E::Op(a, "and", b) => V::Bool(truth(a) == V::Bool(true) && truth(b) == V::Bool(true)),
        E::Op(a, "or", b) => V::Bool(truth(a) == V::Bool(true) || truth(b) == V::Bool(true)),
        E::Op(a, op @ ("+" | "-" | "*" | "/"), b) => arithmetic(&slow(a, row), op, &slow(b, row)),
        E::Op(a, op, b) => V::Bool(compare(&slow(a, row), op, &slow(b, row))),
        E::Coalesce(a, b) => match slow(a, row) {
            V::Null => slow(b, row),
            value => value,
        },
        E::Len(a) => match slow(a, row) {
            V::Text(text) => V::Int(text.chars().count() as i64),
            _ => V::Null,
        },
        E::Not(a) => V::Bool(truth(a) == V::Bool(false)),
        E::IsNil(a) => V::Bool(slow(a, row) == V::Null),
        E::In(a, items) => V::Bool(
            items
                .iter()
                .any(|item| compare(&slow(a, row), "==", &V::Int(*item))),
        ),
        E::Contains(a, text) => match slow(a, row) {
            V::Null => V::Null,
            V::Text(value) => V::Bool(value.contains(text)),
            other => V::Bool(format!("{other:?}").contains(text)),
        },
    }
}

fn arithmetic(a: &V, op: &str, b: &V) -> V {
    let doubles = |a: f64, b: f64| match op {
        "+" => V::Double(a + b),
        "-" => V::Double(a - b),
        "*" => V::Double(a * b),
        _ if b == 0.0 => V::Null,
        _ => V::Double(a / b),
    };
    match (a, b) {
        (V::Int(a), V::Int(b)) => {
            let result = match op {
                "+" => a.checked_add(*b),
                "-" => a.checked_sub(*b),
                "*" => a.checked_mul(*b),
                _ => a.checked_div(*b),
            };
            result.map_or(V::Null, V::Int)
        }
        (V::Int(a), V::Double(b)) => doubles(*a as f64, *b),
        (V::Double(a), V::Int(b)) => doubles(*a, *b as f64),
        (V::Double(a), V::Double(b)) => doubles(*a, *b),
        _ => V::Null,
    }
}

fn compare(a: &V, op: &str, b: &V) -> bool {
    let ordering = match (a, b) {
        (V::Int(a), V::Int(b)) => Some(a.cmp(b)),
        (V::Int(a), V::Double(b)) => (*a as f64).partial_cmp(b),
        (V::Double(a), V::Int(b)) => a.partial_cmp(&(*b as f64)),
        (V::Double(a), V::Double(b)) => a.partial_cmp(b),
        (V::Text(a), V::Text(b)) => Some(a.cmp(b)),
        _ => return false,
    };
    match op {
        "==" => ordering.is_some_and(|o| o.is_eq()),
        "!=" => !ordering.is_some_and(|o| o.is_eq()),
        "<" => ordering.is_some_and(|o| o.is_lt()),
        "<=" => ordering.is_some_and(|o| o.is_le()),
        ">" => ordering.is_some_and(|o| o.is_gt()),
        _ => ordering.is_some_and(|o| o.is_ge()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}", rows in prop::collection::vec(row(), 0..4)) {
        exercise(&text, &batch(&rows));
    }

    #[test]
    fn any_pieces_of_the_language_are_read_or_refused(
        text in soup(),
        rows in prop::collection::vec(row(), 0..4),
    ) {
        exercise(&text, &batch(&rows));
    }

    #[test]
    fn any_call_with_any_arguments_is_evaluated(
        function in prop::sample::select(functions().map(|doc| doc.name).collect::<Vec<_>>()),
        arguments in prop::collection::vec(prop::sample::select(vec![
            "a", "x", "t", "c", "attributes", "attributes[\"n\"]", "1", "-1", "\"a\"", "'key'", "[t, a]",
            "['a']", "{'k': t}", "ParseJSON(t)", "nil", "SHA256", "Unix(a)", "0.5", "9223372036854775807",
            "'snake'",
        ]), 0..5),
        rows in prop::collection::vec(row(), 0..4),
    ) {
        let call = format!("{function}({})", arguments.join(", "));
        let rows = batch(&rows);
        exercise(&call, &rows);
        exercise(&format!("{call} == nil"), &rows);
        exercise(&format!("set(attributes['n'], {call}) where c"), &rows);
    }

    #[test]
    fn whole_columns_give_what_single_rows_give(
        expr in conditions(),
        rows in prop::collection::vec(row(), 0..9),
    ) {
        let text = expr.to_string();
        let condition = Condition::parse(&text);
        let condition = condition.map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        let batch = batch(&rows);
        let none = Resource::default();
        let mask = condition.bind(&batch.schema(), &NoPlaces).mask(&batch, &none).unwrap();
        let slowly: Vec<bool> = rows.iter().map(|row| slow(&expr, row) == V::Bool(true)).collect();
        prop_assert_eq!(mask.values().iter().collect::<Vec<_>>(), slowly, "{}", text);
        // a part of the rows is evaluated as the same rows in a frame of their own
        if rows.len() > 2 {
            let part = batch.slice(1, rows.len() - 2);
            let bound = condition.bind(&part.schema(), &NoPlaces);
            let mask_of_part = bound.mask(&part, &none).unwrap();
            prop_assert_eq!(&mask.slice(1, rows.len() - 2), &mask_of_part, "{}", text);
        }
    }

    #[test]
    fn a_set_value_is_what_its_condition_sees(expr in numbers(), rows in prop::collection::vec(row(), 1..6)) {
        let batch = batch(&rows);
        let mut program = Program::default();
        program.add(Context::Log, &[], &[format!("set(attributes[\"n\"], {expr})")]).unwrap();
        let resource = Arc::new(Resource::default());
        let applied = program
            .apply(&batch, &resource, &NoPlaces, Tick::from_unix_nanos(0), &mut Faults::default())
            .unwrap();
        let is_null = Condition::parse("attributes[\"n\"] == nil").unwrap();
        let mask = is_null.bind(&applied.rows.schema(), &NoPlaces).mask(&applied.rows, &resource).unwrap();
        let slowly: Vec<bool> = rows.iter().map(|row| slow(&expr, row) == V::Null).collect();
        prop_assert_eq!(mask.values().iter().collect::<Vec<_>>(), slowly, "{}", expr);
    }
}
