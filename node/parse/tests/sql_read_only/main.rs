//! Which statements are proven to be harmless, and what the proof says of others.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod mysql;
mod postgresql;

use std::path::Path;

use ringwatch_parse::sql::Dialect::{self, MariaDb, MySql, PostgreSql};
use ringwatch_parse::sql::{NotReadOnly, ReadOnly, read_only};

const ALL: [Dialect; 3] = [PostgreSql, MySql, MariaDb];

fn check(dialects: &[Dialect], table: &[(&str, &str)]) {
    for (text, expected) in table {
        for dialect in dialects {
            let found = read_only(text, *dialect);
            let word = found.map_or_else(NotReadOnly::reason, |_| "ok");
            assert_eq!(word, *expected, "{dialect:?} {text}");
        }
    }
}

#[test]
fn queries_of_every_engine_pass() {
    let passes = [
        "SELECT 1",
        "select a from t where b = 1 order by c limit 5;",
        " /* x */ SELECT * -- y\n FROM t ; -- z",
        "((SELECT 1))",
        "(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1",
        "SELECT 1 UNION SELECT 2 UNION DISTINCT SELECT 3",
        "SELECT a FROM t INTERSECT (SELECT a FROM u EXCEPT SELECT a FROM v)",
        "TABLE t",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "WITH RECURSIVE a (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a WHERE n < 9), b AS (TABLE t) \
         TABLE a",
        "WITH a AS (WITH b AS (WITH c AS (SELECT 1) SELECT * FROM c) SELECT * FROM b) (SELECT * FROM a)",
        "SELECT (SELECT max(a) FROM t), ((1 + 2)) FROM (SELECT 1 AS a) AS x JOIN (t1 JOIN t2 ON (t1.a = \
         t2.b)) ON (1 = 1)",
        "SELECT a FROM t WHERE EXISTS (SELECT 1) AND b IN (1, 2) AND (c, d) IN (SELECT 1, 2)",
        "SELECT t.update, t.delete, t.into, delete_log, update_time FROM delete_log, show_id AS insert_table",
        "SELECT (t.update), count(t.delete) FROM t",
        "SELECT 'INSERT INTO t', 'FOR UPDATE; DROP TABLE t' FROM t",
        "SELECT 1 /* FOR UPDATE */ -- INTO x\n",
        "SELECT substring(a FROM 1 FOR 2), trim(both 'x' FROM a) FROM t",
        "SELECT CASE WHEN (a) THEN (1) ELSE (2) END, replace(a, 'x', 'y'), left(a, 2) FROM t",
        "SELECT count(*), sum(a) OVER (PARTITION BY b ORDER BY c), row_number() OVER w FROM t WINDOW w AS \
         (ORDER BY a)",
        "SELECT cast(a AS char(10)) FROM t GROUP BY (a), b HAVING (count(*) > 1.5e-3) LIMIT 10 OFFSET 5",
        "SELECT * FROM a WHERE b = (('x')) AND NOT (c = 1) OR d BETWEEN (1) AND (2)",
    ];
    for text in passes {
        for dialect in ALL {
            assert_eq!(read_only(text, dialect).err(), None, "{dialect:?} {text}");
        }
    }
}

#[test]
fn parameters_are_counted_as_the_engine_counts_them() {
    for (dialect, text, parameters) in [
        (PostgreSql, "SELECT 1", 0),
        (
            PostgreSql,
            "SELECT $2, $1, $2 FROM t WHERE a ? 'x' AND b = '$9' -- $8\n",
            2,
        ),
        (PostgreSql, "SELECT $12::int", 12),
        (PostgreSql, "SELECT $$ $3 $$, \"$4\"", 0),
        (
            MySql,
            "SELECT ?, '?', \"?\", `?` FROM t WHERE a IN (?, ?) /* ? */ # ?\n",
            3,
        ),
        (MariaDb, "SELECT * FROM t LIMIT ?", 1),
        (MySql, "SELECT 1", 0),
    ] {
        assert_eq!(read_only(text, dialect), Ok(ReadOnly { parameters }), "{text}");
    }
}

#[test]
fn statements_that_somebody_else_judged_are_judged_alike() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/sql/explain_safety.jsonl");
    let Ok(lines) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is not there", path.display());
        return;
    };
    let mut judged = 0;
    for line in lines.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        if entry["op"] != "contains_write_or_locking_keyword" {
            continue;
        }
        let text = entry["input"].as_str().unwrap();
        for dialect in ALL {
            let refused = read_only(text, dialect).is_err();
            assert_eq!(Some(refused), entry["expected"].as_bool(), "{dialect:?} {text}");
        }
        judged += 1;
    }
    assert!(judged > 10, "{judged}");
}

#[test]
fn refusals_tell_nothing_of_the_text() {
    for text in [
        "SELECT secret(1); secret",
        "secret",
        "SELECT secret INTO secret",
        "SELECT 'secret",
    ] {
        let refusal = read_only(text, MySql).unwrap_err();
        assert!(!refusal.to_string().contains("secret"), "{refusal}");
        assert!(!refusal.reason().contains(' '));
    }
}

