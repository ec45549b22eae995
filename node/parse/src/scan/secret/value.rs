//! Values behind a name: where they begin and end, and what is none.

use super::super::bytes::Bytes;

/// The longest password.
const PASSWORD: usize = 256;

/// What stands between a name and its value.
pub(super) struct Between {
    /// `=`, `:`, `>`, or NUL where there is none.
    pub(super) sign: u8,
    pub(super) has_blanks: bool,
    /// The quote before the value.
    pub(super) quote: u8,
    /// Whether the quote is escaped, as it is in a string within a string.
    pub(super) is_escaped: bool,
    pub(super) value: usize,
}

pub(super) fn between(text: Bytes<'_>, end: usize) -> Between {
    let is_quote = |b: u8| matches!(b, b'"' | b'\'' | b'`');
    let mut at = end;
    let mut is_closed = false;
    // The quote that ends the name itself.
    let after = text.run(at, 2, |b| b == b'\\');
    if is_quote(text.at(after)) {
        at = after + 1;
        is_closed = true;
    }
    let blank = |b: u8| b == b' ' || b == b'\t';
    let first = text.run(at, 4, blank);
    let mut sign = 0;
    let mut next = first;
    if matches!(text.at(first), b'=' | b':' | b'>') {
        sign = text.at(first);
        next = text.run(first, 3, |b| matches!(b, b'=' | b':' | b'>'));
    } else if is_closed {
        // A quote behind the name and no sign: it was the quote of the value.
        return Between {
            sign: 0,
            has_blanks: false,
            quote: text.before(at),
            is_escaped: after > end,
            value: at,
        };
    }
    let value = text.run(next, 4, blank);
    let unescaped = text.run(value, 2, |b| b == b'\\');
    let quote = if is_quote(text.at(unescaped)) {
        text.at(unescaped)
    } else {
        0
    };
    Between {
        sign,
        has_blanks: first > at || value > next,
        quote,
        is_escaped: quote != 0 && unescaped > value,
        value: if quote == 0 { value } else { unescaped + 1 },
    }
}

/// Where a value in quotes ends: at the same quote, neither doubled nor escaped more than the first was.
pub(super) fn quoted_end(text: Bytes<'_>, between: &Between) -> usize {
    let mut at = between.value;
    let last = between.value + PASSWORD;
    while at < last.min(text.len()) {
        let byte = text.at(at);
        if byte == b'\\' {
            if between.is_escaped && text.at(at + 1) == between.quote {
                return at;
            }
            at += 2;
        } else if byte != between.quote {
            at += 1;
        } else if text.at(at + 1) == between.quote && !between.is_escaped {
            at += 2;
        } else {
            return at;
        }
    }
    boundary(text, at.min(text.len()))
}

pub(super) fn open_end(text: Bytes<'_>, start: usize) -> usize {
    let ends = |b: u8| {
        b.is_ascii_whitespace()
            || matches!(
                b,
                b',' | b';'
                    | b'&'
                    | b'"'
                    | b'\''
                    | b'`'
                    | b'('
                    | b')'
                    | b'<'
                    | b'>'
                    | b'['
                    | b']'
                    | b'{'
                    | b'}'
                    | b'|'
                    | b'\\'
                    | 0
            )
    };
    boundary(text, text.run(start, PASSWORD, |b| !ends(b)))
}

/// The end of the character that this place is in.
fn boundary(text: Bytes<'_>, at: usize) -> usize {
    text.run(at, 3, |b| matches!(b, 0x80..=0xbf))
}

/// Whether a value is no value: a parameter, a mask, a word for nothing.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    static WORDS: [&str; 18] = [
        "null",
        "none",
        "nil",
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
        "default",
        "required",
        "redacted",
        "hidden",
        "masked",
        "undefined",
        "string",
        "text",
        "password",
    ];
    let is_mask = value
        .iter()
        .all(|b| matches!(b, b'*' | b'x' | b'X' | b'.' | b'?' | b'-' | b'_' | b'#'));
    let is_parameter = match value {
        [b'?', ..] => true,
        [b'$', next, ..] => next.is_ascii_digit() || matches!(next, b'{' | b'(') || next.is_ascii_uppercase(),
        [b'%', b's' | b'(' | b'd' | b'@' | b'v', ..] => true,
        [b':', next, ..] => next.is_ascii_alphabetic() || *next == b'_',
        [b'@', next, ..] => next.is_ascii_alphabetic() || matches!(next, b'@' | b'_'),
        [b'<' | b'{' | b'[', ..] => true,
        _ => false,
    };
    is_mask
        || is_parameter
        || WORDS
            .iter()
            .any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
}
