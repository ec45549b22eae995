//! Conditions in the one spelling that is hashed.

use super::super::scrub::expression;
use crate::sql::Dialect;

/// A condition without its literals, parameters, qualifiers and white space.
///
/// Qualifiers are left out because the planner makes some of them (`orders_1`), and because PostgreSQL writes
/// them only with `VERBOSE` or where there are several tables. A value that is cast is a value, and a list of
/// values is one.
pub(super) fn canonical(dialect: Dialect, condition: &str) -> String {
    let text = expression(dialect, condition);
    let mut writer = Writer::default();
    let mut rest = text.as_str();
    while let Some((piece, after)) = next(rest) {
        rest = after;
        match piece {
            Piece::Name(name) => {
                if let Some(beyond) = after.strip_prefix('.') {
                    rest = beyond;
                } else {
                    writer.name(name);
                }
            }
            Piece::Value => writer.value(),
            Piece::Cast if writer.is_value => rest = without_type(after),
            Piece::Cast => writer.sign("::"),
            Piece::Sign(sign) => writer.sign(sign),
        }
    }
    writer.out
}

enum Piece<'a> {
    Name(&'a str),
    Value,
    Cast,
    Sign(&'a str),
}

/// The first piece of an obfuscated text, and what comes after it.
fn next(text: &str) -> Option<(Piece<'_>, &str)> {
    let text = text.trim_start();
    let first = text.chars().next()?;
    let until = |end: usize| (text.get(..end).unwrap_or(text), text.get(end..).unwrap_or(""));
    if matches!(first, '"' | '`') {
        let end = quoted(text, first);
        let (name, rest) = until(end);
        return Some((Piece::Name(name.trim_matches(first)), rest));
    }
    if is_name(first) {
        let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
        let (name, rest) = until(end);
        let is_number = first.is_ascii_digit();
        return Some((
            if is_number {
                Piece::Value
            } else {
                Piece::Name(name)
            },
            rest,
        ));
    }
    if first == '?' {
        return Some((Piece::Value, until(1).1));
    }
    if first == '$' {
        let digits = text.get(1..).unwrap_or("");
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        return Some((Piece::Value, digits.get(end..).unwrap_or("")));
    }
    if let Some(rest) = text.strip_prefix("::") {
        return Some((Piece::Cast, rest));
    }
    let (sign, rest) = until(first.len_utf8());
    Some((Piece::Sign(sign), rest))
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where the quoted name ends that the text begins with.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_open = true;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote {
            is_open = !is_open;
        } else if !is_open {
            return at;
        }
    }
    text.len()
}

/// What comes after the name of a type: `double precision`, `numeric(?,?)`, `timestamp(?) without time zone`,
/// `text[]`.
fn without_type(text: &str) -> &str {
    let mut rest = text;
    let mut names = 0;
    loop {
        match next(rest) {
            Some((Piece::Name(name), after)) if names == 0 || goes_on(name) => {
                names += 1;
                rest = after;
                if let Some(beyond) = after.strip_prefix('.') {
                    names = 0;
                    rest = beyond;
                }
            }
            Some((Piece::Sign("("), after)) if names > 0 && after.starts_with('?') => {
                let end = after.find(')').map_or(after.len(), |end| end + 1);
                rest = after.get(end..).unwrap_or("");
            }
            Some((Piece::Sign("["), after)) if names > 0 => {
                let end = after.find(']').map_or(after.len(), |end| end + 1);
                rest = after.get(end..).unwrap_or("");
            }
            _ => return rest,
        }
    }
}

/// The words that the names of PostgreSQL's types go on with.
fn goes_on(word: &str) -> bool {
    const WORDS: [&str; 13] = [
        "precision",
        "varying",
        "with",
        "without",
        "time",
        "zone",
        "to",
        "year",
        "month",
        "day",
        "hour",
        "minute",
        "second",
    ];
    WORDS.contains(&word)
}

/// Writes pieces with a space only between two names.
#[derive(Default)]
struct Writer {
    out: String,
    /// Whether the last piece was a value.
    is_value: bool,
}

impl Writer {
    fn name(&mut self, name: &str) {
        if self.out.ends_with(|c| is_name(c) || c == '?') {
            self.out.push(' ');
        }
        self.out.push_str(name);
        self.is_value = false;
    }

    fn value(&mut self) {
        self.is_value = true;
        // A sign that has no operand before it belongs to the value.
        if let Some(before) = self.out.strip_suffix(['-', '+'])
            && !before.ends_with(|c| is_name(c) || matches!(c, '?' | ')' | ']'))
        {
            self.out.pop();
        }
        if self.out.ends_with("?,") {
            self.out.pop();
        } else {
            self.out.push('?');
        }
    }

    fn sign(&mut self, sign: &str) {
        self.is_value = false;
        if sign == "]" && self.out.ends_with("ARRAY[?") {
            self.out.truncate(self.out.len() - "ARRAY[?".len());
            return self.value();
        }
        if sign == ")"
            && let Some(before) = self.out.strip_suffix("(?")
            && !before.ends_with(is_name)
        {
            self.out.truncate(before.len());
            return self.value();
        }
        self.out.push_str(sign);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_qualifiers_and_planner_made_aliases_do_not_matter() {
        for (one, other) in [
            ("(a.id = 5)", "(id = $1)"),
            ("(a_1.id = '-5'::integer)", "(a.id = 7)"),
            ("(x = ANY ('{1,2,3}'::integer[]))", "(x = ANY ($1))"),
            ("(x = ANY ('{1,2}'::integer[]))", "(x = ANY (ARRAY[$1, $2, $3]))"),
            (
                "(t > '2020-01-01 00:00:00'::timestamp without time zone)",
                "(t > $2)",
            ),
            ("(t > '1 day'::interval day to second)", "(t > $2)"),
            ("(n = '1.5'::numeric(10,2))", "(n = 3.5)"),
            ("(c = 'x'::\"char\")", "(c = $1)"),
            ("(c = 'x'::public.mood)", "(c = $1)"),
            ("(c = ('x'::cstring)::date)", "(c = $1)"),
            ("(hashed SubPlan 1)", "(hashed SubPlan 12)"),
            ("(`db`.`t`.`a` in (1,2,3))", "(`t`.`a` in (4))"),
        ] {
            let dialect = if one.contains('`') {
                Dialect::MySql
            } else {
                Dialect::PostgreSql
            };
            let expected = canonical(dialect, other);
            if one.contains("::date") {
                assert_eq!(canonical(dialect, one), "(c=?)", "{one}");
            }
            assert_eq!(canonical(dialect, one), expected, "{one}");
        }
    }

    #[test]
    fn what_a_condition_says_matters() {
        for (one, other) in [
            ("(id = 5)", "(id > 5)"),
            ("(id = 5)", "(key = 5)"),
            ("((a)::text = 'x'::text)", "(a = 'x'::text)"),
            ("(a - 5)", "(a + 5)"),
            ("(f(1))", "(g(1))"),
            ("(\"a b\" = 1)", "(ab = 1)"),
        ] {
            assert_ne!(
                canonical(Dialect::PostgreSql, one),
                canonical(Dialect::PostgreSql, other),
                "{one}"
            );
        }
    }

    #[test]
    fn what_is_no_sql_is_one_value() {
        assert_eq!(canonical(Dialect::PostgreSql, "a \\ b"), "?");
        assert_eq!(canonical(Dialect::PostgreSql, "?"), "?");
        assert_eq!(canonical(Dialect::PostgreSql, ""), "");
    }
}
