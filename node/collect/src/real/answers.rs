//! What comes of answers.

use super::*;

/// An expression, and its cell as text.
const TYPES: [(&str, &str); 34] = [
    ("(-5)::int2", "i -5"),
    ("5::int4", "i 5"),
    ("9223372036854775807::int8", "i 9223372036854775807"),
    ("4294967295::oid", "i 4294967295"),
    ("1.5::float4", "d 1.5"),
    ("0.1::float8", "d 0.1"),
    ("12345.670::numeric", "d 12345.67"),
    ("'NaN'::numeric", "d NaN"),
    ("sum(5::bigint) OVER ()", "d 5.0"),
    ("extract(epoch FROM interval '90 s')", "d 90.0"),
    ("true", "b true"),
    ("'it''s'::text", "s it's"),
    ("'a'::varchar(9)", "s a"),
    ("'a'::char(3)", "s a  "),
    ("'b'::\"char\"", "s b"),
    ("current_user", "s postgres"),
    (
        "'2026-01-02 03:04:05.678901+02'::timestamptz",
        "t 1767315845678901000",
    ),
    ("'2026-01-02 03:04:05'::timestamp", "t 1767323045000000000"),
    ("'1969-12-31'::date", "t -86400000000000"),
    ("'03:04:05'::time", "s 03:04:05"),
    ("interval '1 day 2 hours'", "s 1 day 02:00:00"),
    (
        "'00000000-0000-0000-0000-00000000000a'::uuid",
        "s 00000000-0000-0000-0000-00000000000a",
    ),
    ("'10.0.0.1'::inet", "s 10.0.0.1"),
    ("'10.0.0.0/8'::cidr", "s 10.0.0.0/8"),
    ("'{\"a\": 1}'::json", "s {\"a\": 1}"),
    ("'{\"a\":1}'::jsonb", "s {\"a\": 1}"),
    ("ARRAY[1,2]", "s {1,2}"),
    ("ARRAY['x y','z']", "s {\"x y\",z}"),
    ("'pg_class'::regclass", "s pg_class"),
    ("'0/16B3748'::pg_lsn", "s 0/16B3748"),
    ("'\\x0aff'::bytea", "s \\x0aff"),
    ("ROW(1, 'a')", "s (1,a)"),
    ("int4range(1, 3)", "s [1,3)"),
    ("xmin FROM pg_class LIMIT 1", "i"),
];

#[tokio::test]
async fn every_type_is_read_right_and_its_column_is_the_same_when_all_is_null() {
    let real = Real::start().await;
    let (own, last) = TYPES.split_at(TYPES.len() - 1);
    let items: Vec<_> = own
        .iter()
        .enumerate()
        .map(|(at, (sql, _))| format!("{sql} AS c{at}"))
        .collect();
    let list = items.join(", ");
    let null: Vec<_> = own
        .iter()
        .enumerate()
        .map(|(at, (sql, _))| format!("CASE WHEN current_date IS NULL THEN {sql} END AS c{at}"))
        .collect();
    let query = |sql: &str| format!("- sql: |\n    {sql}\n  logs: [{{body_column: c11}}]");
    let mut asking = real.asking(&query(&format!("SELECT {list}"))).await;
    let answered = asking.ask().await.unwrap();
    assert!(answered.unread.is_empty(), "{:?}", answered.unread);
    for (at, (sql, expected)) in own.iter().enumerate() {
        assert_eq!(cell(&answered.rows, &format!("c{at}"), 0), *expected, "{sql}");
    }
    for sql in [
        format!("SELECT {}", null.join(", ")),
        format!("SELECT {list} WHERE false"),
    ] {
        let mut other = real.asking(&query(&sql)).await;
        let rows = other.ask().await.unwrap().rows;
        assert_eq!(rows.schema(), answered.rows.schema());
        assert!(
            rows.columns()
                .iter()
                .all(|column| column.null_count() == column.len())
        );
        other.end().await;
    }
    let mut system = real
        .asking(&format!(
            "- sql: SELECT {}\n  logs: [{{body_column: xmin}}]",
            last[0].0
        ))
        .await;
    assert!(
        cell(&system.ask().await.unwrap().rows, "xmin", 0).starts_with('s'),
        "a body is text"
    );
    asking.end().await;
    system.end().await;
}

/// The first query of the reference configuration.
const PERFORMANCE: &str = "
- sql: |
    SELECT queryid::text as query_id, LEFT(query, 500) as query_text, calls, mean_exec_time,
      blk_read_time, total_time, cpu_time
    FROM pg_stat_statements WHERE calls > 0 ORDER BY mean_exec_time DESC LIMIT 200
  metrics:
    - {metric_name: db.query.calls, value_column: calls, attribute_columns: [query_id], monotonic: true}
    - {metric_name: db.query.cpu_time, value_column: cpu_time, attribute_columns: [query_id], value_type: double}
    - {metric_name: db.query.reads, value_column: blk_read_time, value_type: double}
";

