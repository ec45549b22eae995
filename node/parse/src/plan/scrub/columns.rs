//! Names of columns that MySQL and MariaDB make of expressions.
//!
//! What a statement selects without giving it a name is named by how it is written, with its literals:
//! `concat(name, 'x') AS `concat(name, 'x')``.

use std::collections::HashSet;

use crate::sql::{Dialect, obfuscate};

const QUOTE: char = '`';

/// Whether a text is the name of a column, with the names of its table and schema before it or without, and
/// can be no literal: it has a letter, and is no number of any kind.
pub(super) fn is_name(text: &str) -> bool {
    let is_part = |part: &str| {
        let mut chars = part.chars();
        let first = chars.next();
        let is_plain = part.chars().all(|c| c.is_alphanumeric() || "_$ ".contains(c));
        is_plain
            && first.is_some_and(|c| c.is_alphabetic() || "_$".contains(c) || is_digits_and_letters(part))
    };
    !text.is_empty() && text.split('.').all(is_part)
}

/// Whether it is `2fa` or its like, and neither a number nor `0x2F`, `0b1` or `1e5`.
fn is_digits_and_letters(part: &str) -> bool {
    let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_number = rest.strip_prefix(['x', 'X', 'b', 'B', 'e', 'E']);
    let is_number = is_number.is_some_and(|digits| digits.chars().all(|c| c.is_ascii_hexdigit()));
    !is_number && rest.starts_with(|c: char| c.is_alphabetic() || c == '_') && !rest.contains(' ')
}

/// An obfuscated text without the literals in its quoted names.
pub(super) fn hide(dialect: Dialect, text: String) -> String {
    if !text.contains(QUOTE) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, quoted)) = rest.split_once(QUOTE) {
        out.push_str(before);
        let Some(end) = end(quoted) else {
            // No name ends here, so that nobody knows what it is.
            out.push('?');
            return out;
        };
        let (name, behind) = (quoted.get(..end), quoted.get(end + 1..));
        let (name, behind) = (name.unwrap_or_default(), behind.unwrap_or_default());
        out.push(QUOTE);
        // `'x' AS `x``
        if before.ends_with("? AS ") || before.ends_with("? as ") {
            out.push('?');
        } else if is_name(name) {
            out.push_str(name);
        } else {
            out.push_str(&of_expression(dialect, name));
        }
        out.push(QUOTE);
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// The words of the names that are the literals they name: `'x' AS `x``. No other place tells them from names
/// of columns.
pub(super) fn named_by_literals(query: &str) -> HashSet<&str> {
    const AS: &str = "' AS `";
    let name = |(at, _)| {
        let (before, behind) = (query.get(..at)?, query.get(at + AS.len()..)?);
        let (name, _) = behind.split_once(QUOTE)?;
        let is_its_own = before.strip_suffix(name)?.ends_with('\'');
        is_its_own.then_some(name)
    };
    let names = query.match_indices(AS).filter_map(name);
    let words = names.flat_map(|name| name.split(|c| !is_part(c)));
    words.filter(|word| is_name(word)).collect()
}

/// The text with `?` for each of the words, wherever it stands alone.
pub(super) fn without_words(text: &str, words: &HashSet<&str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
        out.push_str(if words.contains(word) { "?" } else { word });
        let end = behind.find(is_part).unwrap_or(behind.len());
        let (signs, behind) = behind.split_at_checked(end).unwrap_or((behind, ""));
        out.push_str(signs);
        rest = behind;
    }
    out
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where the name ends whose begin has been read.
fn end(quoted: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        at += quoted.get(at..)?.find(QUOTE)?;
        if !quoted.get(at + 1..)?.starts_with(QUOTE) {
            return Some(at);
        }
        at += 2;
    }
}

/// A name that is how an expression is written.
fn of_expression(dialect: Dialect, name: &str) -> String {
    let name = name.replace("``", "`");
    let hidden = obfuscate(dialect, &name).unwrap_or_else(|_| "?".to_owned());
    // A name in it that is made of an expression again cannot be told from one that is not.
    if hidden.contains(['\'', '"', '\n']) {
        return "?".to_owned();
    }
    hidden.replace('`', "``")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_literals() {
        for name in [
            "customer",
            "s.o.id",
            "2fa",
            "Odd Name",
            "Gr\u{f6}\u{df}e",
            "const",
            "_x",
            "s.t.7up",
        ] {
            assert!(is_name(name), "{name}");
        }
        for text in [
            "",
            "7",
            "47110815",
            "4.5",
            "2019-11-23",
            "0xBEEF",
            "0b11",
            "1e5",
            "'x'",
            "count(*)",
            "it's",
            "a.",
            "4711 secret",
            "x = 5",
        ] {
            assert!(!is_name(text), "{text}");
        }
    }

    #[test]
    fn literals_that_are_names_are_hidden_wherever_they_stand() {
        let query = "select `q`.`joe` AS `joe` from (select 'joe' AS `joe`,5 AS `n`,'a' AS `b`) `q`";
        assert_eq!(named_by_literals(query), HashSet::from(["joe"]));
        assert_eq!(
            named_by_literals("'a, 5 x' AS `a, 5 x`"),
            HashSet::from(["a", "x"])
        );
        assert_eq!(
            without_words("[\"joe\", q.joe, joes, `joe`]", &HashSet::from(["joe"])),
            "[\"?\", q.?, joes, `?`]"
        );
    }

    #[test]
    fn names_that_are_expressions_lose_their_literals() {
        for (text, expected) in [
            ("`t`.`2fa` = ?", "`t`.`2fa` = ?"),
            ("? AS `secret`", "? AS `?`"),
            (
                "concat(`a`,?) AS `concat(a, 'secret')`",
                "concat(`a`,?) AS `concat(a, ?)`",
            ),
            (
                "`sum(case when a = 4711 then 1 end)`",
                "`sum(case when a = ? then ? end)`",
            ),
            ("`4711`", "`?`"),
            ("`a``b`", "`a ?`"),
            ("`a", "?"),
        ] {
            let hidden = hide(Dialect::MySql, text.to_owned());
            assert_eq!(hidden, expected, "{text}");
            assert_eq!(hide(Dialect::MySql, hidden.clone()), hidden);
        }
    }
}
