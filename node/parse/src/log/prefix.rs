//! What stands before the messages of a `stderr` log.

use std::borrow::Cow;
use std::fmt::Write as _;

use regex::Regex;

use super::entry::{Entry, some};
use super::time::milliseconds;

/// Longer settings are not read.
const LONGEST: usize = 1024;

/// The setting `log_line_prefix`, to read what it put before a message.
#[derive(Clone, Debug)]
pub struct Prefix {
    pattern: Option<Regex>,
}

impl Prefix {
    /// Not known: user and database are found where they stand as `user@database` or behind `user=` and
    /// `db=`.
    pub const fn unknown() -> Self {
        Self { pattern: None }
    }

    /// As it is set on the server. One that cannot be used is as good as [`Self::unknown`].
    pub fn new(setting: &str) -> Self {
        let pattern = (setting.len() <= LONGEST).then(|| pattern(setting));
        Self {
            pattern: pattern.and_then(|pattern| Regex::new(&pattern).ok()),
        }
    }

    /// Reads what stands before a message: the prefix and the message's level.
    pub(super) fn read<'a>(&self, before: &'a str) -> Entry<'a> {
        let Some(found) = self.pattern.as_ref().and_then(|pattern| pattern.captures(before)) else {
            return guessed(before);
        };
        let text = |name: &str| found.name(name).map(|found| found.as_str().trim());
        let known = |name: &str| {
            text(name)
                .filter(|text| *text != "[unknown]")
                .map(Cow::Borrowed)
                .and_then(some)
        };
        let epoch = text("epoch").and_then(|epoch| epoch.replace('.', "").parse().ok());
        Entry {
            time_ms: text("time").and_then(milliseconds).flatten().or(epoch),
            database: known("database"),
            user: known("user"),
            query_id: text("query").and_then(|id| id.parse().ok()).filter(|id| *id != 0),
            ..Entry::default()
        }
    }
}

/// The pattern of what the setting puts before a message. Values may be anything, so they are as short as can
/// be.
fn pattern(setting: &str) -> String {
    let mut pattern = String::from("^");
    let mut chars = setting.chars().peekable();
    let mut seen = Vec::new();
    while let Some(char) = chars.next() {
        if char != '%' {
            pattern.push_str(&regex::escape(char.encode_utf8(&mut [0; 4])));
            continue;
        }
        while chars.next_if(|c| *c == '-' || c.is_ascii_digit()).is_some() {
            pattern.push_str(" *");
        }
        let Some(escape) = chars.next() else {
            break;
        };
        let (name, value) = match escape {
            'u' => ("user", ".*?"),
            'd' => ("database", ".*?"),
            't' => ("time", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Za-z0-9+:-]+"),
            'm' => ("time", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [A-Za-z0-9+:-]+"),
            'n' => ("epoch", r"\d+\.\d{3}"),
            'Q' => ("query", r"-?\d+"),
            '%' => ("", "%"),
            'q' => continue,
            _ => ("", ".*?"),
        };
        if name.is_empty() || seen.contains(&name) {
            let _ = write!(pattern, "(?:{value})");
        } else {
            let _ = write!(pattern, "(?P<{name}>{value})");
            seen.push(name);
        }
        pattern.push_str(" *?");
    }
    pattern.push_str(r"\S+:  $");
    pattern
}

/// What can be told without the setting.
fn guessed(before: &str) -> Entry<'_> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '$');
    let mut entry = Entry::default();
    let starts = before.char_indices().filter(|(_, char)| char.is_ascii_digit());
    entry.time_ms = starts
        .take(8)
        .find_map(|(at, _)| milliseconds(before.get(at..)?))
        .flatten();
    let after = |key: &str| {
        let value = before.split_once(key)?.1;
        let end = value.find(|c| !is_name(c)).unwrap_or(value.len());
        value.get(..end)
    };
    entry.user = after("user=").map(Cow::Borrowed).and_then(some);
    entry.database = after("db=")
        .or_else(|| after("database="))
        .map(Cow::Borrowed)
        .and_then(some);
    if let (None, None, Some((user, database))) = (&entry.user, &entry.database, before.split_once('@')) {
        let user = user.rsplit(|c| !is_name(c)).next();
        let database = database.split(|c| !is_name(c)).next();
        entry.user = user.map(Cow::Borrowed).and_then(some);
        entry.database = database.map(Cow::Borrowed).and_then(some);
    }
    entry
}
