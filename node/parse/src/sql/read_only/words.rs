//! The words that begin statements.

/// Whether a word in small letters is in a sorted list.
pub(super) fn is_one_of(list: &[&str], word: &str) -> bool {
    list.binary_search(&word).is_ok()
}

/// Statements that change data.
pub(super) const MODIFYING: &[&str] = &[
    "copy", "delete", "import", "insert", "load", "merge", "replace", "truncate", "update",
];

/// Statements that are no queries. Not all: what is none of the words that begin a query is refused anyhow
/// where nothing but one can stand.
#[rustfmt::skip]
pub(super) const STATEMENTS: &[&str] = &[
    "abort", "alter", "analyse", "analyze", "begin", "call", "checkpoint", "clone", "cluster", "commit",
    "copy", "create", "deallocate", "delete", "describe", "discard", "do", "drop", "execute", "explain",
    "flush", "grant", "handler", "import", "insert", "install", "kill", "listen", "load", "lock", "merge",
    "notify", "optimize", "prepare", "purge", "reassign", "refresh", "reindex", "rename", "repair",
    "replace", "reset", "revoke", "rollback", "savepoint", "set", "show", "shutdown", "truncate",
    "uninstall", "unlisten", "unlock", "update", "use", "vacuum", "xa",
];

/// What comes after a column or a function. No table has one of these names without quotes.
pub(super) const GOES_ON: &[&str] = &[
    "and", "as", "asc", "collate", "desc", "in", "is", "like", "not", "or", "order",
];