/// What is refused in every engine, and why.
const REFUSED: &[(&str, &str)] = &[
    ("", "not_a_query"),
    ("  -- nothing\n", "not_a_query"),
    (";", "unclear"),
    ("1", "not_a_query"),
    ("INSERT INTO t VALUES (1)", "modifies_data"),
    ("update t set a = 1", "modifies_data"),
    ("DELETE FROM t", "modifies_data"),
    (
        "MERGE INTO t USING s ON (1 = 1) WHEN MATCHED THEN DELETE",
        "modifies_data",
    ),
    ("REPLACE INTO t VALUES (1)", "modifies_data"),
    ("TRUNCATE t", "modifies_data"),
    ("COPY t TO STDOUT", "modifies_data"),
    ("(DELETE FROM t)", "modifies_data"),
    ("((UPDATE t SET a = 1))", "modifies_data"),
    ("CALL p()", "not_a_query"),
    ("DO sleep(1)", "not_a_query"),
    ("EXPLAIN SELECT 1", "not_a_query"),
    ("EXPLAIN ANALYZE DELETE FROM t", "not_a_query"),
    ("SET a = 1", "not_a_query"),
    ("SHOW GLOBAL STATUS", "not_a_query"),
    ("START TRANSACTION", "not_a_query"),
    ("CREATE TABLE t AS SELECT 1", "not_a_query"),
    ("FROBNICATE t", "not_a_query"),
    ("SELECT 1; DELETE FROM t", "several_statements"),
    ("SELECT 1; SELECT 2", "several_statements"),
    ("SELECT 1;;", "several_statements"),
    ("SELECT 1; (SELECT 2)", "several_statements"),
    ("SELECT (1; DELETE FROM t)", "unclear"),
    ("SELECT 1 +;", "unclear"),
    ("SELECT a INTO b FROM t", "into"),
    ("SELECT a FROM t iNtO b", "into"),
    ("SELECT a FROM t WHERE (SELECT 1 INTO b)", "into"),
    ("SELECT a AS b INTO c FROM t", "into"),
    ("SELECT t.as INTO u FROM t", "into"),
    ("SELECT a AS as INTO u FROM t", "into"),
    ("SELECT * FROM t FOR UPDATE", "locks_rows"),
    ("SELECT * FROM t For /* x */ uPdAtE SKIP LOCKED", "locks_rows"),
    ("SELECT * FROM t FOR SHARE OF t", "locks_rows"),
    ("SELECT 1 AS for FOR UPDATE", "locks_rows"),
    ("SELECT * FROM (SELECT * FROM t FOR UPDATE) x", "locks_rows"),
    ("SELECT 1 FROM t LOCK IN SHARE MODE", "locks_rows"),
    ("WITH a AS (SELECT 1) DELETE FROM t", "modifies_data"),
    (
        "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
        "modifies_data",
    ),
    (
        "WITH a AS (SELECT 1), b AS (SELECT 2) UPDATE t SET a = 1",
        "modifies_data",
    ),
    (
        "WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a",
        "modifies_data",
    ),
    ("WITH a(b) AS/**/(/**/dElEtE/**/FROM t) SELECT 1", "modifies_data"),
    ("WITH a AS (FROBNICATE t) SELECT 1", "not_a_query"),
    ("WITH a AS (SELECT 1) FROBNICATE t", "not_a_query"),
    ("WITH a AS ((DELETE FROM t)) SELECT 1", "modifies_data"),
    (
        "WITH a AS (WITH b AS (WITH c AS (DELETE FROM t RETURNING *) SELECT * FROM c) SELECT 1) \
                 SELECT 1",
        "modifies_data",
    ),
    (
        "WITH a AS (SELECT 1 UNION (WITH c AS (UPDATE t SET b = 1) SELECT 1)) SELECT 1",
        "modifies_data",
    ),
    (
        "SELECT * FROM (WITH c AS (INSERT INTO t VALUES (1)) SELECT 1) x",
        "modifies_data",
    ),
    ("SELECT * FROM (DELETE FROM t RETURNING *) x", "modifies_data"),
    ("SELECT * FROM t WHERE a IN (UPDATE t SET a = 1)", "modifies_data"),
    ("SELECT ((INSERT INTO t VALUES (1)))", "modifies_data"),
    ("SELECT (CALL p)", "not_a_query"),
    ("SELECT (DO x)", "not_a_query"),
    ("SELECT 1 UNION DELETE FROM t", "modifies_data"),
    ("SELECT 1 UNION ALL (DELETE FROM t)", "modifies_data"),
    ("SELECT 1 EXCEPT 2", "not_a_query"),
    ("SELECT NEXT VALUE FOR s", "function_with_effects"),
    ("SELECT nextval('s')", "function_with_effects"),
    (
        "SELECT 1 /* */ + SeTvAl /* x */ ('s', 1)",
        "function_with_effects",
    ),
    ("SELECT (a", "truncated"),
    ("SELECT a FROM t WHERE b = 'x", "truncated"),
    ("SELECT a FROM t /* b", "truncated"),
    ("SELECT a FROM t WHERE b IN (1, 2...", "truncated"),
    ("SELECT a FROM t WHERE b = c...", "truncated"),
    ("SELECT a FROM t WHERE b = c\u{2026}", "truncated"),
    ("SELECT a FROM t WHERE b =", "truncated"),
    ("SELECT a,", "truncated"),
    ("SELECT a FROM t.", "truncated"),
    ("SELECT a UNION", "truncated"),
    ("WITH a AS (SELECT 1)", "truncated"),
    ("SELECT a)", "unclear"),
    ("SELECT (a]", "unclear"),
    ("SELECT 1INTO t", "unclear"),
    ("SELECT 1 FROM t LIMIT 1FOR UPDATE", "unclear"),
    ("SELECT 1.INTO t", "unclear"),
    ("WITH a SELECT 1", "unclear"),
];

#[test]
fn what_changes_something_is_refused_in_every_engine() {
    check(&ALL, REFUSED);
}
