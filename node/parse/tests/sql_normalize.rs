//! What the normaliser makes of statements, case by case.
#![allow(missing_docs, clippy::unwrap_used)]

use ringwatch_parse::sql::Dialect::{self, MariaDb, MySql, PostgreSql};
use ringwatch_parse::sql::{Unlexable, normalize, select_list};

fn text(dialect: Dialect, text: &str) -> String {
    normalize(dialect, text).unwrap().text
}

fn fingerprint(dialect: Dialect, text: &str) -> u64 {
    normalize(dialect, text).unwrap().fingerprint
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn statements_are_written_in_one_spelling() {
    for (dialect, input, expected) in [
        (PostgreSql, " ;; ", ""),
        (PostgreSql, "select\n 1;", "select ?"),
        (
            PostgreSql,
            "SELECT a,b FROM t WHERE c=1;;SELECT 2;",
            "SELECT a, b FROM t WHERE c = ?; SELECT ?",
        ),
        (
            PostgreSql,
            "SELECT COUNT ( * ), t . * FROM t",
            "SELECT COUNT(*), t.* FROM t",
        ),
        (
            PostgreSql,
            "SELECT -1, - x, a -1, a- -1, (-2)",
            "SELECT ?, -x, a - ?, a - ?, (?)",
        ),
        (
            PostgreSql,
            "SELECT a [1], b[1:2], ARRAY [1, 2]",
            "SELECT a[?], b[?:?], ARRAY[?]",
        ),
        (PostgreSql, "SELECT ARRAY [1, 2", "SELECT ARRAY[?"),
        (PostgreSql, "SELECT ARRAY [1, 2;", "SELECT ARRAY[?"),
        (
            PostgreSql,
            "SELECT 'a'\n'b', E'c' 'd', x ->> 'k'",
            "SELECT ?, ?, x ->> ?",
        ),
        (
            PostgreSql,
            "SELECT $$a$$::text, x :: numeric ( 10, 2 )",
            "SELECT ?::text, x::numeric(?, ?)",
        ),
        (
            PostgreSql,
            "SELECT NULL, TRUE, a IS NULL, b IS NOT TRUE",
            "SELECT ?, ?, a IS NULL, b IS NOT TRUE",
        ),
        (
            PostgreSql,
            "SELECT EXTRACT(epoch FROM a), extract ( 'day' from b )",
            "SELECT EXTRACT(? FROM a), extract(? from b)",
        ),
        (
            PostgreSql,
            "x IN (1, 'a', $2, NULL, -3) AND y in (SELECT a, a FROM t)",
            "x IN (?) AND y in (SELECT a, a FROM t)",
        ),
        (PostgreSql, "(a, b) IN ((1, 2), (3, 4))", "(a, b) IN ((?))"),
        (
            PostgreSql,
            "x IN (lower('a'), lower('b'), c)",
            "x IN (lower(?), c)",
        ),
        (
            PostgreSql,
            "INSERT INTO t (a) VALUES (1), (2),(3)",
            "INSERT INTO t(a) VALUES (?)",
        ),
        (
            PostgreSql,
            "VALUES (1, now()), (2, now()), (3, 4)",
            "VALUES (?, now()), (?)",
        ),
        (
            PostgreSql,
            "VALUES (1, (SELECT a, a FROM t))",
            "VALUES (?, (SELECT a, a FROM t))",
        ),
        (
            PostgreSql,
            "f(1, 2) AND data ? 'k' AND d ?| array['a','b']",
            "f(?, ?) AND data ? ? AND d ?| array[?]",
        ),
        (
            PostgreSql,
            "a /* x */ = -- y\n :id AND b = $1 /* cut",
            "a = ? AND b = ?",
        ),
        (PostgreSql, "a = 'cut", "a = ?"),
        (PostgreSql, "a IN ('b', 'c", "a IN (?"),
        (
            PostgreSql,
            "SELECT \"we ird\", \"A\nB\"",
            "SELECT \"we ird\", \"A B\"",
        ),
        (
            PostgreSql,
            "SELECT * FROM [dbo].[t] WHERE a = @p1",
            "SELECT * FROM [dbo].[t] WHERE a = @p1",
        ),
        (MySql, "SELECT \"a\", 'b\\'c', `d` # e", "SELECT ?, ?, `d`"),
        (
            MySql,
            "SELECT @a:=1, @@global.x, x'1f', _utf8 'z', \\N",
            "SELECT @a := ?, @@global.x, ?, ?, ?",
        ),
        (
            MySql,
            "SELECT /*!40001 SQL_NO_CACHE */ * FROM t",
            "SELECT SQL_NO_CACHE * FROM t",
        ),
        (
            MySql,
            "SELECT * FROM t WHERE a = 12...",
            "SELECT * FROM t WHERE a = ?",
        ),
        (
            MySql,
            "SELECT f ( ?, ... ) , `a` . `b`",
            "SELECT f(?, ...), `a`.`b`",
        ),
        (
            MySql,
            "INSERT INTO `t` VALUES (...) /* , ... */",
            "INSERT INTO `t` VALUES (?)",
        ),
        (MariaDb, "/*M!100100 SELECT 1 */", "SELECT ?"),
    ] {
        let once = text(dialect, input);
        assert_eq!(once, expected, "{input}");
        assert_eq!(text(dialect, &once), once, "{input}");
    }
}

#[test]
fn a_digest_of_mysql_has_the_fingerprint_of_its_statement() {
    for (statement, digest) in [
        (
            "select Id from orders where Status='x' limit 1,2",
            "SELECT `Id` FROM `orders` WHERE STATUS = ? LIMIT ?, ...",
        ),
        (
            "SELECT * FROM s.t WHERE a IN (1,2)",
            "SELECT * FROM `s` . `t` WHERE `a` IN (...)",
        ),
        (
            "SELECT * FROM t WHERE a IN (1)",
            "SELECT * FROM `t` WHERE `a` IN (?)",
        ),
        (
            "insert into t values (1,-2),(3,4)",
            "INSERT INTO `t` VALUES (...) /* , ... */",
        ),
        (
            "select f(1,2), g(3), h(a, 4, 5)",
            "SELECT `f` (...) , `g` (?) , `h` ( `a` , ?, ... )",
        ),
    ] {
        assert_eq!(
            fingerprint(MySql, statement),
            fingerprint(MySql, digest),
            "{statement}"
        );
    }
}

#[test]
fn what_is_the_same_statement_is_told_from_what_is_not() {
    let same = [
        (
            PostgreSql,
            "SELECT a FROM t WHERE b = 1",
            "select  A from T where B=$1 -- x",
        ),
        (PostgreSql, "SELECT \"a\" FROM t", "SELECT a FROM t;"),
        (PostgreSql, "a IN (1)", "a IN ($1::int, $2::int)"),
        (PostgreSql, "a = ANY ($1)", "a = 5"),
        (PostgreSql, "a != 1", "a <> 2"),
        (PostgreSql, "SELECT * FROM p_2024_01", "SELECT * FROM p_2023_12"),
        (PostgreSql, "SAVEPOINT a1", "SAVEPOINT b2"),
        (
            PostgreSql,
            "a < '1'::timestamp with time zone AND b",
            "a < $1 AND b",
        ),
        (MySql, "SELECT `A` FROM t", "SELECT a FROM t"),
    ];
    for (dialect, one, other) in same {
        assert_eq!(
            fingerprint(dialect, one),
            fingerprint(dialect, other),
            "{one} | {other}"
        );
    }
    let other = [
        (PostgreSql, "SELECT \"A\" FROM t", "SELECT a FROM t"),
        (PostgreSql, "SELECT \"user\"", "SELECT user"),
        (PostgreSql, "SELECT a, b", "SELECT b, a"),
        (PostgreSql, "SELECT ab", "SELECT a b"),
        (PostgreSql, "SELECT 1", "SELECT 1, 2"),
        (PostgreSql, "SELECT a::int", "SELECT a"),
        (PostgreSql, "SELECT c10", "SELECT c11"),
        (PostgreSql, "SELECT * FROM t1", "SELECT * FROM t2"),
        (PostgreSql, "a NOT IN (1)", "a IN (1)"),
        (PostgreSql, "a <> ALL ($1)", "a <> $1"),
        (PostgreSql, "a IS NULL", "a IS NOT NULL"),
        (PostgreSql, "aaaaaaaaaaaaaaaab", "aaaaaaaaaaaaaaaa b"),
        (PostgreSql, "EXECUTE a", "EXECUTE b"),
        (MySql, "f(1)", "f(1, 2)"),
        (MySql, "a IN (1)", "a = 1"),
    ];
    for (dialect, one, other) in other {
        assert_ne!(
            fingerprint(dialect, one),
            fingerprint(dialect, other),
            "{one} | {other}"
        );
    }
}

/// Stored fingerprints, sampling decisions and baselines hold on to it.
#[test]
fn the_fingerprint_is_the_same_in_every_release() {
    assert_eq!(
        fingerprint(PostgreSql, "SELECT a FROM t WHERE b IN (1, 2)"),
        0x4990_68bb_609d_6a92
    );
    assert_eq!(fingerprint(PostgreSql, ""), 0x2d06_8005_38d3_94c2);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn tables_are_what_is_read_or_written() {
    let cases: [(Dialect, &str, &[&str]); 24] = [
        (
            PostgreSql,
            "SELECT * FROM a, b c, LATERAL (SELECT 1 FROM d) e, f(1) g",
            &["a", "b", "d"],
        ),
        (
            PostgreSql,
            "SELECT * FROM s.\"T\" JOIN ONLY x ON true, y",
            &["s.T", "x", "y"],
        ),
        (PostgreSql, "SELECT * FROM (a JOIN b USING (id)) c", &["a", "b"]),
        (
            PostgreSql,
            "WITH x AS (SELECT * FROM a), y (n) AS (TABLE b) SELECT * FROM x, Y",
            &["a", "b"],
        ),
        (
            PostgreSql,
            "WITH RECURSIVE x AS (SELECT 1 UNION SELECT n FROM x) SELECT * FROM x",
            &[],
        ),
        (PostgreSql, "WITH a AS (SELECT * FROM a) SELECT * FROM a", &["a"]),
        (
            PostgreSql,
            "SELECT EXTRACT(day FROM x), trim(both from y), a IS DISTINCT FROM b FROM t",
            &["t"],
        ),
        (PostgreSql, "INSERT INTO a (b, c) SELECT d, e FROM f", &["a", "f"]),
        (
            PostgreSql,
            "UPDATE a SET b = 1, c = 2 FROM d WHERE a.e = d.e",
            &["a", "d"],
        ),
        (
            PostgreSql,
            "DELETE FROM ONLY a USING b, c WHERE a.d = b.d",
            &["a", "b", "c"],
        ),
        (
            PostgreSql,
            "MERGE INTO a USING b ON a.c = b.c WHEN MATCHED THEN UPDATE SET d = 1, e = 2",
            &["a", "b"],
        ),
        (
            PostgreSql,
            "INSERT INTO a VALUES (1) ON CONFLICT (b) DO UPDATE SET c = 1, d = 2",
            &["a"],
        ),
        (
            PostgreSql,
            "SELECT * INTO TEMP a FROM b FOR UPDATE NOWAIT",
            &["a", "b"],
        ),
        (
            PostgreSql,
            "CREATE TABLE IF NOT EXISTS a (b int); DROP TABLE a, c; TRUNCATE d, e",
            &["a", "c", "d", "e"],
        ),
        (PostgreSql, "DROP FUNCTION IF EXISTS a(); DROP VIEW b", &[]),
        (
            PostgreSql,
            "COPY a (b) FROM '/x'; FETCH NEXT FROM c; REVOKE SELECT ON d FROM e",
            &["a"],
        ),
        (
            PostgreSql,
            "SELECT * FROM unnest(a) WITH ORDINALITY AS t(b, c), d",
            &["d"],
        ),
        (
            MySql,
            "SELECT a INTO b FROM c ON DUPLICATE KEY UPDATE d = 1",
            &["c"],
        ),
        (
            MySql,
            "INSERT IGNORE a VALUES (1); REPLACE INTO b SET c = 1",
            &["a", "b"],
        ),
        (
            MySql,
            "SELECT STRAIGHT_JOIN a.b FROM a STRAIGHT_JOIN c",
            &["a", "c"],
        ),
        (
            MySql,
            "LOCK TABLES a READ, b WRITE; UNLOCK TABLES; PREPARE s FROM @x",
            &["a", "b"],
        ),
        (
            MySql,
            "UPDATE a, b SET a.c = b.c; DELETE a FROM a JOIN d",
            &["a", "b", "d"],
        ),
        (MySql, "SELECT * FROM `s` . `t` , user", &["s.t", "user"]),
        (
            MySql,
            "SELECT * FROM a USE INDEX (i), b WHERE c IN (SELECT d FROM e)",
            &["a", "b", "e"],
        ),
    ];
    for (dialect, input, expected) in cases {
        assert_eq!(normalize(dialect, input).unwrap().tables, expected, "{input}");
    }
}

#[test]
fn commands_and_procedures_are_words_where_they_are_no_names() {
    let cases: [(&str, &[&str], &[&str]); 6] = [
        (
            "select a.update, \"insert\", begin from t where use = 1",
            &["SELECT"],
            &[],
        ),
        (
            "CREATE TRIGGER x AFTER INSERT OR UPDATE ON t EXECUTE FUNCTION f()",
            &["CREATE", "INSERT", "UPDATE", "EXECUTE"],
            &[],
        ),
        (
            "BEGIN; UPDATE t SET commit = 1; COMMIT",
            &["BEGIN", "UPDATE", "COMMIT"],
            &[],
        ),
        (
            "CREATE TABLE a AS SELECT 1 FROM b JOIN c ON true",
            &["CREATE", "SELECT", "JOIN"],
            &[],
        ),
        (
            "CREATE PROCEDURE IF NOT EXISTS s.p(a int) BEGIN CALL q(1); END",
            &["CREATE", "BEGIN"],
            &["s.p", "q"],
        ),
        (
            "EXPLAIN ANALYZE EXECUTE p; USE db",
            &["EXPLAIN", "EXECUTE", "USE"],
            &[],
        ),
    ];
    for (input, commands, procedures) in cases {
        let found = normalize(MySql, &input.replace('"', "`")).unwrap();
        assert_eq!(found.commands, commands, "{input}");
        assert_eq!(found.procedures, procedures, "{input}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_and_not_told() {
    for (dialect, input, at) in [
        (PostgreSql, "SELECT \\secret", 7),
        (PostgreSql, "a $secret b", 2),
        (MySql, "SELECT \\secret", 7),
        (MySql, "SELECT \u{1}a \\", 10),
    ] {
        let error = normalize(dialect, input).unwrap_err();
        assert_eq!(error, Unlexable { at });
        assert!(!error.to_string().contains("secret"));
    }
}

#[test]
fn texts_of_any_shape_take_time_and_memory_in_proportion() {
    for piece in [
        "(",
        "[",
        "((a,",
        "/*!",
        "'",
        "\"",
        "a.",
        "IN(",
        "VALUES(",
        "WITH a AS(",
        "$a$",
        "::",
        "1,",
        "f(1,2),",
        "-",
    ] {
        let text = piece.repeat(200_000);
        for dialect in [PostgreSql, MySql] {
            let _ = normalize(dialect, &text);
            let _ = select_list(dialect, &format!("SELECT {text}"));
        }
    }
}
