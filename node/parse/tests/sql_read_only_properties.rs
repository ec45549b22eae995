//! What the proof that a statement only reads promises, on texts that nobody thought of.
#![allow(missing_docs, clippy::unwrap_used)]

use proptest::prelude::*;
use ringwatch_parse::sql::Dialect::{self, MariaDb, MySql, PostgreSql};
use ringwatch_parse::sql::{obfuscate, read_only};

const ALL: [Dialect; 3] = [PostgreSql, MySql, MariaDb];

/// Pieces of queries, and of what must not be in one.
const PIECES: [&str; 76] = [
    "SELECT",
    "FROM",
    "WHERE",
    "WITH",
    "AS",
    "AS (SELECT 1)",
    "(SELECT 1)",
    "UNION",
    "ALL",
    "VALUES",
    "TABLE",
    "t",
    "a",
    "a.b",
    "\"q\"",
    "`q`",
    "(",
    "(",
    ")",
    ")",
    ",",
    ",",
    ".",
    "*",
    "=",
    "+",
    "-",
    ":=",
    "::int",
    ":",
    "?",
    "$1",
    "$2",
    "1",
    "1.5",
    "0x1F",
    "'x'",
    "'it''s'",
    "\"d\"",
    "E'\\''",
    "$$b$$",
    "$t$ ( $t$",
    "N'n'",
    "_utf8'u'",
    "@v",
    "@@g.v",
    "@",
    "FOR",
    "UPDATE",
    "SHARE",
    "INTO",
    "LOCK IN SHARE MODE",
    "DELETE",
    "INSERT",
    "now(",
    "count(*)",
    "nextval(",
    "sleep(",
    "f(",
    "IN",
    "NOT",
    "MATERIALIZED",
    "RECURSIVE",
    "SEARCH",
    "CYCLE",
    "COLUMNS",
    "/* c */",
    "-- c\n",
    "/*! v */",
    "/*M! v */",
    ";",
    "[",
    "]",
    "...",
    "# c\n",
    "as",
];

/// Queries with a place for another one.
const AROUND: [&str; 16] = [
    "select a, {} from t",
    "select * from {} x",
    "with c as {} select 1",
    "with recursive c (n) as (select 1), d as {} select 1",
    "with c as (select 1) {}",
    "select 1 union all {}",
    "{} except select 1",
    "select 1 from t where a in {} and b = 1",
    "select case when exists {} then 1 else 2 end",
    "select count({} + 1), max(a)",
    "select ({})",
    "values (1, {})",
    "select * from t left join {} y on (1 = 1)",
    "select a from t group by a having {} > 1 order by {} limit 1",
    "select coalesce(a, {}, ';') as update_time",
    "select sum(a) over (partition by {})",
];

const WRITES: [&str; 16] = [
    "(delete from t)",
    "(update t set a = 1)",
    "(insert into t values (1))",
    "(merge into t using s on a when matched then delete)",
    "(replace into t values (1))",
    "(truncate t)",
    "(copy t to 'x')",
    "(call p)",
    "(do x)",
    "(select nextval('s'))",
    "(select a into b from t)",
    "(select * from t for update)",
    "(select * from t for share)",
    "(with x as (delete from t) select 1)",
    "(select 1; delete from t)",
    "(select 1 union delete from t)",
];

fn soup() -> impl Strategy<Value = String> {
    let piece = (
        prop::sample::select(PIECES.to_vec()),
        prop::sample::select(vec!["", " ", " ", "\n"]),
    );
    prop::collection::vec(piece, 0..12).prop_map(|pieces| {
        pieces
            .iter()
            .flat_map(|(piece, space)| [*piece, *space])
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 20_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_text_is_judged_without_panic(
        text in any::<String>(),
        dialect in prop::sample::select(ALL.to_vec()),
    ) {
        let _ = read_only(&text, dialect);
    }

    #[test]
    fn what_is_read_only_stays_so_without_its_literals(
        text in soup(),
        begin in prop::sample::select(vec![
            "SELECT ",
            "SELECT 1 FROM t WHERE a = ",
            "WITH c AS (SELECT 1) SELECT ",
        ]),
        dialect in prop::sample::select(ALL.to_vec()),
    ) {
        let text = format!("{begin}{text}");
        if read_only(&text, dialect).is_ok() {
            let shown = obfuscate(dialect, &text).unwrap();
            prop_assert!(read_only(&shown, dialect).is_ok(), "{text:?} gave {shown:?}");
        }
    }

    #[test]
    fn a_write_is_found_wherever_it_is(
        around in prop::collection::vec(prop::sample::select(AROUND.to_vec()), 1..6),
        write in prop::sample::select(WRITES.to_vec()),
        gap in prop::sample::select(vec![" ", "\n\t", " /* ( ' */ ", " -- ) \"\n"]),
        is_upper in any::<bool>(),
        dialect in prop::sample::select(ALL.to_vec()),
    ) {
        let nested = |inner: &str| {
            let text = around
                .iter()
                .fold(inner.to_owned(), |inner, query| format!("({})", query.replace("{}", &inner)));
            let text = text.replace(' ', gap);
            if is_upper { text.to_uppercase() } else { text }
        };
        let harmless = nested("(SELECT a FROM t WHERE b = 'x')");
        prop_assert!(read_only(&harmless, dialect).is_ok(), "{harmless}");
        let writing = nested(write);
        prop_assert!(read_only(&writing, dialect).is_err(), "{writing}");
    }
}

#[test]
fn deep_and_long_texts_take_time_in_proportion() {
    for unit in [
        "(",
        "(SELECT ",
        "WITH a AS (",
        "((",
        "f(",
        "[",
        "/*",
        "UNION SELECT 1 ",
        "a.",
        "AS ",
        "'",
    ] {
        let text = format!("SELECT {}", unit.repeat(300_000));
        for dialect in ALL {
            let _ = read_only(&text, dialect);
        }
    }
    let deep = format!("{}SELECT 1{}", "(".repeat(300_000), ")".repeat(300_000));
    assert!(read_only(&deep, PostgreSql).is_ok());
}
