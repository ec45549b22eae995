//! Messages that quote data without quotes around it.

use super::HIDDEN;
use super::hide::{Numbers, hide, strings};

/// What follows the values of a key.
const AFTER_KEY: [&str; 6] = [
    ") already exists",
    ") is not present in table ",
    ") is still referenced from table ",
    ") is referenced in table ",
    ") is duplicated",
    ") conflicts with ",
];
/// Behind these all is data, or was written by who operates the server.
const BEFORE_DATA: [&str; 16] = [
    "Failing row contains ",
    "Partition key of the failing row contains ",
    "Existing local row ",
    "Existing local tuple ",
    "Remote row ",
    "Replica identity ",
    "The failed archive command was: ",
    "The failed recovery command was: ",
    "The failed restore command was: ",
    "The failed command was: ",
    "invalid connection string syntax: ",
    "could not connect to the primary server: ",
    "could not connect to the publisher: ",
    "could not receive data from WAL stream: ",
    "character with byte sequence ",
    "could not parse connection string: ",
];

/// Scrubs the text, if it is of such a form.
pub(super) fn scrub(text: &str, out: &mut String) -> bool {
    if let Some(head) = BEFORE_DATA.iter().find(|head| text.starts_with(**head)) {
        out.push_str(head);
        out.push_str(HIDDEN);
        return true;
    }
    key(text, out) || parameters(text, out) || input_line(text, out) || byte_sequence(text, out)
}

/// `Key (a)=(1) already exists.`
fn key(text: &str, out: &mut String) -> bool {
    let Some((columns, rest)) = text.strip_prefix("Key (").and_then(|text| text.split_once(")=(")) else {
        return false;
    };
    out.push_str("Key (");
    hide(columns, Numbers::Hidden, out);
    out.push_str(")=(?");
    let tail = AFTER_KEY
        .iter()
        .filter_map(|after| rest.rfind(after).map(|at| (at, *after)))
        .max_by_key(|(at, _)| *at);
    match tail {
        Some((_, ") conflicts with ")) => out.push_str(") conflicts with existing key (?)."),
        Some((at, _)) => hide(rest.get(at..).unwrap_or_default(), Numbers::Hidden, out),
        None => out.push(')'),
    }
    true
}

/// `Parameters: $1 = 'x', $2 = NULL`, and as a context.
fn parameters(text: &str, out: &mut String) -> bool {
    let heads = ["parameters: $", "Parameters: $", " parameter $"];
    let Some(at) = heads
        .iter()
        .filter_map(|head| text.find(head).map(|at| at + head.len() - 1))
        .min()
    else {
        return false;
    };
    let (head, values) = text.split_at_checked(at).unwrap_or(("", text));
    // A quote before it may be the begin of what it is in.
    if head.contains(['"', '\'']) {
        return false;
    }
    hide(head, Numbers::Hidden, out);
    strings(values, out);
    true
}

/// `COPY t, line 7, column c: "x"`, `JSON data, line 1: {...`.
fn input_line(text: &str, out: &mut String) -> bool {
    if !text.starts_with("COPY ") && !text.starts_with("JSON data, ") {
        return false;
    }
    let Some(line) = text.find(", line ").map(|at| at + ", line ".len()) else {
        return false;
    };
    let rest = text.get(line..).unwrap_or_default();
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    if digits == 0 {
        return false;
    }
    out.push_str(text.get(..line + digits).unwrap_or_default());
    let rest = rest.get(digits..).unwrap_or_default();
    let (place, data) = match rest.split_once(": ") {
        Some((place, data)) => (place, Some(data)),
        None => (rest, None),
    };
    out.push_str(place);
    match data {
        Some("null input") => out.push_str(": null input"),
        Some(data) if data.starts_with('"') => out.push_str(": \"?\""),
        Some(_) => out.push_str(": ?"),
        None => {}
    }
    true
}

/// `invalid byte sequence for encoding "UTF8": 0xd0 0x2e`.
fn byte_sequence(text: &str, out: &mut String) -> bool {
    let Some(rest) = text.strip_prefix("invalid byte sequence for encoding \"") else {
        return false;
    };
    let encoding = rest.split('"').next().unwrap_or_default();
    let is_encoding = encoding
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    out.push_str("invalid byte sequence for encoding \"");
    out.push_str(if is_encoding { encoding } else { HIDDEN });
    out.push_str("\": ?");
    true
}
