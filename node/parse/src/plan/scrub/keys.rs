//! What the values of each key are, as far as literals are concerned. What is not known is hidden.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use super::columns;
use super::lists::{COLUMNS, EXPRESSIONS, FIGURES, LITERALS, NAMES, OPERATIONS};
use super::operation::operation;
use crate::sql::{Dialect, obfuscate};

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A word of the engine's or a name of the schema's: no literal.
    Name,
    /// SQL, or a part of it.
    Expression,
    /// The name of a column as it is, or an expression that an index is of.
    Column,
    /// A step of MySQL's in words, with expressions in it.
    Operation,
    /// Figures with units and words between them.
    Figures,
    /// Anything else.
    Unknown,
}

/// All lists as one. A key that is in several has the meaning that is put in last.
static MEANINGS: LazyLock<HashMap<&str, Meaning>> = LazyLock::new(|| {
    let lists: [(&[&'static str], Meaning); 5] = [
        (&OPERATIONS, Meaning::Operation),
        (&FIGURES, Meaning::Figures),
        (&NAMES, Meaning::Name),
        (&COLUMNS, Meaning::Column),
        (&EXPRESSIONS, Meaning::Expression),
    ];
    let all = lists.into_iter();
    all.flat_map(|(keys, meaning)| keys.iter().map(move |key| (*key, meaning)))
        .collect()
});

/// What the text of this key is.
pub(crate) fn meaning(key: &str) -> Meaning {
    // A part of a property has the key of the part behind a dot; see `Full-sort Groups.Group Count`.
    let key = key.rsplit('.').next().unwrap_or(key);
    match MEANINGS.get(key) {
        Some(meaning) => *meaning,
        None if is_condition(key) => Meaning::Expression,
        None if key.starts_with("Worker ") => Meaning::Figures,
        None => Meaning::Unknown,
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
    // The tree has the columns of each engine under the same key.
    let listed = key == "Output" && dialect != Dialect::PostgreSql;
    match meaning(key) {
        Meaning::Column if columns::is_name(text) => Cow::Borrowed(text),
        Meaning::Expression if listed && columns::is_name(text) => Cow::Borrowed(text),
        Meaning::Name => Cow::Borrowed(text),
        Meaning::Column | Meaning::Expression => Cow::Owned(expression(dialect, text)),
        Meaning::Operation => Cow::Owned(operation(text)),
        Meaning::Figures if is_figures(text) => Cow::Borrowed(text),
        Meaning::Figures | Meaning::Unknown => Cow::Borrowed("?"),
    }
}

/// An expression without its literals; `?` where it is no SQL.
pub(crate) fn expression(dialect: Dialect, text: &str) -> String {
    if is_column(text) {
        return text.to_owned();
    }
    let hide = |text: &str| obfuscate(dialect, text).unwrap_or_else(|_| "?".to_owned());
    match dialect {
        Dialect::PostgreSql => hide(text),
        Dialect::MySql | Dialect::MariaDb if text.contains('#') => {
            columns::hide(dialect, hide(&numbered(text))).replace(NUMBER, "#")
        }
        Dialect::MySql | Dialect::MariaDb => columns::hide(dialect, hide(text)),
    }
}

/// Stands for the sign of a number while a text is lexed.
const NUMBER: &str = "number_sign_";

/// A text whose subqueries have names: `(select #2)` and MariaDB's `(subquery#2)` would begin comments.
fn numbered(text: &str) -> String {
    let mut parts = text.split('#');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_name = out.ends_with("select ") || out.ends_with("subquery");
        let is_number = part.starts_with(|c: char| c.is_ascii_digit());
        out.push_str(if is_name && is_number { NUMBER } else { "#" });
        out.push_str(part);
    }
    out
}

/// Whether it is a name such as `orders.id`, without quotes. Most expressions of a plan are, and lexing them
/// would take most of the time.
fn is_column(text: &str) -> bool {
    let is_part = |part: &str| {
        let starts = part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        starts && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    text.split('.').all(is_part)
}

/// Whether a text is made of numbers, units and words.
pub(crate) fn is_figures(text: &str) -> bool {
    const LONGEST: usize = 512;
    text.len() <= LONGEST
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b" .,=:()/%+-_".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_not_lexed_would_stay_as_they_are() {
        for name in [
            "a",
            "orders.id",
            "s.orders.Id",
            "_x.NULL",
            "select.e",
            "current_date",
            "N",
            "x1.b2",
        ] {
            assert!(is_column(name));
            for dialect in [Dialect::PostgreSql, Dialect::MySql, Dialect::MariaDb] {
                assert_eq!(obfuscate(dialect, name).as_deref(), Ok(name));
            }
        }
        for text in ["", "1", "a.1b", "a.", "'x'", "a b", "$1", "a.*"] {
            assert!(!is_column(text), "{text}");
        }
    }
}
