use std::sync::Arc;

use proptest::prelude::*;
use ringwatch_frame::{Books, is_attribute};

use super::columns::{cell, written};
use super::*;
use crate::testing::{frame, settings};

fn after(yaml: &str, rows: usize) -> Batch {
    let mut processor =
        AttributesProcessor::new("attributes", &settings(&format!("actions: [{yaml}]"))).unwrap();
    let books = Arc::new(Books::default());
    let mut out = Vec::new();
    processor.process(frame(&books, rows).into(), &mut out);
    out.pop().unwrap()
}

fn column(yaml: &str, name: &str) -> Option<(Vec<String>, bool)> {
    let batch = after(yaml, 3);
    let rows = batch.frames()[0].batch().clone();
    batch.deliver();
    let (at, field) = rows.schema_ref().column_with_name(name)?;
    let texts = (0..rows.num_rows())
        .map(|row| written(cell(rows.column(at), row)))
        .collect();
    Some((texts, is_attribute(field)))
}

#[test]
fn each_action_on_what_is_there_and_what_is_not() {
    type Expected<'a> = Option<([&'a str; 3], bool)>;
    let select = ["select ?", "update ?", ""];
    let table: [(&str, &str, Expected<'_>); 14] = [
        (
            "{ key: a, value: x, action: insert }",
            "a",
            Some((["x", "x", "x"], true)),
        ),
        (
            "{ key: a, value: 2.5, action: upsert }",
            "a",
            Some((["2.5", "2.5", "2.5"], true)),
        ),
        ("{ key: a, value: x, action: update }", "a", None),
        (
            "{ key: query, value: x, action: insert }",
            "query",
            Some((["select ?", "update ?", "x"], true)),
        ),
        (
            "{ key: query, value: x, action: update }",
            "query",
            Some((["x", "x", ""], true)),
        ),
        (
            "{ key: query, value: x, action: upsert }",
            "query",
            Some((["x", "x", "x"], true)),
        ),
        (
            "{ key: query, value: 7, action: update }",
            "query",
            Some((["7", "7", ""], true)),
        ),
        (
            "{ key: calls, value: 7, action: update }",
            "calls",
            Some((["7", "7", "7"], true)),
        ),
        (
            "{ key: a, from_attribute: query, action: insert }",
            "a",
            Some((select, true)),
        ),
        ("{ key: a, from_attribute: absent, action: insert }", "a", None),
        ("{ key: query, action: delete }", "query", None),
        ("{ key: absent, action: delete }", "query", Some((select, false))),
        (
            "{ key: a, from_attribute: query, action: insert }, { key: query, action: delete }",
            "a",
            Some((select, true)),
        ),
        (
            "{ key: calls, value: x, action: insert }",
            "calls",
            Some((["0", "1", "2"], false)),
        ),
    ];
    for (yaml, name, expected) in table {
        let found = column(yaml, name);
        let expected = expected.map(|(values, marked)| (values.map(str::to_owned).to_vec(), marked));
        assert_eq!(found, expected, "{yaml}");
    }
}

#[test]
fn a_hash_hides_the_value() {
    let (hashed, marked) = column("{ key: query, action: hash }", "query").unwrap();
    assert_eq!((hashed[0].len(), hashed[2].as_str(), marked), (64, "", true));
    assert_eq!(hashed[0], hash::sha256_hex("select ?"));
    let (hashed, _) = column("{ key: calls, action: hash }", "calls").unwrap();
    assert_eq!(hashed[1], hash::sha256_hex("1"));
}

proptest! {
    #[test]
    fn rows_stay_what_they_are(rows in 0_usize..50, kinds in prop::collection::vec((0_u8..5, 0_u8..4, any::<bool>()), 0..6)) {
        let names = ["calls", "mean", "query", "new"];
        let actions: Vec<String> = kinds.iter().map(|(kind, key, from)| {
            let kind = ["insert", "update", "upsert", "delete", "hash"][*kind as usize];
            let value = if *from { "from_attribute: query" } else { "value: 7" };
            format!("{{ key: {}, action: {kind}, {value} }}", names[*key as usize])
        }).collect();
        let batch = after(&actions.join(", "), rows);
        prop_assert_eq!(batch.rows(), rows as u64);
        batch.deliver();
    }
}
