//! Statements of PostgreSQL.

use ringwatch_parse::sql::Dialect::PostgreSql;
use ringwatch_parse::sql::read_only;

use super::check;

#[test]
fn queries_of_postgresql_pass() {
    let passes = [
        "VALUES (1, 'a'), (2, 'b')",
        "SELECT \"update\", \"INTO\", \"for update\" FROM \"delete\"",
        "SELECT update, (delete), count(insert), (update IS NULL), max(lock::int) FROM t",
        "SELECT 1 AS into, 2 AS for",
        "WITH update AS (SELECT 1), a AS NOT MATERIALIZED (SELECT 2), \"b\" (x) AS MATERIALIZED (VALUES (3)) \
         SELECT * FROM update",
        "WITH RECURSIVE a AS (SELECT 1) SEARCH DEPTH FIRST BY x, y SET o CYCLE x SET c USING p, b AS \
         (SELECT 2) \
         SELECT * FROM a",
        "SELECT $tag$ FOR UPDATE; DELETE $tag$, $$INTO$$, E'it\\'s; DELETE', U&'\\0061' FROM t",
        "SELECT 1 /* a /* DELETE */ ; DELETE */ + 2",
        "SELECT f(a := 1, b => 2), x ? 'k', x ?| array['a'], x[1:2], (y).z FROM t",
        "SELECT * FROM unnest(array[1, 2]) WITH ORDINALITY AS u(a, b), LATERAL (SELECT u.a) AS l",
        "SELECT a FROM t WHERE at > now() - interval '1 day' AND b = ANY ($1) AND c ~ '(x'",
        "SELECT my_schema.my_function(a), currval('s'), pg_size_pretty(1), txid_current_snapshot()",
        "SELECT setval FROM nextval WHERE pg_sleep = 1",
        "SELECT next, value, procedure, lock, share FROM t WHERE lock IN (1)",
        "SELECT 0x1F, 1_000, .5, 1., 1e10",
        "SELECT a LIKE 'x' ESCAPE '\\' AND b LIKE $1 ESCAPE '\\' AND c = 'y' FROM t",
        "SELECT string_agg(comment ORDER BY start), cast(update AS text) FROM t FETCH FIRST 5 ROWS WITH TIES",
        "SELECT count(*) FILTER (WHERE a > 1), extract(epoch FROM b), 'a' IS DISTINCT FROM 'b' FROM ONLY (t)",
    ];
    for text in passes {
        assert_eq!(read_only(text, PostgreSql).err(), None, "{text}");
    }
}

