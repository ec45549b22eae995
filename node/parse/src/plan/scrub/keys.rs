//! What the values of each key are, as far as literals are concerned. What is not known is hidden.

use std::borrow::Cow;

use super::operation::operation;
use crate::sql::{Dialect, obfuscate};

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A word of the engine's or a name of the schema's: no literal.
    Name,
    /// SQL, or a part of it.
    Expression,
    /// A step of MySQL's in words, with expressions in it.
    Operation,
    /// Figures with units and words between them.
    Figures,
    /// Anything else.
    Unknown,
}

/// Words and names. Those of MySQL and MariaDB are in small letters.
const NAMES: [&str; 80] = [
    "Node Type",
    "Join Type",
    "Strategy",
    "Parent Relationship",
    "Subplan Name",
    "Relation Name",
    "Schema",
    "Alias",
    "Index Name",
    "CTE Name",
    "Function Name",
    "Table Function Name",
    "Tuplestore Name",
    "Partial Mode",
    "Scan Direction",
    "Operation",
    "Command",
    "Sort Method",
    "Sort Methods Used",
    "Sort Space Type",
    "Cache Mode",
    "Storage",
    "Custom Plan Provider",
    "Conflict Resolution",
    "Conflict Arbiter Indexes",
    "Sampling Method",
    "Trigger Name",
    "Constraint Name",
    "Relation",
    "Access Type",
    "access_type",
    "table_name",
    "possible_keys",
    "key",
    "used_key_parts",
    "key_parts",
    "using_join_buffer",
    "join_type",
    "join_algorithm",
    "buffer_type",
    "select_type",
    "query_type",
    "index_access_type",
    "index_name",
    "schema_name",
    "alias",
    "partitions",
    "used_partitions",
    "buffer_result",
    "row_ids",
    "materialized_from_subquery",
    "first_match",
    "loosescan",
    "insert_into",
    "table_list",
    "recursive",
    "sharing_temporary_table_with",
    "union_result",
    "strategy",
    "temporary_table",
    "filesort",
    "rowid_filter",
    "covering",
    "semi_join_strategy",
    "FirstMatch",
    "firstmatch",
    "duplicates_removal",
    "subquery_location",
    "hash_join_build",
    "index_merge",
    "intersect",
    "union",
    "sort_union",
    "mrr_type",
    "pushed_index_condition_type",
    "using_index_for_group_by",
    "using_index_for_skip_scan",
    "backward_scan",
    "algorithm",
    "json_schema_version",
];

/// Parts of statements.
const EXPRESSIONS: [&str; 56] = [
    "Query Text",
    "Query Parameters",
    "Output",
    "Group Key",
    "Group Keys",
    "Grouping Sets",
    "Hash Key",
    "Hash Keys",
    "Sort Key",
    "Presorted Key",
    "Cache Key",
    "Order By",
    "Sampling",
    "Sampling Parameters",
    "Repeatable Seed",
    "Function Call",
    "Table Function Call",
    "Remote SQL",
    "Relations",
    "Window",
    "Sort Clause",
    "Tasks Shown",
    "Settings",
    "Replaces",
    "Target Tables",
    "attached_condition",
    "attached_having",
    "index_condition",
    "having_condition",
    "condition",
    "extra_condition",
    "hash_condition",
    "join_condition",
    "join_conditions",
    "lookup_condition",
    "filter_condition",
    "pushed_index_condition",
    "pushed_condition",
    "outer_ref_condition",
    "pseudo_bits_condition",
    "rowid_filter_condition",
    "ranges",
    "sort_fields",
    "sort_key",
    "filesort_key",
    "group_by_fields",
    "group_items",
    "partition_by",
    "order_by",
    "query",
    "name",
    "message",
    "used_columns",
    "ref",
    "functions",
    "lookup_references",
];

/// MySQL's steps in words.
const OPERATIONS: [&str; 2] = ["operation", "heading"];

/// Figures: PostgreSQL's text has several in one line, MySQL's JSON has them as texts.
const FIGURES: [&str; 51] = [
    "Buffers",
    "I/O Timings",
    "WAL",
    "Heap Blocks",
    "Tuples",
    "Memory",
    "Estimates",
    "Sort Method",
    "Full-sort Groups",
    "Pre-sorted Groups",
    "Buckets",
    "Batches",
    "Planned Partitions",
    "Hits",
    "Storage",
    "Timing",
    "Options",
    "Functions",
    "Planning Time",
    "Planning time",
    "Execution Time",
    "Execution time",
    "Total runtime",
    "Total Runtime",
    "Query Identifier",
    "Serialization",
    "Workers Planned",
    "Workers Launched",
    "Subplans Removed",
    "query_cost",
    "read_cost",
    "eval_cost",
    "prefix_cost",
    "sort_cost",
    "data_read_per_join",
    "filtered",
    "r_filtered",
    "key_length",
    "rows",
    "buffer_size",
    "r_buffer_size",
    "select_id",
    "cost",
    "r_total_time_ms",
    "r_table_time_ms",
    "r_other_time_ms",
    "rows_examined_per_scan",
    "rows_produced_per_join",
    "r_hit_ratio",
    "r_output_rows",
    "r_used_priority_queue",
];

/// The numbers that come from a statement: what it is limited to.
const LITERALS: [&str; 6] = [
    "limit",
    "limit_offset",
    "offset",
    "per_chunk_limit",
    "row_limit",
    "r_limit",
];

/// What the text of this key is.
pub(crate) fn meaning(key: &str) -> Meaning {
    // A part of a property has the key of the part behind a dot; see `Full-sort Groups.Group Count`.
    let key = key.rsplit('.').next().unwrap_or(key);
    if EXPRESSIONS.contains(&key) || is_condition(key) {
        Meaning::Expression
    } else if NAMES.contains(&key) {
        Meaning::Name
    } else if FIGURES.contains(&key) || key.starts_with("Worker ") {
        Meaning::Figures
    } else if OPERATIONS.contains(&key) {
        Meaning::Operation
    } else {
        Meaning::Unknown
    }
}

/// Whether the key is one of the many that say that a condition follows.
fn is_condition(key: &str) -> bool {
    let last = key.rsplit(' ').next().unwrap_or(key);
    matches!(last, "Cond" | "Condition" | "Filter") && !key.starts_with("Rows Removed")
}

/// Whether a number of this key is a literal of the statement.
pub(crate) fn is_literal(key: &str) -> bool {
    LITERALS.contains(&key)
}

/// A text without the literals in it.
pub(crate) fn hide<'t>(dialect: Dialect, key: &str, text: &'t str) -> Cow<'t, str> {
    match meaning(key) {
        Meaning::Name => Cow::Borrowed(text),
        Meaning::Expression => Cow::Owned(expression(dialect, text)),
        Meaning::Operation => Cow::Owned(operation(text)),
        Meaning::Figures if is_figures(text) => Cow::Borrowed(text),
        Meaning::Figures | Meaning::Unknown => Cow::Borrowed("?"),
    }
}

/// An expression without its literals; `?` where it is no SQL.
pub(crate) fn expression(dialect: Dialect, text: &str) -> String {
    obfuscate(dialect, text).unwrap_or_else(|_| "?".to_owned())
}

/// Whether a text is made of numbers, units and words.
pub(crate) fn is_figures(text: &str) -> bool {
    const LONGEST: usize = 512;
    text.len() <= LONGEST
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b" .,=:()/%+-_".contains(&b))
}
