//! The words of MySQL's and MariaDB's JSON.

use super::draft::{Link, Role};

/// What an object of this key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Object {
    /// A node or a wrapper; the name is PostgreSQL's for it.
    Sketch(Role, Link, &'static str),
    /// The same, below the node that was before it.
    Source,
    /// Figures of the node around.
    Part,
    /// Of no interest.
    Skipped,
}

/// What an object is, by its key.
pub(super) fn object(key: &str) -> Object {
    use Object::{Part, Sketch, Skipped, Source};
    let step = |name| Sketch(Role::Step, Link::Input, name);
    match key {
        "table" => Sketch(Role::Table, Link::Input, ""),
        "query_block" => Sketch(Role::Block, Link::Input, ""),
        "ordering_operation" | "filesort" => step("Sort"),
        "grouping_operation" => step("Aggregate"),
        "duplicates_removal" => step("Unique"),
        "windowing" | "window_functions_computation" => step("WindowAgg"),
        "buffer_result" | "temporary_table" => step("Materialize"),
        "union_result" => step("Append"),
        "intersect_result" | "except_result" => step("SetOp"),
        "recursive_union" => step("Recursive Union"),
        "expression_cache" => step("Memoize"),
        "materialized" | "materialized_from_subquery" => Sketch(Role::Wrap, Link::Subquery, ""),
        "block-nl-join"
        | "materialization"
        | "range-checked-for-each-record"
        | "read_sorted_file"
        | "unary_result" => Sketch(Role::Wrap, Link::Input, ""),
        "insert_from" => Source,
        "sorts" | "r_engine_stats" | "r_partial_match_stats" => Skipped,
        _ => Part,
    }
}

/// What an array is, by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Array {
    /// Tables that are joined.
    Joined,
    /// What the node around has below it.
    Children(Link),
    /// Texts.
    Texts,
    /// Of no interest.
    Skipped,
}

/// What an array is, by its key.
pub(super) fn array(key: &str) -> Array {
    match key {
        "nested_loop" => Array::Joined,
        "query_specifications" => Array::Children(Link::Member),
        "optimized_away_subqueries" => Array::Children(Link::InitPlan),
        "sorts" => Array::Skipped,
        _ if key.ends_with("subqueries") => Array::Children(Link::SubPlan),
        _ => Array::Texts,
    }
}

/// PostgreSQL's key for what one of a block or a table says; its own where there is none.
pub(super) fn property(key: &str) -> &str {
    match key {
        "access_type" => "Access Type",
        "attached_condition" | "having_condition" => "Filter",
        "const_condition" => "One-Time Filter",
        "index_condition" => "Index Cond",
        "sort_key" => "Sort Key",
        "used_columns" => "Output",
        _ => key,
    }
}

/// Whether the value of a key is a number even where it is written as a text.
pub(super) fn is_number(key: &str) -> bool {
    key.ends_with("_cost") || key == "filtered"
}
