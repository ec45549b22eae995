//! Statements of MySQL and MariaDB.

use ringwatch_parse::sql::Dialect::{MariaDb, MySql};
use ringwatch_parse::sql::read_only;

use super::check;

#[test]
fn queries_of_mysql_pass() {
    let passes = [
        "SELECT `update`, `into` FROM `for` WHERE `delete` = 1",
        "SELECT \"FOR UPDATE\", 'it\\'s INTO', @a, @@global.b, @`c` FROM t",
        "VALUES ROW(1, 2), ROW(3, 4)",
        "SELECT SQL_NO_CACHE DISTINCT(a), IF(b, 1, 2), `concat`(a, b) FROM t FORCE INDEX FOR JOIN (i) USE \
         INDEX (j)",
        "SELECT /*+ MAX_EXECUTION_TIME(1000) */ INSERT('abc', 1, 1, 'x'), TRUNCATE(1.5, 1), CHAR(65), \
         MOD(5, 2)",
        "SELECT a FROM t PARTITION (p0) WHERE MATCH (b) AGAINST ('x' IN BOOLEAN MODE) # DELETE\n",
        "SELECT * FROM (SELECT 1) AS d (a) JOIN (SELECT 2) e (b) USING (a)",
        "SELECT * FROM JSON_TABLE('[]', '$[*]' COLUMNS (a INT PATH '$.a', NESTED PATH '$.b' COLUMNS (c \
         VARCHAR(9) PATH '$'))) j",
        "SELECT last_insert_id(), found_rows(), now(), DATE_ADD(a, INTERVAL (1) DAY), GROUP_CONCAT(a \
         SEPARATOR ',')",
        "SELECT 'it\\'s', 'C:\\\\', \"say \\\"x\\\"\", 'a\\nb', 'x\\' FOR UPDATE'",
        "SELECT a = ANY (SELECT 1), 3 MEMBER OF ('[1]'), x'1f', _utf8mb4'a', {d '2024-01-01'}",
        "SELECT CONVERT(a, DECIMAL(10, 2)), CAST(a AS DATETIME(6)), a->>'$.b' FROM t GROUP BY a WITH ROLLUP",
    ];
    for text in passes {
        assert_eq!(read_only(text, MySql).err(), None, "{text}");
    }
    for text in [
        "SELECT * FROM t FOR SYSTEM_TIME AS OF TIMESTAMP '2024-01-01' WHERE NVL(a, 1) = LASTVAL(s)",
        "VALUES (1), (2)",
        "SELECT * FROM t, JSON_TABLE(t.a, '$[*]' COLUMNS (b INT PATH '$.b', NESTED PATH '$.c' COLUMNS (d INT \
         PATH '$'))) j WHERE concat_ws (',', a, `upper`(b)) = 'x'",
        "SELECT PREVIOUS VALUE FOR s",
    ] {
        assert_eq!(read_only(text, MariaDb).err(), None, "{text}");
    }
}

