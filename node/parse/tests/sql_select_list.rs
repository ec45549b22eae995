//! What is found in the select list of a query.
#![allow(missing_docs, clippy::unwrap_used)]

use ringwatch_parse::sql::Dialect::PostgreSql;
use ringwatch_parse::sql::{identifiers, select_list};

/// The text of an item, its name, and its column if it is nothing but that.
type Item = (&'static str, Option<&'static str>, Option<&'static str>);

#[test]
fn the_select_list_is_that_of_the_outermost_query() {
    let cases: [(&str, &[Item]); 8] = [
        (
            "SELECT a, t.b, \"S\".\"t\".\"c\" AS d, e f FROM t",
            &[
                ("a", Some("a"), Some("a")),
                ("t.b", Some("b"), Some("b")),
                ("\"S\".\"t\".\"c\" AS d", Some("d"), Some("c")),
                ("e f", Some("f"), Some("e")),
            ],
        ),
        (
            "SELECT left(query, 5) AS q, f(a, b), count(*) n, *, t.* FROM (SELECT x, y FROM z) t",
            &[
                ("left(query, 5) AS q", Some("q"), None),
                ("f(a, b)", None, None),
                ("count(*) n", Some("n"), None),
                ("*", None, None),
                ("t.*", None, None),
            ],
        ),
        (
            "WITH a AS (SELECT b FROM c) SELECT DISTINCT ON (d, e) d, 1 + g FROM a;",
            &[("d", Some("d"), Some("d")), ("1 + g", None, None)],
        ),
        ("(SELECT a UNION SELECT b)", &[("a", Some("a"), Some("a"))]),
        (
            "SELECT ALL a IS DISTINCT FROM b, c::text FROM t",
            &[("a IS DISTINCT FROM b", None, None), ("c::text", None, None)],
        ),
        (
            "SELECT a AS \"B c\", b 'd' FROM t",
            &[("a AS \"B c\"", Some("B c"), Some("a")), ("b 'd'", None, None)],
        ),
        (
            "/* x */ SELECT -- y\n a /* z */ FROM t",
            &[("a", Some("a"), Some("a"))],
        ),
        (
            "SELECT CASE WHEN a THEN b END, CURRENT_DATE",
            &[
                ("CASE WHEN a THEN b END", None, None),
                ("CURRENT_DATE", None, None),
            ],
        ),
    ];
    for (input, expected) in cases {
        let items = select_list(PostgreSql, input).unwrap();
        let found: Vec<_> = items
            .iter()
            .map(|item| {
                let bare = item.bare.as_ref().map(|column| column.name.as_str());
                (&input[item.span.clone()], item.name.as_deref(), bare)
            })
            .collect();
        assert_eq!(found, expected, "{input}");
    }
    for input in [
        "",
        "UPDATE t SET a = 1",
        "SELECT 1; SELECT 2",
        "SELECT",
        "SELECT a, FROM t",
        "SELECT 'x",
        "TABLE t",
        "WITH a AS (SELECT 1) DELETE FROM b",
    ] {
        assert_eq!(select_list(PostgreSql, input), None, "{input}");
    }
}

#[test]
fn the_names_in_an_expression_are_those_of_columns_functions_and_types() {
    let names = identifiers(
        PostgreSql,
        "left(s.\"Query\", 5)::text || CASE WHEN a THEN 'query' END",
    )
    .unwrap();
    assert_eq!(names, ["s", "Query", "text", "a"]);
    assert!(identifiers(PostgreSql, "\\").is_err());
}
