//! Rows that are read as a whole, such as `row_to_json(a) FROM pg_stat_activity a`: with them goes the statement.

use ringwatch_parse::sql::{Dialect, identifiers};

/// Relations and functions whose rows hold statements.
const HOLD_STATEMENTS: [&str; 6] = [
    "pg_stat_activity",
    "pg_stat_get_activity",
    "pg_stat_statements",
    "pg_prepared_statements",
    "pg_prepared_statement",
    "pg_cursors",
];

/// The names by which a text may call such a row: those of relations that hold statements, and their aliases. Only
/// PostgreSQL can read a row as one value.
pub(super) fn row_names(dialect: Dialect, sql: &str) -> Vec<String> {
    let mut names = Vec::new();
    if dialect != Dialect::PostgreSql {
        return names;
    }
    for (at, word) in words(sql) {
        if HOLD_STATEMENTS.iter().any(|name| word.eq_ignore_ascii_case(name)) {
            names.push(word.to_ascii_lowercase());
            let after = sql.get(at + word.len()..).unwrap_or_default();
            names.extend(alias(dialect, after));
        }
    }
    names
}

/// Whether one of these rows is read, and not only a column of it.
pub(super) fn reads_row(expression: &str, names: &[String]) -> bool {
    words(expression).any(|(at, word)| {
        let before = expression.get(..at).unwrap_or_default().trim_end();
        let after = expression.get(at + word.len()..).unwrap_or_default();
        let after = after.trim_start_matches('"').trim_start();
        let is_column = after
            .strip_prefix('.')
            .is_some_and(|column| !column.trim_start().starts_with('*'));
        !is_column && !before.ends_with('.') && names.iter().any(|name| word.eq_ignore_ascii_case(name))
    })
}

/// The alias that begins a text, if one does.
fn alias(dialect: Dialect, text: &str) -> Option<String> {
    let mut text = text.trim_start_matches('"').trim_start();
    // The arguments of a function.
    if text.starts_with('(') {
        text = text.split_once(')')?.1.trim_start();
    }
    let (at, mut word) = words(text).next().filter(|(at, _)| is_next(text, *at))?;
    if word.eq_ignore_ascii_case("as") {
        let rest = text.get(at + word.len()..)?;
        word = words(rest).next().filter(|(at, _)| is_next(rest, *at))?.1;
    }
    // A reserved word is none.
    let named = identifiers(dialect, word).ok()?;
    (!named.is_empty()).then(|| word.to_ascii_lowercase())
}

/// Whether nothing but white space and a quote stands before.
fn is_next(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    before.chars().all(|c| c.is_whitespace() || c == '"')
}

/// The words of a text with the places where they begin.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let pieces = text.split(move |c| !is_part(c)).filter(|word| !word.is_empty());
    pieces.map(move |word| (word.as_ptr() as usize - text.as_ptr() as usize, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_known_by_their_relation_and_by_its_alias() {
        let of = |sql| row_names(Dialect::PostgreSql, sql).join(" ");
        for (sql, expected) in [
            ("SELECT 1 FROM pg_catalog.pg_stat_activity", "pg_stat_activity"),
            ("SELECT 1 FROM pg_stat_activity WHERE pid = 1", "pg_stat_activity"),
            ("SELECT 1 FROM PG_STAT_ACTIVITY AS A JOIN b", "pg_stat_activity a"),
            (
                "SELECT 1 FROM \"pg_stat_activity\" \"s\", c",
                "pg_stat_activity s",
            ),
            (
                "SELECT 1 FROM pg_stat_get_activity(NULL) x",
                "pg_stat_get_activity x",
            ),
            ("SELECT 1 FROM pg_stat_activity, b", "pg_stat_activity"),
            ("SELECT 1 FROM pg_class a", ""),
        ] {
            assert_eq!(of(sql), expected, "{sql}");
        }
        assert!(row_names(Dialect::MySql, "SELECT 1 FROM pg_stat_activity a").is_empty());
    }

    #[test]
    fn a_column_is_no_row() {
        let names = ["a".to_owned()];
        for (expression, expected) in [
            ("a", true),
            ("A::text", true),
            ("to_jsonb( a )", true),
            ("ROW(a.*)", true),
            ("a.pid", false),
            ("\"a\" . pid", false),
            ("b.a", false),
            ("aa", false),
        ] {
            assert_eq!(reads_row(expression, &names), expected, "{expression}");
        }
    }
}
