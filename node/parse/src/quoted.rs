//! Texts in double quotes in which a quote is doubled: names in SQL, fields in CSV.

use std::borrow::Cow;

/// What stands before the closing quote, of a text that follows its opening one, and what comes after it; `None` where it
/// is not closed.
pub(crate) fn doubled(quoted: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut from = 0;
    let mut is_doubled = false;
    loop {
        let end = from + quoted.get(from..)?.find('"')?;
        let rest = quoted.get(end + 1..)?;
        if rest.starts_with('"') {
            is_doubled = true;
            from = end + 2;
            continue;
        }
        let inner = quoted.get(..end)?;
        let text = if is_doubled {
            Cow::Owned(inner.replace("\"\"", "\""))
        } else {
            Cow::Borrowed(inner)
        };
        return Some((text, rest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubled_quote_is_one_and_a_single_one_ends() {
        for (text, expected) in [
            ("a\" b", Some(("a", " b"))),
            ("\"", Some(("", ""))),
            ("a\"\"b\",c", Some(("a\"b", ",c"))),
            ("\"\"\"", Some(("\"", ""))),
            ("open", None),
            ("open\"\"", None),
        ] {
            let found = doubled(text);
            assert_eq!(
                found.as_ref().map(|(text, rest)| (&**text, *rest)),
                expected,
                "{text}"
            );
        }
    }
}