/// What both refuse, and why.
const REFUSED: &[(&str, &str)] = &[
    ("SELECT a INTO OUTFILE '/tmp/x' FROM t", "into"),
    ("SELECT a FROM t INTO DUMPFILE 'x'", "into"),
    ("SELECT a INTO @b FROM t", "into"),
    ("SELECT @a := 1", "assignment"),
    ("SELECT @a:=@a+1 FROM t", "assignment"),
    ("SELECT * FROM t PROCEDURE ANALYSE()", "procedure"),
    ("SELECT /*!50000 SLEEP(1) */", "version_comment"),
    ("SELECT 1 /*! INTO OUTFILE 'x' */", "version_comment"),
    ("SELECT 1 /*M! FOR UPDATE */", "version_comment"),
    ("SELECT 1 /*M!100100 FOR UPDATE */", "version_comment"),
    ("SELECT SLEEP(1)", "function_with_effects"),
    ("SELECT sleep (1)", "function_with_effects"),
    ("SELECT `sleep`(1)", "function_with_effects"),
    ("SELECT BENCHMARK(1000000, md5('x'))", "function_with_effects"),
    ("SELECT GET_LOCK('a', 1)", "function_with_effects"),
    ("SELECT release_all_locks()", "function_with_effects"),
    ("SELECT LOAD_FILE('/etc/passwd')", "function_with_effects"),
    ("SELECT sys_exec('x')", "function_with_effects"),
    ("SELECT LAST_INSERT_ID(a) FROM t", "function_with_effects"),
    ("SELECT my_function(1)", "unknown_function"),
    ("SELECT 1 \0 FROM t", "unreadable"),
    ("SELECT db.concat(1)", "unknown_function"),
    ("SELECT `db`.`f`(1)", "unknown_function"),
    ("SELECT \"sleep\"(1)", "unknown_function"),
    ("SELECT {fn sleep(1)}", "function_with_effects"),
    ("SELECT a any(1)", "unknown_function"),
    ("SELECT * FROM t LOCK /* x */ IN /* y */ SHARE MODE", "locks_rows"),
    ("SELECT (LOCK IN SHARE MODE)", "locks_rows"),
    ("HANDLER t OPEN", "not_a_query"),
    ("SELECT `a", "truncated"),
    ("SELECT '\\' INTO OUTFILE 'x' -- ' FROM t", "into"),
    ("SELECT \"\\\" FOR UPDATE -- \", 'a\\'b' FROM t", "locks_rows"),
    ("SELECT a FROM t WHERE b = @c. FOR UPDATE", "unclear"),
    ("SELECT 1 AS $$ INTO OUTFILE 'x' FROM t AS $$", "unclear"),
];

/// Names by which stored functions are called: in quotes, apart from the bracket, and numbers.
const STORED: &[(&str, &str)] = &[
    ("SELECT `count`(a) FROM t", "unknown_function"),
    ("SELECT `if` (1)", "unknown_function"),
    ("SELECT `now`()", "unknown_function"),
    ("SELECT {x `select`(1)}", "unknown_function"),
    ("SELECT count (a) FROM t", "unknown_function"),
    ("SELECT substring/**/('a', 1)", "unknown_function"),
    ("SELECT max\n(a) FROM t", "unknown_function"),
    ("SELECT db.1(5)", "unknown_function"),
    ("SELECT 1_0(2)", "unknown_function"),
    ("SELECT 0x_1(2)", "unknown_function"),
    ("SELECT 0b2(1), 0o7 (1)", "unknown_function"),
    ("SELECT 1a(2)", "unclear"),
];

#[test]
fn what_changes_something_in_mysql_is_refused() {
    check(&[MySql, MariaDb], REFUSED);
    check(&[MySql, MariaDb], STORED);
    // Servers have been given functions, and have lost some.
    for text in ["SELECT md5(a)", "SELECT sha1 (a)", "SELECT encode(a, b)"] {
        check(&[MySql], &[(text, "unknown_function")]);
        check(&[MariaDb], &[(text, "ok")]);
    }
    for text in ["SELECT lateral(1)", "SELECT point(1)", "SELECT any_value(a)"] {
        check(&[MariaDb], &[(text, "unknown_function")]);
        check(&[MySql], &[(text, "ok")]);
    }
    check(
        &[MariaDb],
        &[
            ("SELECT s.nextval", "function_with_effects"),
            ("SELECT NEXTVAL(s)", "function_with_effects"),
            ("SELECT `s`.`nextval`", "function_with_effects"),
            ("SELECT * FROM t WHERE a = DEFAULT(b)", "function_with_effects"),
            ("SELECT json_table('[]', '$')", "unknown_function"),
            (
                "SELECT json_table((SELECT a FROM json_table('', '$' COLUMNS (a INT PATH '$')) x), '$')",
                "unknown_function",
            ),
            (
                "SELECT json_table(a, '$.columns', columns) FROM t",
                "unknown_function",
            ),
        ],
    );
}
