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
        let (names, rest) = text.split_at_checked(access(text)).unwrap_or(("", text));
        return match rest.trim_start() {
            "" => names.to_owned(),
            rest if names.is_empty() => expression(Dialect::MySql, rest),
            rest => {
                let space = if names.ends_with(' ') || rest.starts_with([',', ':']) {
                    ""
                } else {
                    " "
                };
                format!("{names}{space}{}", expression(Dialect::MySql, rest))
            }
        };
    };
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let rest = expression(Dialect::MySql, rest);
    let space = if rest.is_empty() { "" } else { " " };
    format!("{QUERY}{number}{space}{rest}")
}

/// What the names of steps begin with that read or write a relation, whose name follows as it is.
const ACCESS: [&str; 14] = [
    "Table scan on ",
    "Scan new records on ",
    "Index ",
    "Covering index ",
    "Single-row ",
    "Multi-range index ",
    "Full-text ",
    "Group index ",
    "Reverse ",
    "Ordered ",
    "Insert into ",
    "Replace into ",
    "Update ",
    "Delete from ",
];

/// Where the names of a step end that are not quoted, as `2fast` in `Index lookup on t using 2fast (a=1)`.
fn access(text: &str) -> usize {
    if !ACCESS.iter().any(|begin| text.starts_with(begin)) {
        return 0;
    }
    let ends = [" (", " over ", ", with ", ": "];
    let end = ends.into_iter().filter_map(|mark| text.find(mark)).min();
    let end = end.unwrap_or(text.len());
    match text.get(..end) {
        Some(names) if !names.contains(['\'', '"', '`', '#', '=', '\n', '(']) => end,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_readable_and_without_literals() {
        for (text, expected) in [
            ("Filter: (t1.a = 'x\\'y')", "Filter: (t1.a = ?)"),
            ("Limit: 10 row(s)", "Limit: ? row(s)"),
            ("Index Cond: (b > 5)", "Index Cond: (b > ?)"),
            (
                "Select #2 (subquery in condition; run only once)",
                "Select #2 (subquery in condition; run only once)",
            ),
            ("Select #3", "Select #3"),
            (
                "Index lookup on Odd Name using 2fast (2fa = 'x')",
                "Index lookup on Odd Name using 2fast (? = ?)",
            ),
            (
                "Index scan on t using 47, with index condition: (t.`7` > 4711)",
                "Index scan on t using 47, with index condition: (t.`?` > ?)",
            ),
            (
                "Sort: `concat(orders.note,'x')`, orders.total",
                "Sort: `concat(orders.note,?)`, orders.total",
            ),
            (
                "<not executable by iterator executor>",
                "<not executable by iterator executor>",
            ),
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
