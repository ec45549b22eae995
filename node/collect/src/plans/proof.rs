//! What stands between a text and EXPLAIN, and between a plan and a frame. All of it runs where it holds nobody up.

use std::time::Duration;

use ringwatch_parse::plan::{Limits, PlanError, fingerprint, parse, scrub_with};
use ringwatch_parse::sql::{Dialect, NotReadOnly, read_only};
use tokio::time::Instant;

use super::reason::Reason;

/// How long one plan may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// What every statement of ours begins with.
pub(super) const OURS: &str = "/* ringwatch ";
/// What a statement that has a plan begins with.
const PLANNED: [&str; 10] = [
    "select", "with", "values", "table", "insert", "update", "delete", "merge", "replace", "declare",
];
/// What the server shows of the statements of others to a role that may not see them.
const HIDDEN: &str = "<insufficient privilege>";
/// Longer texts are not asked for, in characters.
const LONGEST: usize = 100_000;

/// How many parameters the statement has, if it may be explained: it is proven to read and change nothing. `our_role`:
/// our role executes it. Since version 18 PostgreSQL keeps no comment before a statement, so that ours are known by what
/// they read.
pub(super) fn proven(dialect: Dialect, text: &str, our_role: bool) -> Result<usize, Reason> {
    let of_catalogue = || {
        dialect == Dialect::PostgreSql && ["pg_catalog.", "pg_stat"].iter().any(|name| text.contains(name))
    };
    if text.contains(OURS) || (our_role && of_catalogue()) {
        return Err(Reason::Own);
    }
    if text == HIDDEN {
        return Err(Reason::Permission);
    }
    if text.chars().nth(LONGEST).is_some() {
        return Err(Reason::TooLarge);
    }
    if !has_plan(text) {
        return Err(Reason::Utility);
    }
    // What is too long for the server's table ends so.
    if dialect != Dialect::PostgreSql && text.trim_end().ends_with("...") {
        return Err(Reason::Truncated);
    }
    match read_only(text, dialect) {
        Ok(proof) => Ok(proof.parameters),
        Err(NotReadOnly::Truncated) => Err(Reason::Truncated),
        Err(_) => Err(Reason::NotReadOnly),
    }
}

/// Whether it may be a statement that has a plan, by its first word. One that is not told apart is proven or not.
fn has_plan(text: &str) -> bool {
    let word: String = text
        .trim_start()
        .chars()
        .take_while(char::is_ascii_alphabetic)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    word.is_empty() || PLANNED.contains(&word.as_str())
}

/// A plan that may leave.
#[derive(Debug)]
pub(super) struct Scrubbed {
    /// The plan, without its literals.
    pub(super) plan: String,
    /// Its fingerprint: of what leaves, as all who read it have it.
    pub(super) hash: u64,
    /// The statement, where the plan carries it, with its literals.
    pub(super) query: Option<String>,
}

/// Takes the literals out of a plan of at most so many bytes.
pub(super) fn scrubbed(plan: &str, most: usize) -> Result<Scrubbed, Reason> {
    let start = Instant::now();
    let is_late = || start.elapsed() > PATIENCE;
    let limits = &Limits {
        bytes: most,
        stop: Some(&is_late),
        ..Limits::default()
    };
    let reason = |error: PlanError| match error {
        PlanError::TooLarge { .. } | PlanError::TooDeep { .. } | PlanError::TooManyNodes { .. } => {
            Reason::TooLarge
        }
        PlanError::TimedOut => Reason::Timeout,
        PlanError::NotAPlan | PlanError::Invalid { .. } => Reason::Unreadable,
    };
    let query = parse(plan, limits).map_err(reason)?.query;
    let query = query.map(std::borrow::Cow::into_owned);
    let (plan, hash) = scrub_with(plan, limits, fingerprint).map_err(reason)?;
    Ok(Scrubbed { plan, hash, query })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_that_of_what_leaves() {
        // MariaDB escapes nothing, so that this name does not leave.
        let plan = r#"{"query_block": {"select_id": 1, "table": {"table_name": "a"b", "access_type": "ALL",
            "rows": 2, "attached_condition": "t.a = 4711"}}}"#;
        let scrubbed = scrubbed(plan, 10_000).unwrap();
        let limits = Limits::default();
        let hash = |plan: &str| fingerprint(&parse(plan, &limits).unwrap());
        assert_ne!(
            hash(plan),
            hash(&scrubbed.plan),
            "a plan that would tell them apart"
        );
        assert_eq!(scrubbed.hash, hash(&scrubbed.plan));
    }
}
