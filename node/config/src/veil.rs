//! Lets `${...}` stand in YAML's flow collections.
//!
//! `[${env:X}]` and `{a: ${X}}` would end at the brace. So the characters that mean something there are veiled while
//! YAML is read, and unveiled in what was read.

use std::borrow::Cow;

/// What stands for a character of `${...}`: characters for private use, so that hardly a file holds them.
const VEILS: [(char, char); 5] = [
    ('{', '\u{f8e0}'),
    ('}', '\u{f8e1}'),
    (',', '\u{f8e2}'),
    ('[', '\u{f8e3}'),
    (']', '\u{f8e4}'),
];

/// Veils each `${...}` that ends on its line, before any quote: a quoted text may hold a `${` that means nothing.
/// Places stay, since one character takes the place of one. A text that holds a veil stays as it is.
pub(crate) fn veil(text: &str) -> Cow<'_, str> {
    if !text.contains("${") || text.contains(|c| VEILS.iter().any(|(_, veil)| *veil == c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 64);
    let mut done = 0;
    // Where the next character is at which a `${...}` may end; found once for all that begin before it.
    let mut end = 0;
    while let Some(at) = text[done..].find("${") {
        let inside = done + at + 1;
        out.push_str(&text[done..inside]);
        done = inside;
        if end < inside {
            let next = text[inside..].find(['}', '\n', '"', '\'']);
            end = next.map_or(text.len(), |next| inside + next);
        }
        if text[end..].starts_with('}') {
            out.extend(
                text[inside..=end]
                    .chars()
                    .map(|c| swap(c, |(plain, veil)| (plain, veil))),
            );
            done = end + 1;
        }
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

/// The text as it was before [`veil`].
pub(crate) fn unveil(text: &str) -> String {
    text.chars()
        .map(|c| swap(c, |(plain, veil)| (veil, plain)))
        .collect()
}

fn swap(c: char, direction: impl Fn((char, char)) -> (char, char)) -> char {
    VEILS
        .into_iter()
        .map(direction)
        .find(|(from, _)| *from == c)
        .map_or(c, |(_, to)| to)
}
