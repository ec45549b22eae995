//! The words that begin statements, and what else a token may be.

/// Whether a word in small letters is in a sorted list.
pub(super) fn is_one_of(list: &[&str], word: &str) -> bool {
    list.binary_search(&word).is_ok()
}

/// Whether a token that begins like a number is one to its end. Some servers read `1INTO` as two words.
pub(super) fn is_number(piece: &str) -> bool {
    let small = piece.to_ascii_lowercase();
    if let Some(hex) = small.strip_prefix("0x") {
        return hex.bytes().all(|b| b.is_ascii_hexdigit() || b == b'_');
    }
    let bits = small.strip_prefix("0b").or_else(|| small.strip_prefix("0o"));
    let digits = bits.unwrap_or(&small);
    let (digits, exponent) = digits.split_once('e').unwrap_or((digits, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let is_decimal = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || b == b'_' || b == b'.');
    is_decimal(digits) && is_decimal(exponent) && !exponent.is_empty()
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
