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

/// A function of MySQL or MariaDB, or a reserved word before a bracket. The server prefers its own functions
/// to
/// stored ones, unless a schema comes first.
pub(super) fn mysql(name: &str, dialect: Dialect) -> Result<(), NotReadOnly> {
    let own = match dialect {
        Dialect::MariaDb => HARMLESS_IN_MARIADB,
        _ => HARMLESS_IN_MYSQL,
    };
    if is_one_of(EFFECTS_IN_MYSQL, name) {
        Err(NotReadOnly::Function)
    } else if is_one_of(HARMLESS, name) || is_one_of(own, name) {
        Ok(())
    } else {
        Err(NotReadOnly::UnknownFunction)
    }
}

/// Functions of PostgreSQL and of extensions that are widely used which write, wait, signal, lock, read the
/// server's files, or run a text that they are given. Sorted, as all of these lists are.
#[rustfmt::skip]
pub(super) const EFFECTS_IN_POSTGRESQL: &[&str] = &[
    "autoprewarm_dump_now", "autoprewarm_start_worker", "brin_desummarize_range",
    "brin_summarize_new_values", "brin_summarize_range", "connectby", "create_hypertable", "crosstab",
    "crosstab2", "crosstab3", "crosstab4", "crosstabn", "drop_chunks", "exec", "exec_sql",
    "gin_clean_pending_list", "http", "http_delete", "http_get", "http_head", "http_patch", "http_post",
    "http_put", "http_set_curlopt", "loread", "lowrite", "master_run_on_worker", "nextval",
    "pg_buffercache_evict", "pg_buffercache_evict_all", "pg_buffercache_evict_relation",
    "pg_buffercache_mark_dirty", "pg_cancel_backend", "pg_current_xact_id", "pg_export_snapshot",
    "pg_extension_config_dump", "pg_import_system_collations", "pg_logdir_ls", "pg_nextoid", "pg_notify",
    "pg_prewarm", "pg_promote", "pg_reload_conf", "pg_rotate_logfile", "pg_rotate_logfile_old",
    "pg_start_backup", "pg_stat_clear_snapshot", "pg_stat_file", "pg_stat_force_next_flush",
    "pg_stat_kcache_reset", "pg_stat_monitor_reset", "pg_stat_statements_reset", "pg_stop_backup",
    "pg_stop_making_pinned_objects", "pg_sync_replication_slots", "pg_terminate_backend",
    "pg_truncate_visibility_map", "pg_wait_sampling_reset_profile", "postgres_fdw_disconnect",
    "postgres_fdw_disconnect_all", "run_command_on_placements", "run_command_on_shards",
    "run_command_on_workers", "run_job", "run_maintenance", "run_maintenance_proc", "schedule",
    "schedule_in_database", "set_config", "set_limit", "setseed", "setval", "table_to_xml",
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

/// Functions without effects that MySQL and MariaDB have, and the reserved words before a bracket.
#[rustfmt::skip]
pub(super) const HARMLESS: &[&str] = &[
    "abs", "acos", "adddate", "addtime", "aes_decrypt", "aes_encrypt", "all", "and", "as", "ascii", "asin",
    "atan", "atan2", "avg", "between", "bigint", "bin", "binary", "bit_and", "bit_count", "bit_length",
    "bit_or", "bit_xor", "by", "case", "cast", "ceil", "ceiling", "char", "char_length", "character",
    "character_length", "charset", "coalesce", "coercibility", "collate", "compress", "concat", "concat_ws",
    "connection_id", "conv", "convert", "convert_tz", "cos", "cot", "count", "crc32", "cross", "cume_dist",
    "curdate", "current_date", "current_time", "current_timestamp", "current_user", "curtime", "database",
    "date", "date_add", "date_format", "date_sub", "datediff", "day", "dayname", "dayofmonth", "dayofweek",
    "dayofyear", "dec", "decimal", "decode", "default", "degrees", "dense_rank", "des_decrypt",
    "des_encrypt", "distinct", "distinctrow", "div", "double", "else", "elt", "encode", "encrypt", "except",
    "exists", "exp", "export_set", "extract", "extractvalue", "field", "find_in_set", "first_value", "float",
    "floor", "force", "format", "format_bytes", "found_rows", "from", "from_base64", "from_days",
    "from_unixtime", "geomcollection", "geometrycollection", "get_format", "greatest", "group_concat",
    "having", "hex", "high_priority", "hour", "if", "ifnull", "ignore", "in", "index", "inet6_aton",
    "inet6_ntoa", "inet_aton", "inet_ntoa", "inner", "insert", "instr", "int", "integer", "intersect",
    "interval", "is", "is_free_lock", "is_ipv4", "is_ipv4_compat", "is_ipv4_mapped", "is_ipv6",
    "is_used_lock", "isnull", "join", "json_array", "json_array_append", "json_array_insert",
    "json_arrayagg", "json_contains", "json_contains_path", "json_depth", "json_extract", "json_insert",
    "json_keys", "json_length", "json_merge", "json_merge_patch", "json_merge_preserve", "json_object",
    "json_objectagg", "json_overlaps", "json_quote", "json_remove", "json_replace", "json_schema_valid",
    "json_search", "json_set", "json_table", "json_type", "json_unquote", "json_valid", "json_value", "key",
    "keys", "lag", "last_day", "last_insert_id", "last_value", "lateral", "lcase", "lead", "least", "left",
    "length", "like", "limit", "linestring", "ln", "localtime", "localtimestamp", "locate", "log", "log10",
    "log2", "lower", "lpad", "ltrim", "make_set", "makedate", "maketime", "match", "max", "mbrcontains",
    "mbrdisjoint", "mbrequals", "mbrintersects", "mbroverlaps", "mbrtouches", "mbrwithin", "md5",
    "mediumint", "microsecond", "mid", "min", "minute", "mod", "month", "monthname", "multilinestring",
    "multipoint", "multipolygon", "name_const", "natural", "not", "now", "nth_value", "ntile", "nullif",
    "numeric", "oct", "octet_length", "on", "or", "ord", "outer", "over", "partition", "percent_rank",
    "period_add", "period_diff", "pi", "point", "polygon", "position", "pow", "power", "quarter", "quote",
    "radians", "rand", "random_bytes", "rank", "real", "regexp", "regexp_instr", "regexp_replace",
    "regexp_substr", "repeat", "replace", "reverse", "right", "rlike", "round", "row", "row_count",
    "row_number", "rpad", "rtrim", "schema", "sec_to_time", "second", "select", "session_user", "sha",
    "sha1", "sha2", "sign", "sin", "smallint", "soundex", "space", "sql_buffer_result",
    "sql_calc_found_rows", "sqrt", "st_area", "st_asbinary", "st_asgeojson", "st_astext", "st_buffer",
    "st_centroid", "st_contains", "st_convexhull", "st_crosses", "st_difference", "st_dimension",
    "st_disjoint", "st_distance", "st_distance_sphere", "st_endpoint", "st_envelope", "st_equals",
    "st_exteriorring", "st_geohash", "st_geomcollfromtext", "st_geometryn", "st_geometrytype",
    "st_geomfromgeojson", "st_geomfromtext", "st_geomfromwkb", "st_interiorringn", "st_intersection",
    "st_intersects", "st_isclosed", "st_isempty", "st_issimple", "st_isvalid", "st_length",
    "st_numgeometries", "st_numinteriorring", "st_numpoints", "st_overlaps", "st_pointfromtext", "st_pointn",
    "st_polyfromtext", "st_simplify", "st_srid", "st_startpoint", "st_symdifference", "st_touches",
    "st_union", "st_within", "st_x", "st_y", "std", "stddev", "stddev_pop", "stddev_samp", "str_to_date",
    "straight_join", "strcmp", "subdate", "substr", "substring", "substring_index", "subtime", "sum",
    "sysdate", "system_user", "tan", "then", "time", "time_format", "time_to_sec", "timediff", "timestamp",
    "timestampadd", "timestampdiff", "tinyint", "to_base64", "to_days", "to_seconds", "trim", "truncate",
    "ucase", "uncompress", "uncompressed_length", "unhex", "union", "unix_timestamp", "updatexml", "upper",
    "use", "user", "using", "utc_date", "utc_time", "utc_timestamp", "uuid", "uuid_short", "values",
    "var_pop", "var_samp", "varbinary", "varchar", "variance", "version", "week", "weekday", "weekofyear",
    "weight_string", "when", "where", "window", "with", "xor", "year", "yearweek",
];

/// Those that only MySQL has.
#[rustfmt::skip]
pub(super) const HARMLESS_IN_MYSQL: &[&str] = &[
    "any_value", "bin_to_uuid", "distance", "format_pico_time", "grouping", "icu_version", "is_uuid",
    "json_pretty", "json_schema_validation_report", "json_storage_free", "json_storage_size", "mbrcoveredby",
    "mbrcovers", "ps_current_thread_id", "ps_thread_id", "regexp_like", "st_collect", "st_frechetdistance",
    "st_hausdorffdistance", "st_latfromgeohash", "st_latitude", "st_longfromgeohash", "st_longitude",
    "st_makeenvelope", "st_pointfromgeohash", "st_swapxy", "st_transform", "st_validate", "statement_digest",
    "statement_digest_text", "string_to_vector", "uuid_to_bin", "validate_password_strength", "vector_dim",
    "vector_to_string",
];

/// Those that only MariaDB has.
#[rustfmt::skip]
pub(super) const HARMLESS_IN_MARIADB: &[&str] = &[
    "add_months", "chr", "column_add", "column_check", "column_create", "column_delete", "column_exists",
    "column_get", "column_json", "column_list", "crc32c", "decode_oracle", "format_pico_time",
    "json_array_intersect", "json_compact", "json_detailed", "json_equals", "json_exists", "json_key_value",
    "json_loose", "json_normalize", "json_object_filter_keys", "json_object_to_array", "json_query",
    "json_unescape", "lastval", "lengthb", "median", "natural_sort_key", "nvl", "nvl2", "old_password",
    "password", "percentile_cont", "percentile_disc", "sformat", "sys_guid", "to_char", "to_date", "trunc",
    "uuid_v4", "uuid_v7", "vec_distance", "vec_distance_cosine", "vec_distance_euclidean", "vec_fromtext",
    "vec_totext", "wsrep_last_seen_gtid", "wsrep_last_written_gtid",
];