#[tokio::test]
async fn a_column_that_the_server_lacks_is_read_as_its_successor_or_null() {
    let real = Real::start().await;
    real.server
        .number("postgres", "SELECT 1 WHERE 'S3CRET-in-a-literal' <> 'x'")
        .await
        .unwrap();
    let mut asking = real.asking(PERFORMANCE).await;
    for _ in 0..2 {
        let rows = asking.ask().await.unwrap().rows;
        assert!(rows.num_rows() > 0);
        for at in 0..rows.num_rows() {
            assert_eq!(cell(&rows, "cpu_time", at), "d null");
            assert!(
                cell(&rows, "total_time", at) != "d null",
                "`total_exec_time` is read in its place"
            );
            assert_eq!(&cell(&rows, "blk_read_time", at)[..2], "d ");
            assert!(
                cell(&rows, crate::sqlquery::STARTED, at).starts_with("t 1"),
                "sums count from the start"
            );
            let text = cell(&rows, "query_text", at);
            assert!(!text.contains("S3CRET"), "{text}");
        }
    }
    let log = real.server.log_text().unwrap();
    let missed = log.matches("ERROR:  column \"cpu_time\" does not exist").count();
    assert_eq!(missed, 1, "it is remembered");
    asking.end().await;

    let plan = real.plan(PERFORMANCE);
    let found = crate::probe::probe(&targets_of(&plan)).await;
    let messages: Vec<_> = found
        .iter()
        .map(|finding| (finding.serious, finding.message.as_str()))
        .collect();
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(messages.iter().all(|(serious, _)| !serious));
    assert!(
        messages[0].1.contains("`total_exec_time` is read in its place"),
        "{messages:?}"
    );
    assert!(
        messages[1].1.contains("`cpu_time`: it is read as NULL"),
        "{messages:?}"
    );
}

#[tokio::test]
async fn a_tracking_column_of_any_type_gives_each_row_once() {
    let real = Real::start().await;
    let make = "CREATE TABLE log AS SELECT n::int8 AS id, n::int4 AS small, n::numeric + 0.5 AS exact, \
                timestamptz '2026-01-01 00:00:00+00' + n * interval '1 s' AS at, \
                timestamp '2026-01-01 00:00:00' + n * interval '1 s' AS local, lpad(n::text, 4, '0') AS name, \
                n::float8 AS number FROM generate_series(1, 9) n";
    real.server.execute("postgres", make).await.unwrap();
    let table = [
        ("id", "0", "9"),
        ("small", "0", "9"),
        ("exact", "-1", "9.5"),
        ("at", "2026-01-01T00:00:00Z", "2026-01-01 00:00:09+00"),
        ("local", "2026-01-01", "2026-01-01 00:00:09"),
        ("name", "0000", "0009"),
        ("number", "0.5", "9"),
    ];
    for (column, start, last) in table {
        let order = if column == "name" { "ASC" } else { "DESC" };
        let query = format!(
            "- {{sql: 'SELECT *, {column} AS value FROM log WHERE {column} > $1 ORDER BY id {order}', \
             tracking_column: value, tracking_start_value: '{start}', logs: [{{body_column: name}}]}}"
        );
        let mut asking = real.asking(&query).await;
        assert_eq!(asking.ask().await.unwrap().rows.num_rows(), 9, "{column}");
        assert_eq!(asking.memory.tracking.as_deref(), Some(last), "{column}");
        assert_eq!(asking.ask().await.unwrap().rows.num_rows(), 0, "{column}");
        assert_eq!(
            asking.memory.tracking.as_deref(),
            Some(last),
            "nothing came, nothing moves"
        );
        asking.end().await;
    }
    let hostile = "- {sql: 'SELECT name FROM log WHERE name > $1', tracking_column: name, \
                   tracking_start_value: \"'; DROP TABLE log; --\", logs: [{body_column: name}]}";
    let mut asking = real.asking(hostile).await;
    assert_eq!(
        asking.ask().await.unwrap().rows.num_rows(),
        9,
        "it is a value and nothing else"
    );
    asking.end().await;
}

#[tokio::test]
async fn values_become_what_the_mapping_wants() {
    let real = Real::start().await;
    let query = "
- sql: SELECT '42' AS a, 2.5 AS b, 'x' AS c, 1767323045 AS at, 7 AS body, 3::numeric AS d
  metrics:
    - {metric_name: m.a, value_column: a, ts_column: at}
    - {metric_name: m.b, value_column: b}
    - {metric_name: m.c, value_column: c, value_type: double}
    - {metric_name: m.d, value_column: d}
  logs: [{body_column: body}]
";
    let mut asking = real.asking(query).await;
    let answered = asking.ask().await.unwrap();
    for (name, expected) in [
        ("a", "i 42"),
        ("b", "i null"),
        ("c", "d null"),
        ("at", "t 1767323045000000000"),
        ("body", "s 7"),
        ("d", "i 3"),
    ] {
        assert_eq!(cell(&answered.rows, name, 0), expected, "{name}");
    }
    assert_eq!(answered.unread, [("b".to_owned(), 1), ("c".to_owned(), 1)]);
    asking.end().await;
}
