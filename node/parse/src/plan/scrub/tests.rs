use crate::plan::{Degraded, Limits, PlanError, parse, scrub};

fn scrubbed(text: &str) -> String {
    let limits = Limits::default();
    let hidden = scrub(text, &limits).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert!(!hidden.to_lowercase().contains("secret"), "{hidden}");
    assert!(!hidden.contains("4711"), "{hidden}");
    assert_eq!(scrub(&hidden, &limits).as_deref(), Ok(&*hidden), "{text}");
    hidden
}

/// Literals as PostgreSQL prints them in conditions.
const LITERALS: [&str; 17] = [
    "'secret'::text",
    "'it''s secret'::character varying",
    "4711",
    "'-4711'::integer",
    "'4711.5'::double precision",
    "4711e10",
    "'{secret,\"se cret\"}'::text[]",
    "ANY ('{4711,4711}'::integer[])",
    "'Filter: (secret) (cost=1.00..2.00 rows=3 width=4)'::text",
    "'a\n  ->  Seq Scan on secret  (cost=1.00..2.00 rows=3 width=4)\n        Filter: secret'::text",
    "'a\nSeq Scan on secret  (cost=1.00..2.00 rows=3 width=4)\n  Output: secret\n'::text",
    "'C:\\secret\\'::text",
    "E'\\'secret'::text",
    "B'101secret'::\"bit\"",
    "'2020-01-01 secret'::timestamp without time zone",
    "'\"secret'::jsonb",
    "'SELECT FROM WHERE secret'::text",
];

#[test]
fn brackets_around_nothing_are_no_figures() {
    let text = "Sort  (cost=1.00..2.00 rows=3 width=4)#'InitPlan 1 (returns $0)  (\n  \n\n)\n'||x";
    assert_eq!(scrubbed(text), "Sort  (cost=1.00..2.00 rows=3 width=4)\n");
}

#[test]
fn what_is_hidden_leaves_no_space_at_the_end_of_a_line() {
    let text = "Sort  (cost=1.00..2.00 rows=3 width=4)\n  CTE w\u{a0}\u{a0}-- secret\n    ->  Seq Scan on t  (cost=1.00..2.00 rows=3 width=4)\n";
    let hidden = scrubbed(text);
    assert!(hidden.lines().all(|line| line == line.trim_end()), "{hidden:?}");
}

#[test]
fn no_literal_survives_in_text() {
    // PostgreSQL doubles quotes, and escapes none of them.
    for literal in LITERALS.into_iter().filter(|literal| !literal.starts_with('E')) {
        let text = format!(
            concat!(
                "Hash Join  (cost=1.00..2.00 rows=3 width=4)\n",
                "  Hash Cond: (a.x = b.x)\n",
                "  ->  Seq Scan on a  (cost=1.00..2.00 rows=3 width=4)\n",
                "        Filter: (x = {literal})\n",
                "  ->  Hash  (cost=1.00..2.00 rows=3 width=4)\n",
                "        ->  Seq Scan on b  (cost=1.00..2.00 rows=3 width=4)\n",
                "Settings: work_mem = 'secret'\n",
            ),
            literal = literal
        );
        let hidden = scrubbed(&text);
        let before = parse(&text, &Limits::default()).unwrap();
        let after = parse(&hidden, &Limits::default()).unwrap();
        assert_eq!(before.nodes.len(), after.nodes.len(), "{hidden}");
    }
}

#[test]
fn no_literal_survives_in_json_xml_and_yaml() {
    for literal in LITERALS {
        let condition = serde_json::to_string(&format!("(x = {literal})")).unwrap();
        let json = format!(
            "[{{\"Query Text\": {condition}, \"Plan\": {{\"Node Type\": \"Seq Scan\", \"Relation Name\": \
            \"a\", \"Filter\": \
             {condition}, \"Output\": [{condition}], \"New Thing\": {condition}}}, \
             \"Settings\": {{\"a.b\": \"secret\"}}}}]"
        );
        assert_eq!(
            parse(&scrubbed(&json), &Limits::default()).unwrap().nodes.len(),
            1
        );
        let yaml = format!(
            "- Plan: \n    Node Type: \"Seq Scan\"\n    Filter: {condition}\n    Output: \n      - \
            {condition}\n"
        );
        assert_eq!(
            parse(&scrubbed(&yaml), &Limits::default()).unwrap().nodes.len(),
            1
        );
        let xml = format!(
            "<explain xmlns=\"http://www.postgresql.org/2009/explain\"><Query><Plan><Node-Type>Seq \
            Scan</Node-Type><Filter>(x = \
             {})</Filter></Plan></Query></explain>",
            literal.replace('<', "&lt;").replace('"', "&quot;")
        );
        assert_eq!(parse(&scrubbed(&xml), &Limits::default()).unwrap().nodes.len(), 1);
    }
}

