//! What is refused, and how it is told.

use super::*;
use crate::fault::FaultKind;

#[tokio::test]
async fn what_is_wrong_is_told_with_its_place() {
    let real = Real::start().await;
    let table = [
        (
            "SELECT a,\n       nowhere + 1 AS b\n    FROM (SELECT 1 AS a) t",
            FaultKind::Query,
            "line 2, column 4",
        ),
        ("SELEKT 1 AS a", FaultKind::Query, "line 1, column 1"),
        (
            "SELECT 1 AS a; SELECT 2 AS a",
            FaultKind::Query,
            "multiple commands",
        ),
        (
            "SELECT 1 AS a, 2 AS a",
            FaultKind::Query,
            "two columns are named `a`",
        ),
        (
            "SELECT 1 AS aa",
            FaultKind::Query,
            "`logs[0].body_column` names column `a`",
        ),
        ("SELECT 1 AS aa", FaultKind::Query, "nearest that it has is `aa`"),
        (
            "CREATE TABLE x AS SELECT 1 AS a",
            FaultKind::Query,
            "yields no rows",
        ),
        (
            "DELETE FROM pg_class RETURNING relname AS a",
            FaultKind::Query,
            "read-only",
        ),
        (
            "SELECT n AS a FROM generate_series(1, 6) n",
            FaultKind::TooManyRows,
            "more than 5 rows",
        ),
        ("SELECT 1/0 AS a", FaultKind::Statement, "division by zero"),
        ("SELECT $1 AS a", FaultKind::Query, "`tracking_column`"),
        ("SELECT a FROM nowhere", FaultKind::Absent, "line 1, column 15"),
        (
            "SELECT pg_sleep(9)::text AS a",
            FaultKind::StatementTimeout,
            "statement timeout",
        ),
        (
            "SELECT 'x' AS a WHERE pg_terminate_backend(pg_backend_pid())",
            FaultKind::Unavailable,
            "terminating",
        ),
    ];
    for (sql, kind, part) in table {
        let query =
            format!("- sql: |\n    {sql}\n  timeout: 500ms\n  max_rows: 5\n  logs: [{{body_column: a}}]");
        let mut asking = real.asking(&query).await;
        let fault = asking.ask().await.unwrap_err();
        assert_eq!(fault.kind, kind, "{sql}: {fault}");
        assert!(fault.message.contains(part), "{sql}: {fault}");
        if !fault.kind.loses_connection() {
            let again = asking.ask().await.unwrap_err();
            assert_eq!(
                (again.kind, again.message),
                (fault.kind, fault.message),
                "the connection is whole"
            );
            asking.end().await;
        }
    }
}

#[tokio::test]
async fn a_value_is_not_told() {
    let real = Real::start().await;
    let query = "- {sql: \"SELECT (chr(115) || ' \\\"x\\\"')::int AS a\", logs: [{body_column: a}]}";
    let mut asking = real.asking(query).await;
    let fault = asking.ask().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Statement);
    assert!(
        fault.message.contains("integer: \"...\" (SQLSTATE 22P02)"),
        "{fault}"
    );
    asking.end().await;
}

#[tokio::test]
async fn a_fault_with_a_parameter_leaves_the_connection_usable() {
    let real = Real::start().await;
    let query = "- {sql: 'SELECT 1/(a - 1) AS b, a FROM generate_series(1, 1) a WHERE a > $1', tracking_column: a, \
                 tracking_start_value: '0', logs: [{body_column: b}]}";
    let mut asking = real.asking(query).await;
    for _ in 0..3 {
        let fault = asking.ask().await.unwrap_err();
        assert!(fault.message.contains("division by zero"), "{fault}");
    }
    asking.memory.tracking = Some("1".into());
    assert_eq!(asking.ask().await.unwrap().rows.num_rows(), 0);
    asking.memory.tracking = Some("soon".into());
    let fault = asking.ask().await.unwrap_err();
    assert!(fault.message.contains("INT4"), "{fault}");
    asking.end().await;
}

#[tokio::test]
async fn a_look_finds_what_is_wrong_and_executes_nothing() {
    let real = Real::start().await;
    let queries = "
- {sql: 'SELECT pg_sleep(100)::text AS a', logs: [{body_column: a}]}
- {sql: 'SELECT 1 AS a', logs: [{body_column: b}]}
- {sql: 'SELECT 1 +', logs: [{body_column: b}]}
- {sql: 'SELECT id AS b FROM pg_class WHERE id > $1', tracking_column: b, logs: [{body_column: b}]}
";
    let found = crate::probe::probe(&targets_of(&real.plan(queries))).await;
    let told: Vec<_> = found
        .iter()
        .map(|f| (f.stream.as_deref().unwrap(), f.message.as_str()))
        .collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told[0].0 == "sqlquery/real.1" && told[0].1.contains("names column `b`"),
        "{told:?}"
    );
    assert!(
        told[1].0 == "sqlquery/real.2" && told[1].1.contains("line 1, column 11"),
        "{told:?}"
    );
    assert!(
        told[2].0 == "sqlquery/real.3" && told[2].1.contains("does not exist"),
        "{told:?}"
    );
    let nobody =
        crate::sqlquery::tests::sql_plan("sqlquery/x", "postgresql://u@127.0.0.1:1/app?sslmode=disable");
    let found = crate::probe::probe(&targets_of(&nobody)).await;
    assert_eq!(
        (found.len(), found[0].stream.is_none(), found[0].serious),
        (1, true, true)
    );
    assert!(found[0].advice.as_ref().unwrap().contains("listens"), "{found:?}");
}
