//! Names, keys and lists.

use std::borrow::Cow;

use crate::quoted::doubled;

/// Longer keys are none.
const KEY: usize = 80;
/// Longer kinds of nodes are none.
const KIND: usize = 64;

/// What a line `Key: value` says. Keys begin with a capital letter.
pub(super) fn key_and_value(line: &str) -> Option<(&str, &str)> {
    if line.starts_with("Trigger ") || line.starts_with("Trigger:") {
        let at = line.find(": time=").or_else(|| line.find(": calls="))?;
        return Some((line.get(..at)?, line.get(at + 2..)?));
    }
    let colon = line.bytes().take(KEY).position(|byte| byte == b':')?;
    let (key, value) = (line.get(..colon)?, line.get(colon + 1..)?);
    let is_key = key.starts_with(|c: char| c.is_ascii_uppercase())
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b" -/_().#".contains(&b));
    (is_key && (value.is_empty() || value.starts_with(' '))).then(|| (key, value.trim()))
}

/// Whether the line's text is not SQL, so that a quote in it need not have its like.
pub(super) fn is_key_of_free_text(line: &str) -> bool {
    const FREE: [&str; 6] = [
        "Foreign File",
        "Foreign Program",
        "Settings:",
        "Query Text:",
        "Query Parameters:",
        "Trigger",
    ];
    line.starts_with("->") || FREE.iter().any(|key| line.starts_with(key))
}

/// The name at the begin of a text, and what follows it. `dotted` says whether a dot ends it.
pub(super) fn name(text: &str, dotted: bool) -> Option<(Cow<'_, str>, &str)> {
    let Some(inner) = text.strip_prefix('"') else {
        let end = text
            .find(|c: char| c.is_whitespace() || (dotted && c == '.'))
            .unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end)?;
        return (!name.is_empty()).then_some((Cow::Borrowed(name), rest));
    };
    doubled(inner)
}

/// `schema.name alias`, each but the name left out where it does not stand there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Target<'a> {
    pub(super) schema: Option<Cow<'a, str>>,
    pub(super) name: Option<Cow<'a, str>>,
    pub(super) alias: Option<Cow<'a, str>>,
}

/// What stands behind `on`.
pub(super) fn target(text: &str) -> Target<'_> {
    let Some((first, rest)) = name(text.trim_start(), true) else {
        return Target::default();
    };
    let (schema, object, rest) = match rest.strip_prefix('.').and_then(|rest| name(rest, true)) {
        Some((second, rest)) => (Some(first), second, rest),
        None => (None, first, rest),
    };
    let alias = name(rest.trim_start(), false).map(|(alias, _)| alias);
    Target {
        schema,
        name: Some(object),
        alias,
    }
}

/// The elements of a list: what stands between commas that are in no brackets and no quotes.
pub(super) fn list(text: &str) -> Vec<Cow<'_, str>> {
    let mut elements = Vec::new();
    let mut depth: u32 = 0;
    let mut quote = None;
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        match (byte, quote) {
            (_, Some(open)) if byte == open => quote = None,
            (_, Some(_)) => {}
            (b'\'' | b'"', None) => quote = Some(byte),
            (b'(' | b'[' | b'{', None) => depth += 1,
            (b')' | b']' | b'}', None) => depth = depth.saturating_sub(1),
            (b',', None) if depth == 0 => {
                elements.push(Cow::Borrowed(text.get(from..at).unwrap_or_default().trim()));
                from = at + 1;
            }
            _ => {}
        }
    }
    elements.push(Cow::Borrowed(text.get(from..).unwrap_or_default().trim()));
    elements
}

/// Where the first of `needles` stands in a text, outside of quoted names.
pub(super) fn find_unquoted(text: &str, needles: &[&str]) -> Option<usize> {
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        if byte == b'"' {
            quoted = !quoted;
        }
        let is_begin = !quoted && byte == b' ';
        if is_begin
            && needles
                .iter()
                .any(|needle| text.get(at..).is_some_and(|rest| rest.starts_with(needle)))
        {
            return Some(at);
        }
    }
    None
}

/// The kind of a node that is not known; what cannot be one is hidden, as it may be anything.
pub(super) fn unknown_kind(text: &str) -> &str {
    let is_kind = text.len() <= KIND
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b" -/_():".contains(&b));
    if is_kind { text } else { "???" }
}

/// A number with or without a unit (`25kB`, `0.475 ms`, `50.00%`).
pub(super) fn figure(text: &str) -> Option<f64> {
    let text = text.trim();
    let is_digit = |c: char| c.is_ascii_digit() || matches!(c, '.' | '+' | '-' | 'e' | 'E');
    let end = text.find(|c| !is_digit(c)).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let unit = unit.trim_start();
    let is_unit = unit.len() <= 5 && unit.bytes().all(|b| b.is_ascii_alphabetic() || b == b'%');
    let number: f64 = number.parse().ok()?;
    (is_unit && number.is_finite()).then_some(number)
}
