//! Statements without their literals.

use super::lexer::{Kind, Lexer};
use super::{Dialect, Unlexable};

/// The statement with `?` in place of every literal, without comments, and with one space for each run of
/// white space. Doing it again changes nothing.
///
/// Names, also those in double quotes, keywords, operators, casts and parameters (`$1`) stay. A literal, a
/// comment or a quoted name that the text does not hold to its end (databases cut long statements) becomes a
/// `?` that ends the text. So does a plain string with a backslash before a quote: whether it ends there
/// depends on a setting of the session, and either guess could show the inside of a string.
///
/// # Errors
/// When the text is not SQL of the dialect. It must then not be shown at all.
pub fn obfuscate(dialect: Dialect, text: &str) -> Result<String, Unlexable> {
    let mut out = String::with_capacity(text.len());
    let mut lexer = Lexer::new(dialect, text);
    let mut last = Kind::Comment;
    let mut end = 0;
    while let Some(token) = lexer.next_token()? {
        let is_apart = token.start > end;
        end = token.end;
        if matches!(token.kind, Kind::Comment | Kind::Mark) {
            last = Kind::Comment;
            continue;
        }
        let piece = text
            .get(token.start..token.end)
            .ok_or(Unlexable { at: token.start })?;
        // Where white space follows them, MySQL takes two of these for a comment.
        let is_minus_again = out.ends_with('-') && piece.starts_with('-');
        let is_apart = is_apart || is_minus_again || last == Kind::Comment;
        if !out.is_empty() && (is_apart || parts(last, token.kind)) {
            out.push(' ');
        }
        match token.kind {
            kind if is_hidden(kind) => out.push('?'),
            Kind::QuotedName => out.extend(piece.chars().map(|c| if c.is_control() { ' ' } else { c })),
            _ => out.push_str(piece),
        }
        last = token.kind;
    }
    Ok(out)
}

fn is_hidden(kind: Kind) -> bool {
    matches!(kind, Kind::String | Kind::Number | Kind::Cut | Kind::CutComment)
}

/// Whether a space must stand between two tokens that had none: `DATE'2026-01-01'AND` becomes `DATE ? AND`.
fn parts(before: Kind, after: Kind) -> bool {
    let is_named = |kind| {
        matches!(
            kind,
            Kind::Word | Kind::QuotedName | Kind::Parameter | Kind::Variable
        )
    };
    (is_named(before) && is_hidden(after)) || (is_hidden(before) && (is_named(after) || is_hidden(after)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_hidden_and_the_rest_stays() {
        for (text, expected) in [
            ("", ""),
            (" \n\t ", ""),
            ("SELECT 1", "SELECT ?"),
            ("SELECT  a ,\n b FROM t1", "SELECT a , b FROM t1"),
            ("SELECT 'it''s', \"it''s\"", "SELECT ?, \"it''s\""),
            ("SELECT 'a' 'b' 'c'", "SELECT ? ? ?"),
            ("SELECT E'it\\'s', e'\\\\', 2", "SELECT ?, ?, ?"),
            (
                "SELECT U&'d\\0061t' UESCAPE '!', B'01', X'1F', N'x'",
                "SELECT ? UESCAPE ?, ?, ?, ?",
            ),
            (
                "SELECT $$a'b$$, $f$ $g$ x $g$ $f$, $1::int",
                "SELECT ?, ?, $1::int",
            ),
            (
                "SELECT -1, +2, 1.5, .5, 1., 1e10, 1.5E-3, 0x1F, 0o17, 0b11, 1_000",
                "SELECT -?, +?, ?, ?, ?, ?, ?, ?, ?, ?, ?",
            ),
            ("SELECT x[1], x[2:3], f(4)", "SELECT x[?], x[?:?], f(?)"),
            (
                "SELECT a-1,b-- secret\n,c/* secret /* 2 */ */d",
                "SELECT a-?,b ,c d",
            ),
            ("SELECT DATE'2026-01-01'AND 1AND", "SELECT DATE ? AND ?"),
            (
                "SELECT a->>'k' ? 'x' ?| array['y']",
                "SELECT a->>? ? ? ?| array[?]",
            ),
            (
                "SELECT \"a\"\"b\"\"c\", t1.c2, größe",
                "SELECT \"a\"\"b\"\"c\", t1.c2, größe",
            ),
            (
                "ALTER ROLE joe PASSWORD 'hunter2' VALID UNTIL 'x'",
                "ALTER ROLE joe PASSWORD ? VALID UNTIL ?",
            ),
            ("SELECT 1;SELECT 2;", "SELECT ?;SELECT ?;"),
            ("SELECT a\0b, \"c\nd\"", "SELECT a b, \"c d\""),
            (
                "WHERE a LIKE $1 ESCAPE '\\' AND b = 'x'",
                "WHERE a LIKE $1 ESCAPE ? AND b = ?",
            ),
        ] {
            assert_eq!(obfuscate(Dialect::PostgreSql, text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_cut_off_or_uncertain_ends_the_text() {
        for (text, expected) in [
            ("SELECT a, 'secr", "SELECT a, ?"),
            ("SELECT a, E'secr\\", "SELECT a, ?"),
            ("SELECT a, $x$secr$x", "SELECT a, ?"),
            ("SELECT a, $x", "SELECT a, ?"),
            ("SELECT a, $", "SELECT a, ?"),
            ("SELECT a, \"secr", "SELECT a, ?"),
            ("SELECT a /* secr", "SELECT a ?"),
            ("SELECT a -- secr", "SELECT a"),
            ("SELECT a, 12", "SELECT a, ?"),
            ("SELECT 'it\\'s secret', b", "SELECT ?"),
            ("SELECT 'C:\\', 'secret', b", "SELECT ?"),
            ("SELECT 'C:\\\\', 'secret', b", "SELECT ?, ?, b"),
            ("SELECT 'a\\'' secret'", "SELECT ?"),
            ("LIKE a ESCAPE '\\'' secret'", "LIKE a ESCAPE ?"),
        ] {
            assert_eq!(obfuscate(Dialect::PostgreSql, text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_sql_is_refused_and_not_told() {
        for (text, at) in [("SELECT \\secret", 7), ("{secret}", 0), ("a $secret b", 2)] {
            let error = obfuscate(Dialect::PostgreSql, text).unwrap_err();
            assert_eq!(error, Unlexable { at });
            assert!(!error.to_string().contains("secret"));
        }
    }
}
