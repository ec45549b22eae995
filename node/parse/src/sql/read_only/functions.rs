//! Which functions may be called.

use super::NotReadOnly;
use super::words::is_one_of;
use crate::sql::Dialect;

/// A function of PostgreSQL, by its name in small letters, whatever its schema is.
pub(super) fn postgresql(name: &str) -> Result<(), NotReadOnly> {
    let has_effects =
        is_one_of(EFFECTS_IN_POSTGRESQL, name) || FAMILIES.iter().any(|family| name.starts_with(family));
    if has_effects {
        Err(NotReadOnly::Function)
    } else {
        Ok(())
    }
}

/// How a name stands before a bracket.
#[derive(Clone, Copy)]
pub(super) struct Written {
    pub(super) in_quotes: bool,
    /// Nothing is between it and the bracket.
    pub(super) adjacent: bool,
}

/// A function of MySQL or MariaDB, or a reserved word before a bracket. The server prefers its own functions
/// to stored ones, unless a schema comes first. Those of its grammar are its own only as they are written
/// there: `` `count`(a) `` calls a stored function, and so does `count (a)` without `IGNORE_SPACE`.
pub(super) fn mysql(name: &str, dialect: Dialect, written: Written) -> Result<(), NotReadOnly> {
    let (own, words, adjacent) = match dialect {
        Dialect::MariaDb => (OWN_OF_MARIADB, WORDS_OF_MARIADB, ADJACENT_OF_MARIADB),
        _ => (OWN_OF_MYSQL, WORDS_OF_MYSQL, &[][..]),
    };
    let is = |both: &[&str], one: &[&str]| is_one_of(both, name) || is_one_of(one, name);
    // The default of a column may be the next value of a sequence.
    let is_next_value = name == "default" && dialect == Dialect::MariaDb;
    if is_next_value || is_one_of(EFFECTS_IN_MYSQL, name) {
        return Err(NotReadOnly::Function);
    }
    let is_word = is(WORDS, words) || (written.adjacent && is(ADJACENT, adjacent));
    if is(OWN, own) || (is_word && !written.in_quotes) {
        Ok(())
    } else {
        Err(NotReadOnly::UnknownFunction)
    }
}

/// Functions of PostgreSQL and of extensions that are widely used which write, wait, signal, lock, read the
/// server's files, or run a text that they are given. Sorted, as all of these lists are.
#[rustfmt::skip]
pub(super) const EFFECTS_IN_POSTGRESQL: &[&str] = &[
    "add_job", "alter_job", "autoprewarm_dump_now", "autoprewarm_start_worker", "brin_desummarize_range",
    "brin_summarize_new_values", "brin_summarize_range", "compress_chunk", "connectby",
    "create_distributed_table", "create_hypertable", "create_parent", "create_reference_table",
    "crosstab", "crosstab2", "crosstab3", "crosstab4", "crosstabn", "decompress_chunk", "delete_job",
    "drop_chunks", "exec", "exec_sql", "gin_clean_pending_list", "http", "http_delete", "http_get",
    "http_head", "http_patch", "http_post", "http_put", "http_set_curlopt", "loread", "lowrite",
    "master_run_on_worker", "nextval", "pg_buffercache_evict", "pg_buffercache_evict_all",
    "pg_buffercache_evict_relation", "pg_buffercache_mark_dirty", "pg_cancel_backend",
    "pg_current_xact_id", "pg_export_snapshot", "pg_extension_config_dump", "pg_import_system_collations",
    "pg_logdir_ls", "pg_nextoid", "pg_notify", "pg_prewarm", "pg_promote", "pg_reload_conf",
    "pg_rotate_logfile", "pg_rotate_logfile_old", "pg_start_backup", "pg_stat_clear_snapshot",
    "pg_stat_file", "pg_stat_force_next_flush", "pg_stat_kcache_reset", "pg_stat_monitor_reset",
    "pg_stat_statements_reset", "pg_stop_backup", "pg_stop_making_pinned_objects",
    "pg_sync_replication_slots", "pg_terminate_backend", "pg_truncate_visibility_map",
    "pg_wait_sampling_reset_profile", "postgres_fdw_disconnect", "postgres_fdw_disconnect_all",
    "query_export_to_s3", "run_command_on_placements", "run_command_on_shards", "run_command_on_workers",
    "run_job", "run_maintenance", "run_maintenance_proc", "schedule", "schedule_in_database",
    "set_config", "set_limit", "setseed", "setval", "table_import_from_s3", "table_to_xml",
    "table_to_xml_and_xmlschema", "table_to_xmlschema", "ts_rewrite", "ts_stat", "txid_current",
    "unschedule", "xpath_table",
];

