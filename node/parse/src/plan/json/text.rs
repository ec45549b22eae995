//! Escapes in texts.

use std::borrow::Cow;

/// The text that `raw` (what is between the quotes) stands for; borrowed where it has no escapes.
///
/// Never fails: half of a surrogate pair becomes U+FFFD, and of an escape that JSON does not know the
/// character after the backslash stays. `\'` stays whole: who writes it means the quote in a literal of SQL.
pub fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.as_bytes().contains(&b'\\') {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        if escape.starts_with('\'') {
            out.push('\\');
        }
        let (char, used) = escaped(escape);
        out.extend(char);
        rest = escape.get(used..).unwrap_or_default();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The character of the escape whose text after the backslash begins `escape`, and how many bytes it takes.
fn escaped(escape: &str) -> (Option<char>, usize) {
    let Some(first) = escape.chars().next() else {
        return (None, 0);
    };
    let char = match first {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'u' => return unicode(escape),
        other => other,
    };
    (Some(char), first.len_utf8())
}

/// The same of `uXXXX`, with the second half of a pair where it follows.
fn unicode(escape: &str) -> (Option<char>, usize) {
    const SHORT: usize = "uXXXX".len();
    const PAIR: usize = r"uXXXX\uXXXX".len();
    let Some(first) = hex(escape, 1) else {
        return (Some(char::REPLACEMENT_CHARACTER), 1);
    };
    if !(0xD800..0xDC00).contains(&first) {
        let char = char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER);
        return (Some(char), SHORT);
    }
    let second = match escape.get(SHORT..SHORT + 2) {
        Some("\\u") => hex(escape, SHORT + 2).filter(|second| (0xDC00..0xE000).contains(second)),
        _ => None,
    };
    let pair =
        second.and_then(|second| char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)));
    match pair {
        Some(char) => (Some(char), PAIR),
        None => (Some(char::REPLACEMENT_CHARACTER), SHORT),
    }
}

/// The four hexadecimal digits at `at`.
fn hex(text: &str, at: usize) -> Option<u32> {
    let digits = text.get(at..at + 4)?;
    let all = digits.bytes().all(|b| b.is_ascii_hexdigit());
    all.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}
