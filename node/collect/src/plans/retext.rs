//! Texts as the server keeps them, made readable for it again.
//!
//! PostgreSQL's `pg_stat_statements` puts a parameter in place of each constant, also where its grammar wants a
//! constant: after the name of a type (`interval $1`), and for the field of `extract`.

use std::borrow::Cow;

use ringwatch_parse::sql::Dialect;

/// The types whose constants are usually written with the type's name before them.
const TYPES: [&str; 12] = [
    "interval",
    "date",
    "time",
    "timetz",
    "timestamp",
    "timestamptz",
    "json",
    "jsonb",
    "uuid",
    "inet",
    "numeric",
    "bytea",
];

/// `text` as the server can read it. What it can read is left as it is.
pub(super) fn explainable(dialect: Dialect, text: &str) -> Cow<'_, str> {
    if dialect != Dialect::PostgreSql || !text.contains('$') {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut done = 0;
    for (at, _) in text.match_indices('$') {
        let digits = text.get(at + 1..).unwrap_or_default();
        let digits = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let (Some(before), Some(parameter)) = (text.get(done..at), text.get(at..at + 1 + digits)) else {
            continue;
        };
        let end = at + parameter.len();
        if digits == 0 {
            continue;
        }
        if let Some((head, kind)) = typed(before) {
            out.push_str(head);
            out.push_str(parameter);
            out.push_str("::");
            out.push_str(kind);
            done = end;
        } else if let Some((head, rest)) = extracted(before, text.get(end..).unwrap_or_default()) {
            out.push_str(head);
            out.push_str("pg_catalog.extract(");
            out.push_str(parameter);
            out.push_str("::text, ");
            done = text.len() - rest.len();
        }
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(out)
}

/// What stands before the name of a type at the end of `before`, and that name.
fn typed(before: &str) -> Option<(&str, &'static str)> {
    let (head, word) = last_word(before)?;
    if word.eq_ignore_ascii_case("zone") {
        let (head, time) = last_word(head)?;
        let (head, with) = last_word(head)?;
        let (head, kind) = last_word(head)?;
        let is = |word: &str, wanted: &str| word.eq_ignore_ascii_case(wanted);
        return match (is(time, "time"), is(with, "with"), is(with, "without")) {
            (true, true, false) if is(kind, "timestamp") => Some((head, "timestamptz")),
            (true, true, false) if is(kind, "time") => Some((head, "timetz")),
            (true, false, true) if is(kind, "timestamp") => Some((head, "timestamp")),
            (true, false, true) if is(kind, "time") => Some((head, "time")),
            // `at time zone $1`
            _ => None,
        };
    }
    let kind = TYPES.iter().find(|kind| word.eq_ignore_ascii_case(kind))?;
    Some((head, kind))
}

/// Of `extract($1 from ...`: what stands before it, and what is extracted from.
fn extracted<'a>(before: &'a str, after: &'a str) -> Option<(&'a str, &'a str)> {
    let (head, word) = last_word(before.trim_end().strip_suffix('(')?)?;
    if !word.eq_ignore_ascii_case("extract") {
        return None;
    }
    let from = after.trim_start();
    let is_from = from.get(..4)?.eq_ignore_ascii_case("from");
    let rest = from.get(4..)?;
    (is_from && rest.starts_with(char::is_whitespace)).then(|| (head, rest.trim_start()))
}

/// The word at the end of a text and what stands before it.
fn last_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_end();
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '"' || c == '.';
    let begin = text.trim_end_matches(is_word).len();
    let word = text.get(begin..).filter(|word| !word.is_empty())?;
    Some((text.get(..begin)?, word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_stand_where_the_grammar_has_them() {
        for (text, expected) in [
            ("select now() - interval $1", "select now() - $1::interval"),
            ("select DATE $1, d > date $2", "select $1::date, d > $2::date"),
            (
                "select timestamp with time zone $1 at time zone $2",
                "select $1::timestamptz at time zone $2",
            ),
            ("select TIME WITHOUT TIME ZONE $12", "select $12::time"),
            (
                "select extract($1 from a.at), EXTRACT( $2  FROM (b))",
                "select pg_catalog.extract($1::text, a.at), pg_catalog.extract($2::text, (b))",
            ),
            ("select extract(day from $1)", "select extract(day from $1)"),
            (
                "select $1, $2::interval, my_date $3",
                "select $1, $2::interval, my_date $3",
            ),
            ("select t.date $1", "select t.date $1"),
            ("select '$' || $$ date $$", "select '$' || $$ date $$"),
        ] {
            assert_eq!(explainable(Dialect::PostgreSql, text), expected);
        }
        let text = "select date $1";
        assert_eq!(explainable(Dialect::MySql, text), text);
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in "(select |date |extract\\( ?|\\$[0-9]{0,2}| from | |\u{e9}|[a-z(]){0,20}") {
            let out = explainable(Dialect::PostgreSql, &text);
            prop_assert_eq!(out.matches('$').count(), text.matches('$').count());
        }
    }
}