/// What is refused, and why.
const REFUSED: &[(&str, &str)] = &[
    (
        "WITH a AS MATERIALIZED (DELETE FROM t RETURNING *) SELECT * FROM a",
        "modifies_data",
    ),
    (
        "WITH a AS NOT MATERIALIZED (/* /* */ SELECT */ UPDATE t SET a = 1) SELECT 1",
        "modifies_data",
    ),
    (
        "WITH RECURSIVE a AS (SELECT 1) SEARCH DEPTH FIRST BY x SET y, b AS (DELETE FROM t) SELECT 1",
        "modifies_data",
    ),
    (
        "WITH RECURSIVE a AS (SELECT 1) CYCLE x SET y USING z DELETE FROM t",
        "modifies_data",
    ),
    (
        "WITH RECURSIVE a AS (SELECT 1) CYCLE x SET y USING z (DELETE FROM t)",
        "modifies_data",
    ),
    ("SELECT * FROM t FOR NO KEY UPDATE", "locks_rows"),
    ("SELECT * FROM t FOR KEY SHARE NOWAIT", "locks_rows"),
    ("SELECT pg_catalog.nextval('s')", "function_with_effects"),
    ("SELECT add_job('f', '1h')", "function_with_effects"),
    (
        "SELECT alter_job(1000, scheduled => false)",
        "function_with_effects",
    ),
    ("SELECT delete_job(1000)", "function_with_effects"),
    (
        "SELECT compress_chunk(c) FROM show_chunks('t') c",
        "function_with_effects",
    ),
    ("SELECT decompress_chunk('c')", "function_with_effects"),
    (
        "SELECT create_distributed_table('t', 'id')",
        "function_with_effects",
    ),
    ("SELECT create_reference_table('t')", "function_with_effects"),
    (
        "SELECT * FROM aws_s3.query_export_to_s3('select 1', 'u')",
        "function_with_effects",
    ),
    (
        "SELECT aws_s3.table_import_from_s3('t', '', '', 'u')",
        "function_with_effects",
    ),
    (
        "SELECT partman.create_parent('public.t', 'at', '1 day')",
        "function_with_effects",
    ),
    ("SELECT pg_catalog . \"nextval\" ('s')", "function_with_effects"),
    (
        "SELECT \"pg_catalog\".\"setval\"('s', 1)",
        "function_with_effects",
    ),
    ("SELECT U&\"\\006eextval\"('s')", "unknown_function"),
    ("SELECT PG_SLEEP(1)", "function_with_effects"),
    ("SELECT * FROM pg_sleep_for('1 day')", "function_with_effects"),
    ("SELECT pg_advisory_lock(1)", "function_with_effects"),
    (
        "SELECT pg_try_advisory_xact_lock_shared(1)",
        "function_with_effects",
    ),
    (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
        "function_with_effects",
    ),
    ("SELECT pg_cancel_backend(1), 1", "function_with_effects"),
    ("SELECT lo_import('/etc/passwd')", "function_with_effects"),
    (
        "SELECT * FROM dblink('x', 'DELETE') AS t(a int)",
        "function_with_effects",
    ),
    ("SELECT pg_read_binary_file('x')", "function_with_effects"),
    ("SELECT pg_ls_dir('.')", "function_with_effects"),
    ("SELECT set_config('a', 'b', false)", "function_with_effects"),
    ("SELECT pg_notify('a', 'b')", "function_with_effects"),
    ("SELECT txid_current()", "function_with_effects"),
    ("SELECT pg_current_xact_id()", "function_with_effects"),
    ("SELECT pg_stat_reset()", "function_with_effects"),
    ("SELECT pg_stat_statements_reset()", "function_with_effects"),
    (
        "SELECT * FROM pg_logical_slot_get_changes('s', NULL, NULL)",
        "function_with_effects",
    ),
    ("SELECT pg_create_restore_point('x')", "function_with_effects"),
    ("SELECT pg_drop_replication_slot('x')", "function_with_effects"),
    (
        "SELECT query_to_xml('DELETE FROM t', true, true, '')",
        "function_with_effects",
    ),
    (
        "SELECT query_to_xml_and_xmlschema('x', true, true, '')",
        "function_with_effects",
    ),
    ("SELECT pg_reload_conf()", "function_with_effects"),
    ("SELECT pg_switch_wal()", "function_with_effects"),
    (
        "SELECT * FROM t WHERE a = (SELECT (nextval('s')))",
        "function_with_effects",
    ),
    ("SELECT ROW(1), ts_stat('SELECT 1')", "function_with_effects"),
    ("SELECT 'it\\'s', 1", "truncated"),
    ("SELECT 1 \0 + 2", "unreadable"),
    (
        "SELECT * FROM t WHERE a LIKE b ESCAPE '\\' || ' FOR UPDATE --'",
        "locks_rows",
    ),
    (
        "SELECT 1 LIKE b ESCAPE '\\' || ', crosstab($$x$$) --'",
        "function_with_effects",
    ),
    ("SELECT $a$ x", "truncated"),
    ("SELECT E'x\\'; DELETE FROM t --", "truncated"),
    ("SELECT \\secret", "unreadable"),
];

#[test]
fn what_changes_something_in_postgresql_is_refused() {
    check(&[PostgreSql], REFUSED);
}