/// The same by how their names begin.
#[rustfmt::skip]
const FAMILIES: &[&str] = &[
    "binary_upgrade_", "cursor_to_xml", "database_to_xml", "dblink", "heap_force_", "lo_", "pg_advisory_",
    "pg_background_", "pg_backup_", "pg_clear_", "pg_copy_", "pg_create_", "pg_drop_", "pg_file_", "pg_log_",
    "pg_logical_", "pg_ls_", "pg_read_", "pg_replication_", "pg_restore_", "pg_set_", "pg_sleep",
    "pg_stat_reset", "pg_switch_", "pg_try_advisory_", "pg_wal_replay_", "query_to_xml", "schema_to_xml",
];

/// Of MySQL's own functions those that have effects, for a better answer than that they are not known.
#[rustfmt::skip]
pub(super) const EFFECTS_IN_MYSQL: &[&str] = &[
    "benchmark", "get_lock", "load_file", "master_gtid_wait", "master_pos_wait", "nextval",
    "release_all_locks", "release_lock", "setval", "sleep", "source_pos_wait", "sys_eval", "sys_exec",
    "sys_get", "sys_set", "wait_for_executed_gtid_set", "wait_until_sql_thread_after_gtids",
];

/// Functions without effects that MySQL and MariaDB have. All of these lists hold what MySQL has from 8.0 to
/// 9.7 and MariaDB from 10.4 on: where a server lacks one, a stored function may have its name.
#[rustfmt::skip]
pub(super) const OWN: &[&str] = &[
    "abs", "acos", "addtime", "aes_decrypt", "aes_encrypt", "asin", "atan", "atan2", "bin", "bit_count",
    "bit_length", "ceil", "ceiling", "char_length", "character_length", "coercibility", "compress",
    "concat", "concat_ws", "connection_id", "conv", "convert_tz", "cos", "cot", "crc32", "date_format",
    "datediff", "dayname", "dayofmonth", "dayofweek", "dayofyear", "degrees", "elt", "exp", "export_set",
    "extractvalue", "field", "find_in_set", "floor", "found_rows", "from_base64", "from_days",
    "from_unixtime", "greatest", "hex", "ifnull", "inet6_aton", "inet6_ntoa", "inet_aton", "inet_ntoa",
    "instr", "is_free_lock", "is_ipv4", "is_ipv4_compat", "is_ipv4_mapped", "is_ipv6", "is_used_lock",
    "isnull", "json_array", "json_array_append", "json_array_insert", "json_contains", "json_contains_path",
    "json_depth", "json_extract", "json_insert", "json_keys", "json_length", "json_merge",
    "json_merge_patch", "json_merge_preserve", "json_object", "json_quote", "json_remove", "json_replace",
    "json_search", "json_set", "json_type", "json_unquote", "json_valid", "last_day", "last_insert_id",
    "lcase", "least", "length", "ln", "locate", "log", "log10", "log2", "lower", "lpad", "ltrim",
    "make_set", "makedate", "maketime", "mbrcontains", "mbrdisjoint", "mbrequals", "mbrintersects",
    "mbroverlaps", "mbrtouches", "mbrwithin", "monthname", "name_const", "nullif", "oct", "octet_length",
    "ord", "period_add", "period_diff", "pi", "pow", "power", "quote", "radians", "rand", "regexp_instr",
    "regexp_replace", "regexp_substr", "reverse", "round", "rpad", "rtrim", "sec_to_time", "sha2", "sign",
    "sin", "soundex", "space", "sqrt", "st_area", "st_asbinary", "st_asgeojson", "st_astext", "st_buffer",
    "st_centroid", "st_contains", "st_convexhull", "st_crosses", "st_difference", "st_dimension",
    "st_disjoint", "st_distance", "st_distance_sphere", "st_endpoint", "st_envelope", "st_equals",
    "st_exteriorring", "st_geomcollfromtext", "st_geometryn", "st_geometrytype", "st_geomfromgeojson",
    "st_geomfromtext", "st_geomfromwkb", "st_interiorringn", "st_intersection", "st_intersects",
    "st_isclosed", "st_isempty", "st_issimple", "st_length", "st_numgeometries", "st_numpoints",
    "st_overlaps", "st_pointfromtext", "st_pointn", "st_polyfromtext", "st_srid", "st_startpoint",
    "st_symdifference", "st_touches", "st_union", "st_within", "st_x", "st_y", "str_to_date", "strcmp",
    "substring_index", "subtime", "tan", "time_format", "time_to_sec", "timediff", "to_base64", "to_days",
    "to_seconds", "ucase", "uncompress", "uncompressed_length", "unhex", "unix_timestamp", "updatexml",
    "upper", "uuid", "uuid_short", "version", "weekday", "weekofyear", "yearweek",
];

