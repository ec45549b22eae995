//! MySQL's steps in words.

use super::keys::expression;
use crate::sql::Dialect;

/// A step such as `Filter: (t.a = 'x')` without its literals.
///
/// What stands there is no SQL, but close enough to be read as such, but for the number of a query: `#`
/// begins a comment.
pub(super) fn operation(text: &str) -> String {
    const QUERY: &str = "Select #";
    let Some(rest) = text.strip_prefix(QUERY) else {
        return expression(Dialect::MySql, text);
    };
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let rest = expression(Dialect::MySql, rest);
    let space = if rest.is_empty() { "" } else { " " };
    format!("{QUERY}{number}{space}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_readable_and_without_literals() {
        for (text, expected) in [
            ("Filter: (t1.a = 'x\\'y')", "Filter: (t1.a = ?)"),
            ("Limit: 10 row(s)", "Limit: ? row(s)"),
            (
                "Select #2 (subquery in condition; run only once)",
                "Select #2 (subquery in condition; run only once)",
            ),
            ("Select #3", "Select #3"),
            ("Table scan on <temporary>", "Table scan on <temporary>"),
            (
                "Index range scan on t using PRIMARY over (5 <= id <= 10) OR ('a' < b)",
                "Index range scan on t using PRIMARY over (? <= id <= ?) OR (? < b)",
            ),
            (
                "Single-row index lookup on e using PRIMARY (emp_no='00012')",
                "Single-row index lookup on e using PRIMARY (emp_no=?)",
            ),
            (
                "Filter: (t.d = <cache>(DATE'2020-01-01'))",
                "Filter: (t.d = <cache>(DATE ?))",
            ),
        ] {
            let hidden = operation(text);
            assert_eq!(hidden, expected);
            assert_eq!(operation(&hidden), hidden);
        }
    }
}
