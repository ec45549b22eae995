//! What is scrubbed of any plan is scrubbed once and for all, whatever its names and conditions are.
#![allow(missing_docs, clippy::unwrap_used)]

use proptest::prelude::*;
use ringwatch_parse::plan::{Limits, parse, scrub};

/// Plans of each format with the text as a name and in a condition, escaped as the servers do: MariaDB
/// escapes nothing.
fn holding(text: &str) -> [String; 5] {
    let quoted = serde_json::to_string(text).unwrap();
    let element = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let literal = text.replace('\'', "''");
    [
        format!(r#"[{{"Plan": {{"Node Type": "Seq Scan", "Alias": {quoted}, "Filter": {quoted}}}}}]"#),
        format!(
            "{{\"query_block\":{{\"select_id\":1,\"table\":{{\"table_name\":\"{text}\",\"access_type\":\"ALL\",\
             \"rows\":1,\"attached_condition\":\"{text}\"}}}}}}"
        ),
        format!(
            "<explain><Query><Plan><Node-Type>Seq Scan</Node-Type><Alias>{element}</Alias>\
             <Filter>{element}</Filter></Plan></Query></explain>"
        ),
        format!("- Plan: \n    Node Type: \"Seq Scan\"\n    Alias: {quoted}\n    Filter: {quoted}\n"),
        format!(
            "Query Text: select '{literal}'\nSeq Scan on t  (cost=0.00..1.00 rows=1 width=4)\n  \
             Filter: (a = '{literal}'::text)\n"
        ),
    ]
}

fn scrubbed_once(plan: &str) -> Option<String> {
    let limits = Limits::default();
    let once = scrub(plan, &limits).ok()?;
    assert_eq!(scrub(&once, &limits).as_deref(), Ok(&*once), "{plan}");
    Some(once)
}

/// Pieces that mean something in a format.
fn piece() -> impl Strategy<Value = String> {
    let known = proptest::sample::select(vec![
        "\"",
        "'",
        "\\",
        "\\u0041",
        "`",
        "\u{1}",
        "\t",
        "\n",
        "\r",
        " ",
        "<",
        ">",
        "&",
        "&#32;",
        "--",
        "/*",
        "*/",
        "$$",
        "(",
        ")",
        "a",
        "Plan",
        "5",
        "x.y",
        ": ",
        ", ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "#",
        "\u{85}",
        "\u{e9}",
        "AS ",
        "\",\"a\":\"",
    ]);
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn plans_that_hold_any_text_are_scrubbed_once(pieces in prop::collection::vec(piece(), 0..12)) {
        let text = pieces.concat();
        for plan in holding(&text) {
            scrubbed_once(&plan);
        }
    }
}

#[test]
fn names_that_have_to_be_escaped_do_not_leave_where_nothing_is() {
    for name in ["a\"b", "a\\b", "a\tb", "\\u0041", "a\u{1}"] {
        let [_, plan, ..] = holding(name);
        let once = scrubbed_once(&plan).unwrap();
        assert!(once.contains("\"table_name\":\"?\""), "{once}");
    }
}

#[test]
fn elements_stay_what_they_were() {
    let around = |inside: &str| {
        format!(
            "<explain xmlns=\"http://www.postgresql.org/2009/explain\"><Query><Plan><Node-Type>Seq Scan</Node-Type>\
             {inside}</Plan></Query></explain>"
        )
    };
    let long = "A".repeat(90);
    for (inside, kept) in [
        (format!("<{long}>5</{long}><Foo>7</Foo>"), "<Foo>7</Foo>"),
        ("<Alias>&#32;</Alias>".to_owned(), "<Alias/>"),
        ("<Alias>\u{1}</Alias>".to_owned(), "<Alias>?</Alias>"),
        ("<Alias>&#32;&#1;</Alias>".to_owned(), "<Alias>?</Alias>"),
        ("<Foo><!-- x --></Foo>".to_owned(), "<Foo/>"),
        ("<7>5</7><Alias>t</Alias>".to_owned(), "<Alias>t</Alias>"),
        (
            "<Output><Item></Item><Item>a</Item></Output>".to_owned(),
            "<Item>a</Item>",
        ),
        ("<Foo><!-- x --><Item>5</Item></Foo>".to_owned(), "<item>5</item>"),
        ("<Foo><Item x=\"y\">5</Item></Foo>".to_owned(), "<Item>5</Item>"),
        (
            "<Workers><secret4711><Alias>t</Alias></secret4711></Workers>".to_owned(),
            "<Item>\n",
        ),
        (
            "<Workers><Worker><Alias>t</Alias></Worker></Workers>".to_owned(),
            "<Worker>\n",
        ),
    ] {
        let once = scrubbed_once(&around(&inside)).unwrap();
        assert!(
            once.contains(kept) && !once.contains("secret"),
            "{inside}\n{once}"
        );
    }
}

#[test]
fn words_and_gaps_of_yaml_stay_what_they_were() {
    let around = |inside: &str| format!("- Plan: \n    Node Type: \"Seq Scan\"\n{inside}    Alias: \"t\"\n");
    for inside in [
        "    Output: [\"a\", N.N, \"b\"]\n",
        "    Grouping Sets: \n      - [\"a\", N.N, \"b\", null, 5, true]\n      - []\n",
        "    Foo: \n      x\n",
        "    Foo: \n      - \n      - x\n",
        "    Total Cost: N.N\n    Plan Rows: 5\n",
        "    Foo: \n",
    ] {
        let once = scrubbed_once(&around(inside)).unwrap();
        let plan = parse(&once, &Limits::default()).unwrap();
        assert_eq!(plan.nodes[0].alias.as_deref(), Some("t"), "{once}");
    }
}

/// As in the other formats: where a text is damaged, what looks like a key may be a part of a literal.
#[test]
fn keys_of_a_damaged_text_stay_only_where_they_are_known() {
    let plan = "Seq Scan on a  (cost=1.00..2.00 rows=3 width=4)\n  Secret Key: 5\n  Rows Removed by Filter: 3\n  \
                Worker 0:  actual time=0.1..0.2 rows=1 loops=1\n";
    assert!(scrubbed_once(plan).unwrap().contains("Secret Key: 5"));
    let damaged = format!("{plan}Planning Time: 0.1 ms\nwhat is this\nand this\n");
    let degraded = parse(&damaged, &Limits::default()).unwrap().degraded;
    assert_eq!(degraded, Some(ringwatch_parse::plan::Degraded::Invalid));
    let once = scrubbed_once(&damaged).unwrap();
    assert!(!once.contains("Secret"), "{once}");
    assert!(
        once.contains("Rows Removed by Filter: 3") && once.contains("Worker 0: "),
        "{once}"
    );
}

#[test]
fn what_a_line_is_does_not_depend_on_the_value_that_is_hidden() {
    scrubbed_once("Sort  (cost=1.00..2.00 rows=3 width=4)\nNode Type: \u{7f}\n").unwrap();
    let plan = "Sort  (cost=1.00..2.00 rows=3 width=4)\n  CTE w  Buffers: shared hit=5 Seq Scan on t\n";
    assert_eq!(
        scrubbed_once(plan)
            .as_deref()
            .map(|text| text.contains("CTE w  Buffers: ?")),
        Some(true)
    );
}