/// Functions of the grammar, and reserved words before a bracket.
#[rustfmt::skip]
pub(super) const WORDS: &[&str] = &[
    "all", "and", "as", "ascii", "avg", "between", "bigint", "binary", "by", "case", "char", "character",
    "charset", "coalesce", "collate", "convert", "cross", "current_date", "current_time",
    "current_timestamp", "current_user", "database", "date", "day", "dec", "decimal", "distinct",
    "distinctrow", "div", "double", "else", "except", "exists", "float", "force", "format", "from",
    "get_format", "having", "high_priority", "hour", "if", "ignore", "in", "index", "inner", "insert",
    "int", "integer", "intersect", "interval", "is", "join", "json_value", "key", "keys", "last_value",
    "left", "like", "limit", "localtime", "localtimestamp", "match", "mediumint", "microsecond", "minute",
    "mod", "month", "natural", "not", "numeric", "on", "or", "outer", "over", "partition", "quarter",
    "real", "regexp", "repeat", "replace", "right", "rlike", "row", "row_count", "row_number", "schema",
    "second", "select", "smallint", "sql_buffer_result", "sql_calc_found_rows", "straight_join", "then",
    "time", "timestamp", "timestampadd", "timestampdiff", "tinyint", "truncate", "union", "use", "user",
    "using", "utc_date", "utc_time", "utc_timestamp", "values", "varbinary", "varchar", "week",
    "weight_string", "when", "where", "window", "with", "xor", "year",
];

/// Functions of the grammar of one or the other that are such only with the bracket right behind them.
#[rustfmt::skip]
pub(super) const ADJACENT: &[&str] = &[
    "adddate", "bit_and", "bit_or", "bit_xor", "cast", "count", "cume_dist", "curdate", "curtime",
    "date_add", "date_sub", "dense_rank", "extract", "first_value", "group_concat", "json_arrayagg",
    "json_objectagg", "lag", "lead", "max", "mid", "min", "now", "nth_value", "ntile", "percent_rank",
    "position", "rank", "session_user", "std", "stddev", "stddev_pop", "stddev_samp", "subdate", "substr",
    "substring", "sum", "sysdate", "system_user", "trim", "var_pop", "var_samp", "variance",
];

/// What only MySQL has. `md5` and `sha1` are no longer its own.
#[rustfmt::skip]
pub(super) const OWN_OF_MYSQL: &[&str] = &[
    "any_value", "bin_to_uuid", "format_bytes", "format_pico_time", "icu_version", "is_uuid",
    "json_overlaps", "json_pretty", "json_schema_valid", "json_schema_validation_report",
    "json_storage_free", "json_storage_size", "mbrcoveredby", "mbrcovers", "ps_current_thread_id",
    "ps_thread_id", "random_bytes", "regexp_like", "st_frechetdistance", "st_geohash",
    "st_hausdorffdistance", "st_isvalid", "st_latfromgeohash", "st_latitude", "st_longfromgeohash",
    "st_longitude", "st_makeenvelope", "st_numinteriorring", "st_pointfromgeohash", "st_simplify",
    "st_swapxy", "st_transform", "st_validate", "statement_digest", "statement_digest_text",
    "string_to_vector", "uuid_to_bin", "validate_password_strength", "vector_dim", "vector_to_string",
];

/// The same of the grammar.
#[rustfmt::skip]
pub(super) const WORDS_OF_MYSQL: &[&str] = &[
    "default", "geomcollection", "geometrycollection", "grouping", "json_table", "lateral", "linestring",
    "multilinestring", "multipoint", "multipolygon", "point", "polygon",
];

/// What only MariaDB has.
#[rustfmt::skip]
pub(super) const OWN_OF_MARIADB: &[&str] = &[
    "chr", "column_check", "column_exists", "column_json", "column_list", "decode", "decode_oracle",
    "des_decrypt", "des_encrypt", "encode", "encrypt", "json_compact", "json_detailed", "json_exists",
    "json_loose", "json_query", "lengthb", "md5", "nvl", "nvl2", "old_password", "password", "sha", "sha1",
    "wsrep_last_seen_gtid", "wsrep_last_written_gtid",
];

/// The same of the grammar. `json_table` is one only with its columns.
#[rustfmt::skip]
pub(super) const WORDS_OF_MARIADB: &[&str] = &[
    "column_add", "column_create", "column_delete", "column_get", "json_table", "lastval",
];

/// The same with the bracket right behind them.
#[rustfmt::skip]
pub(super) const ADJACENT_OF_MARIADB: &[&str] = &[
    "median", "percentile_cont", "percentile_disc",
];
