//! Hiding quoted texts and numbers.

use super::HIDDEN;
use super::known::is_kind;

/// What becomes of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// They are the server's own.
    Kept,
    /// They may be data.
    Hidden,
}

/// Copies a text with its quoted parts hidden. What was hidden before a quote says nothing about it. What is
/// in double quotes behind a word that says what is named stays.
///
/// Messages do not escape the quotes in what they quote, so from the first quote all is hidden up to the last
/// of them.
pub(super) fn hide(text: &str, numbers: Numbers, out: &mut String) {
    let mut from = 0;
    while let Some(rest) = text.get(from..).filter(|rest| !rest.is_empty()) {
        let at = rest.find(['"', '\'', '$']).unwrap_or(rest.len());
        words(rest.get(..at).unwrap_or_default(), numbers, out);
        from += at;
        let rest = text.get(from..).unwrap_or_default();
        from += match rest.chars().next() {
            Some('"') => double(rest, numbers, out),
            Some('\'') => single(rest, out),
            Some('$') => dollar(rest, out),
            _ => return,
        };
    }
}

/// Hides what begins with a double quote, or keeps a name. Tells how long it is.
fn double(rest: &str, numbers: Numbers, out: &mut String) -> usize {
    let inner = rest.get(1..).unwrap_or_default();
    if is_name_next(out, numbers)
        && let Some(end) = inner.find('"')
        && !inner
            .get(..end)
            .unwrap_or_default()
            .split(' ')
            .any(|word| is_data("", word))
    {
        let length = end + 2;
        out.push_str(rest.get(..length).unwrap_or_default());
        return length;
    }
    out.push('"');
    out.push_str(HIDDEN);
    out.push('"');
    inner.rfind('"').map_or(rest.len(), |end| end + 2)
}

/// Whether the words before a quote say that a name follows.
fn is_name_next(before: &str, numbers: Numbers) -> bool {
    let Some(before) = before.strip_suffix(' ') else {
        return false;
    };
    match last_word(before) {
        "statement" => before.ends_with("prepared statement"),
        "in" => before.ends_with("VACUUM in"),
        // In the server's own messages.
        "of" | "for" | "from" | "to" | "by" | "on" | "with" => numbers == Numbers::Kept,
        word => !word.is_empty() && is_kind(word),
    }
}

fn last_word(text: &str) -> &str {
    let word = text.rsplit(|c: char| !c.is_alphabetic()).next();
    word.unwrap_or_default()
}

/// Hides what begins with a single quote, or keeps an apostrophe.
fn single(rest: &str, out: &mut String) -> usize {
    let is_in_word = out.ends_with(|c: char| c.is_lowercase());
    let after: String = rest
        .chars()
        .skip(1)
        .take_while(|c| c.is_alphanumeric())
        .take(3)
        .collect();
    if is_in_word && matches!(after.as_str(), "s" | "t" | "re" | "ll" | "ve") {
        out.push('\'');
        out.push_str(&after);
        return 1 + after.len();
    }
    out.push_str(HIDDEN);
    let inner = rest.get(1..).unwrap_or_default();
    inner.rfind('\'').map_or(rest.len(), |end| end + 2)
}

/// Keeps `$1`, hides `$$...$$` and all that follows.
fn dollar(rest: &str, out: &mut String) -> usize {
    let inner = rest.get(1..).unwrap_or_default();
    let digits = inner.find(|c: char| !c.is_ascii_digit()).unwrap_or(inner.len());
    if digits > 0 && !out.ends_with(|c: char| c.is_alphanumeric()) {
        out.push_str(rest.get(..=digits).unwrap_or_default());
        return digits + 1;
    }
    let word = inner
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(inner.len());
    if inner.get(word..).is_some_and(|rest| rest.starts_with('$')) {
        out.push_str(HIDDEN);
        return rest.len();
    }
    out.push('$');
    1
}

/// Copies SQL-like values with their strings hidden; a quote in a string is doubled there.
pub(super) fn strings(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some((plain, string)) = rest.split_once('\'') {
        words(plain, Numbers::Hidden, out);
        out.push_str(HIDDEN);
        let mut inner = string;
        rest = loop {
            let Some((_, after)) = inner.split_once('\'') else {
                break "";
            };
            match after.strip_prefix('\'') {
                Some(more) => inner = more,
                None => break after,
            }
        };
    }
    words(rest, Numbers::Hidden, out);
}

/// Copies words; numbers and what holds some are hidden, but where what is around them says what they are.
/// Where they are the server's own, those are hidden that it would not write.
fn words(text: &str, numbers: Numbers, out: &mut String) {
    let is_word = |c: char| {
        !(c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '{' | '}' | ',' | ';' | '=' | '?'))
    };
    let mut rest = text;
    while !rest.is_empty() {
        let start = rest.find(is_word).unwrap_or(rest.len());
        out.push_str(rest.get(..start).unwrap_or_default());
        rest = rest.get(start..).unwrap_or_default();
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or_default();
        let core = word.trim_end_matches(['.', ':', '!', '%']);
        let is_shown = match numbers {
            Numbers::Kept => !is_data(out, core),
            Numbers::Hidden => is_shown(core) || is_counted(out, core),
        };
        out.push_str(if is_shown { core } else { HIDDEN });
        out.push_str(word.get(core.len()..).unwrap_or_default());
        rest = rest.get(end..).unwrap_or_default();
    }
}

/// Whether a word is no figure and no name of the server's: it has a sign of mail addresses in it, or as many
/// digits as numbers of cards and accounts have.
fn is_data(before: &str, word: &str) -> bool {
    /// Behind these a number may be a large one.
    const LARGE: [&str; 8] = [
        "size",
        "transaction",
        "transactions",
        "bytes",
        "xid",
        "xmin",
        "images",
        "removed",
    ];
    /// A segment of the write-ahead log.
    const SEGMENT: usize = 24;
    let longest = |part: &str| {
        let runs = part.split(|c: char| !(c.is_numeric() || c == '-'));
        runs.map(|run| run.chars().filter(|c| c.is_numeric()).count())
            .max()
    };
    let is_segment = |part: &str| part.len() == SEGMENT && part.bytes().all(|b| b.is_ascii_hexdigit());
    let before = last_word(before.trim_end_matches(|c: char| !c.is_alphabetic()));
    let most = if LARGE.contains(&before) { 12 } else { 8 };
    let mut parts = word.split(['/', '.', ':']);
    word.contains('@') || parts.any(|part| !is_segment(part) && longest(part) > Some(most))
}

/// A word that is a name or no number.
fn is_shown(word: &str) -> bool {
    if word.contains('@') {
        return false;
    }
    if !word.contains(|c: char| c.is_numeric()) {
        return true;
    }
    let is_parameter = word
        .strip_prefix('$')
        .is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()));
    let is_name = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && word.len() <= 63
        && word
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '/'));
    is_parameter || is_name
}

/// A number that says where or how long: `at character 15`, `character varying(3)`.
fn is_counted(before: &str, word: &str) -> bool {
    const PLACES: &str =
        "character line column process PID block parameter position OID attribute argument code";
    const TYPES: &str = "character varying varchar bit numeric timestamp time interval";
    let (known, before) = match before.strip_suffix('(') {
        Some(before) => (TYPES, before),
        None => (PLACES, before.trim_end_matches(' ')),
    };
    let before = last_word(before);
    word.bytes().all(|b| b.is_ascii_digit()) && known.split(' ').any(|word| word == before)
}
