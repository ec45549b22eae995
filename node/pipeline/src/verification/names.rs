//! What columns are, as their names say.

/// Names that mean the same.
const ALIASES: [&[&str]; 8] = [
    &[
        "query_id",
        "queryid",
        "digest",
        "query_hash",
        "db.query.fingerprint",
        "postgresql.queryid",
    ],
    &[
        "mean_exec_time",
        "avg_exec_time",
        "mean_time",
        "avg_time",
        "avg_latency",
        "mean",
        "avg",
    ],
    &["total_exec_time", "total_time", "sum_exec_time", "total_latency"],
    &["calls", "exec_count", "count_star", "executions"],
    &[
        "query_text",
        "db.query.text",
        "digest_text",
        "sql_text",
        "db.statement",
        "query",
        "statement",
    ],
    &[
        "database",
        "datname",
        "db.namespace",
        "database_name",
        "schema_name",
        "db_name",
        "db.name",
    ],
    &["user", "usename", "rolname", "user.name", "user_name", "db.user"],
    &["rows", "rows_sent", "rows_returned"],
];
/// Names of plans' texts.
const PLANS: [&str; 7] = [
    "query_plan",
    "plan",
    "plan_json",
    "plan_text",
    "explain",
    "postgresql.query_plan",
    "mysql.query_plan",
];
/// Texts that are made by us or by servers of digits and letters alone: a long number in them is no card.
const IDENTIFIERS: [&str; 20] = [
    "query_id",
    "queryid",
    "digest",
    "query_hash",
    "db.query.fingerprint",
    "postgresql.queryid",
    "postgresql.query_id",
    "plan_hash",
    "previous_plan_hash",
    "plan_fingerprint",
    "plan_insights",
    "blocking_pids",
    "wait_event",
    "wait_event_type",
    "backend_type",
    "state",
    "kind",
    "reason",
    "plan_source",
    "verification.rule",
];
/// Where servers say from where somebody came: that is asked for, and no address out of somebody's data.
const ADDRESSES: [&str; 10] = [
    "client_addr",
    "client_hostname",
    "client",
    "host",
    "processlist_host",
    "network.peer.address",
    "postgresql.client_hostname",
    "query_start_text",
    "server.address",
    "service.instance.id",
];
/// How the names of numbers end that servers give to things, or compute: a long one is no card.
const NUMBERS: [&str; 8] = ["queryid", "planid", "dbid", "oid", "pid", "xid", "lsn", "hash"];

/// The names that mean the same as `name`, itself first.
pub(super) fn aliases(name: &str) -> Vec<&str> {
    let same = ALIASES.iter().find(|names| names.contains(&name));
    let others = same.into_iter().flat_map(|names| names.iter().copied());
    std::iter::once(name)
        .chain(others.filter(|other| *other != name))
        .collect()
}

/// Whether a column of this name holds plans.
pub(super) fn is_plan(name: &str) -> bool {
    PLANS.contains(&name)
}

/// Whether a text column of this name holds nothing that could be anybody's data.
pub(super) fn is_harmless(name: &str) -> bool {
    IDENTIFIERS.contains(&name) || ADDRESSES.contains(&name)
}

/// Whether a whole number of this name is an identifier that a server made.
pub(super) fn is_number_of_server(name: &str) -> bool {
    NUMBERS.iter().any(|end| name.ends_with(end))
}

/// What values a column of numbers can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Range {
    /// Any number.
    Any,
    /// A duration, a count or a size.
    NotNegative,
    /// From 0 to 100.
    Percent,
}

/// The range of a column of this name. Names that say nothing have any.
pub(super) fn range(name: &str) -> Range {
    let last = name.rsplit('.').next().unwrap_or(name);
    let ends = |endings: &[&str]| endings.iter().any(|ending| last.ends_with(ending));
    let begins = |starts: &[&str]| starts.iter().any(|start| last.starts_with(start));
    if ends(&["_percent", "_percentage", "_pct"]) || last == "percent" {
        return Range::Percent;
    }
    let is_amount = ends(&[
        "_time",
        "_duration",
        "_ms",
        "_seconds",
        "_calls",
        "_count",
        "_bytes",
        "_hit",
        "_read",
        "_written",
        "_dirtied",
        "_scan",
        "_cost",
    ]) || begins(&[
        "n_tup_", "tup_", "blks_", "xact_", "temp_", "wal_", "confl_", "buffers_", "stddev_",
    ]) || matches!(
        last,
        "calls" | "rows" | "plans" | "deadlocks" | "backends" | "connections"
    );
    if is_amount { Range::NotNegative } else { Range::Any }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_the_same_as_others() {
        assert_eq!(aliases("query_id")[..2], ["query_id", "queryid"]);
        assert_eq!(aliases("digest")[..2], ["digest", "query_id"]);
        assert_eq!(aliases("my_column"), ["my_column"]);
    }

    #[test]
    fn names_say_what_values_there_can_be() {
        for (name, expected) in [
            ("mean_exec_time", Range::NotNegative),
            ("calls", Range::NotNegative),
            ("shared_blks_hit", Range::NotNegative),
            ("cpu_percent", Range::Percent),
            ("queryid", Range::Any),
            ("client_port", Range::Any),
            ("balance", Range::Any),
            ("postgresql.total_exec_time", Range::NotNegative),
        ] {
            assert_eq!(range(name), expected, "{name}");
        }
    }
}