#[test]
fn statements_before_a_text_plan_are_hidden_whole() {
    let plan = "Seq Scan on a  (cost=1.00..2.00 rows=3 width=4)\n";
    for statement in [
        "select 'secret'",
        "select 'secret\nSeq Scan on secret  (cost=1.00..2.00 rows=3 width=4)\n'",
        "select $x$secret\n  ->  Seq Scan on secret  (cost=1.00..2.00 rows=3 width=4)\n$x$ -- secret\n",
        "select E'\\'secret' /* secret\n*/, 4711",
    ] {
        let hidden = scrubbed(&format!("Query Text: {statement}\n{plan}"));
        assert!(
            hidden.starts_with("Query Text: select ?") && hidden.ends_with(plan),
            "{hidden}"
        );
    }
    let open = format!("Query Text: select 'secret\n{plan}");
    assert!(matches!(
        scrub(&open, &Limits::default()),
        Err(PlanError::Invalid { .. })
    ));
}

#[test]
fn what_follows_a_literal_without_end_is_left_out() {
    let text = "Seq Scan on a  (cost=1.00..2.00 rows=3 width=4)\n  Filter: (x = 'secret\n  Output: \
    secret\n  Rows: 4711\n";
    assert_eq!(
        scrubbed(text),
        "Seq Scan on a  (cost=1.00..2.00 rows=3 width=4)\n  Filter: (x = ?\n"
    );
}

#[test]
fn lines_and_figures_that_are_none_are_left_out() {
    let text = concat!(
        "Seq Scan on a  (cost=1.00..2.00 rows=3 width=4) (actual time=0.1..0.2 rows=secret loops=1) \
        (secret)\n",
        "  Buffers: shared hit='secret'\n",
        "  Node: host=secret password=secret\n",
        "  Foreign Program: curl -u secret\n",
        "  secret\n",
        "  Rows Removed by Filter: 3\n",
        "  New Figure: 5\n",
        "Planning Time: 0.100 ms\n",
        "Trigger \"x\" on t: time=0.5 calls=1\n",
    );
    let hidden = concat!(
        "Seq Scan on a  (cost=1.00..2.00 rows=3 width=4)\n",
        "  Buffers: ?\n",
        "  Node: ?\n",
        "  Foreign Program: ?\n",
        "  Rows Removed by Filter: 3\n",
        "  New Figure: 5\n",
        "Planning Time: 0.100 ms\n",
        "Trigger \"x\" on t: time=0.5 calls=1\n",
    );
    assert_eq!(scrubbed(text), hidden);
}

#[test]
fn json_that_is_not_valid_shows_only_what_is_certain() {
    // Quotes that nobody escaped let a part of a literal look like a key.
    let loose = r#"{"Plan": {"Node Type": "Seq Scan", "Filter": "(a = "x" 'secret'", 
        "secret": 4711.0, "secretly": secret}}"#;
    let hidden = scrub(loose, &Limits::default()).unwrap();
    assert!(!hidden.contains("secret"), "{hidden}");
    let cut = r#"{"Plan": {"Node Type": "Seq Scan", "Total Cost": 5.5, "Filter": "(a = 'secr"#;
    let hidden = scrubbed(cut);
    assert_eq!(
        hidden,
        r#"{"Plan":{"Node Type":"Seq Scan","Total Cost":5.5,"Filter":null}}"#
    );
    assert_eq!(
        parse(cut, &Limits::default()).unwrap().degraded,
        Some(Degraded::Truncated)
    );
}

#[test]
fn numbers_stay_only_where_they_are_figures() {
    let mysql = r#"{"query_plan": {"limit": 4711, "operation": "Limit: 4711 row(s)", "estimated_rows": 7,
        "inputs": [
        {"operation": "Index range scan on t using i over (a < 4711)", "ranges": ["(a < \
        4711)"], "table_name": "t",
         "access_type": "index", "index_name": "i", "condition": "(b = 'it\\'s secret')"}]}}"#;
    assert_eq!(
        scrubbed(mysql),
        concat!(
            r#"{"query_plan":{"limit":"?","operation":"Limit: ? row(s)","estimated_rows":7,"inputs":["#,
            r#"{"operation":"Index range scan on t using i over (a < ?)","ranges":["(a < ?)"],"#,
            r#""table_name":"t","access_type":"index","index_name":"i","condition":"(b = ?)"}]}}"#
        )
    );
    let odd =
        r#"{"Plan": {"Node Type": "Seq Scan", "Plan Rows": 12secret, "Total Cost": 1.5, "Filter": 4711}}"#;
    let hidden = scrub(odd, &Limits::default()).unwrap();
    assert_eq!(
        hidden,
        r#"{"Plan":{"Node Type":"Seq Scan","Plan Rows":null,"Total Cost":1.5,"Filter":"?"}}"#
    );
}

#[test]
fn a_frame_is_taken_off_and_what_is_no_plan_is_refused() {
    let framed = "                QUERY PLAN\n-------------------------------------------\n Seq Scan on a  \
    (cost=1.00..2.00 rows=3 width=4)\n   Filter: (x = 'secret'::text)\n(2 rows)\n";
    let hidden = scrubbed(framed);
    assert_eq!(
        hidden.trim_start(),
        "Seq Scan on a  (cost=1.00..2.00 rows=3 width=4)\n   Filter: (x = ?::text)\n"
    );
    for none in ["", "secret", "[]", "{\"secret\": 1}", "select 'secret'"] {
        assert!(scrub(none, &Limits::default()).is_err(), "{none}");
    }
    let tight = Limits {
        bytes: 3,
        ..Limits::default()
    };
    assert!(matches!(scrub(framed, &tight), Err(PlanError::TooLarge { .. })));
}
