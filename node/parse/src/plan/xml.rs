//! PostgreSQL's XML, as the objects and arrays that its JSON has.

use std::borrow::Cow;

use super::json::{Kind, Token};
use super::limits::Watch;
use super::source::Source;
use super::{Degraded, Limits, PlanError, Property};

/// Elements that hold a list of unlike names or of objects. Any other holds one if its first child is an
/// `Item`.
const LISTS: [&str; 6] = [
    "Grouping-Sets",
    "Plans",
    "Remote-Plan",
    "Target-Tables",
    "Triggers",
    "Workers",
];

/// Reads an XML text as the tokens of the JSON of the same plan, whose promises it keeps (see
/// [`Reader`](super::json::Reader)): objects and lists end, each value in an object has its key, what is cut
/// off is not shown. Keys are as in XML, see [`key`], and texts with their entities, see [`unescape`].
#[derive(Debug)]
pub(super) struct XmlReader<'a, 'l> {
    text: &'a str,
    watch: Watch<'l>,
    at: usize,
    /// The open elements that hold others, and whether they are lists.
    open: Vec<(&'a str, bool)>,
    /// What comes next.
    next: Option<Token<'a>>,
    begun: bool,
    degraded: Option<Degraded>,
}

impl<'a, 'l> XmlReader<'a, 'l> {
    /// A reader of the element that begins at or after byte `from`.
    ///
    /// # Errors
    ///
    /// [`PlanError::TooLarge`], at once.
    pub(super) fn new(text: &'a str, from: usize, limits: &Limits<'l>) -> Result<Self, PlanError> {
        Ok(Self {
            text,
            watch: Watch::new(text, limits)?,
            at: from,
            open: Vec::new(),
            next: None,
            begun: false,
            degraded: None,
        })
    }

    fn token(&self, kind: Kind, start: usize, end: usize) -> Token<'a> {
        Token {
            kind,
            raw: self.text.get(start..end).unwrap_or_default(),
            start,
        }
    }

    /// The place of `what` at or after `from`.
    fn find(&self, what: &str, from: usize) -> Option<usize> {
        self.text.get(from..)?.find(what).map(|found| from + found)
    }

    /// The text is cut off here, or ends: the ends of what is open.
    fn cut(&mut self) -> Option<Token<'a>> {
        self.at = self.text.len();
        let (_, list) = self.open.pop()?;
        self.degraded = Some(Degraded::Truncated);
        Some(self.token(end_of(list), self.at, self.at))
    }

    /// The token of the element whose `<` is at `start` and whose `>` is at `end`.
    fn begin(&mut self, start: usize, end: usize) -> Result<Option<Token<'a>>, PlanError> {
        let tag = self.text.get(start + 1..end).unwrap_or_default();
        let name = tag
            .split(|c: char| c.is_ascii_whitespace() || c == '/')
            .next()
            .unwrap_or_default();
        if !is_name(name) {
            self.degraded.get_or_insert(Degraded::Invalid);
        }
        self.begun = true;
        self.at = end + 1;
        let value = if tag.ends_with('/') {
            self.token(Kind::Null, self.at, self.at)
        } else {
            let Some(next) = self.find("<", self.at) else {
                return Ok(self.cut());
            };
            if self.text.get(next..next + 2) == Some("</") {
                let Some(behind) = self.find(">", next) else {
                    return Ok(self.cut());
                };
                let blank = self
                    .text
                    .get(self.at..next)
                    .is_none_or(|content| content.trim().is_empty());
                let kind = if blank { Kind::Null } else { Kind::Text };
                let content = self.token(kind, self.at, next);
                if self.text.get(next + 2..behind).map(str::trim) != Some(name) {
                    self.degraded.get_or_insert(Degraded::Invalid);
                }
                self.at = behind + 1;
                content
            } else {
                self.watch.check_open(self.open.len())?;
                let rest = self.text.get(next + 1..).unwrap_or_default();
                let list = LISTS.contains(&name) || is_item(rest);
                self.open.push((name, list));
                self.token(if list { Kind::Array } else { Kind::Object }, start, self.at)
            }
        };
        let inside = matches!(value.kind, Kind::Object | Kind::Array);
        let parent = self.open.len().checked_sub(1 + usize::from(inside));
        let in_object = parent
            .and_then(|at| self.open.get(at))
            .is_some_and(|(_, list)| !list);
        if !in_object {
            return Ok(Some(value));
        }
        self.next = Some(value);
        Ok(Some(self.token(Kind::Key, start + 1, start + 1 + name.len())))
    }

    /// The token of the end `</name>` that begins at `start`, if it ends something.
    fn end(&mut self, start: usize, end: usize) -> Option<Token<'a>> {
        let name = self.text.get(start + 2..end).unwrap_or_default().trim();
        let is = |open: Option<&(&str, bool)>| open.is_some_and(|(open, _)| *open == name);
        let around = self.open.len().checked_sub(2).and_then(|at| self.open.get(at));
        if is(self.open.last()) {
            self.at = end + 1;
            let (_, list) = self.open.pop()?;
            return Some(self.token(end_of(list), start, self.at));
        }
        self.degraded.get_or_insert(Degraded::Invalid);
        if is(around) {
            let (_, list) = self.open.pop()?;
            return Some(self.token(end_of(list), self.at, self.at));
        }
        self.at = end + 1;
        None
    }
}

impl<'a> Source<'a> for XmlReader<'a, '_> {
    fn next(&mut self) -> Result<Option<Token<'a>>, PlanError> {
        self.watch.look()?;
        if let Some(next) = self.next.take() {
            return Ok(Some(next));
        }
        loop {
            if self.begun && self.open.is_empty() {
                return Ok(None);
            }
            let Some(start) = self.find("<", self.at) else {
                return Ok(self.cut());
            };
            let rest = self.text.get(start..).unwrap_or_default();
            let close = if rest.starts_with("<!--") { "-->" } else { ">" };
            let Some(end) = self.find(close, start) else {
                return Ok(self.cut());
            };
            match rest.as_bytes().get(1) {
                Some(b'?' | b'!') => self.at = end + close.len(),
                Some(b'/') => {
                    if let Some(token) = self.end(start, end) {
                        return Ok(Some(token));
                    }
                }
                _ => return self.begin(start, end),
            }
        }
    }

    fn degraded(&self) -> Option<Degraded> {
        self.degraded
    }

    fn position(&self) -> usize {
        self.at
    }

    fn text(&self, token: &Token<'a>) -> Cow<'a, str> {
        match token.kind {
            Kind::Key => key(token.raw),
            _ => unescape(token.raw),
        }
    }

    fn value(&self, key: &str, token: &Token<'a>) -> Option<Property<'a>> {
        if token.kind != Kind::Text {
            return None;
        }
        if says(key) {
            return Some(Property::Text(unescape(token.raw)));
        }
        Some(match (token.raw, token.number()) {
            (_, Some(number)) => Property::Number(number),
            ("true", _) => Property::Flag(true),
            ("false", _) => Property::Flag(false),
            _ => Property::Text(unescape(token.raw)),
        })
    }
}

/// Whether an element of PostgreSQL can have this name.
fn is_name(name: &str) -> bool {
    let is_part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.bytes().all(is_part)
}

/// Whether a tag, from behind its `<` on, is that of an element of a list.
fn is_item(tag: &str) -> bool {
    let ends = |c: char| matches!(c, '>' | '/') || c.is_ascii_whitespace();
    tag.strip_prefix("Item")
        .is_some_and(|rest| rest.starts_with(ends))
}

const fn end_of(list: bool) -> Kind {
    if list { Kind::EndArray } else { Kind::EndObject }
}

/// Whether the value of this key is a text even where it looks like a number or a flag: a condition can be
/// `false`.
fn says(key: &str) -> bool {
    if key.starts_with("Settings ") {
        return true;
    }
    let last = key.rsplit(' ').next().unwrap_or_default();
    match last {
        "Filter" => !key.starts_with("Rows Removed"),
        "Alias" | "Call" | "Clause" | "Cond" | "Condition" | "Key" | "Name" | "SQL" | "Schema" | "Text"
        | "Type" => true,
        _ => false,
    }
}

/// The key of PostgreSQL's JSON that an element's name stands for: XML has a hyphen for each blank and slash.
pub(super) fn key(name: &str) -> Cow<'_, str> {
    match name {
        // Its XML calls those of whole sorts and of presorted keys the same.
        "Full-sort-Groups" | "Incremental-Sort-Groups" => Cow::Borrowed("Full-sort Groups"),
        "Pre-sorted-Groups" => Cow::Borrowed("Pre-sorted Groups"),
        "One-Time-Filter" => Cow::Borrowed("One-Time Filter"),
        _ if name.contains("I-O-") => Cow::Owned(name.replace("I-O-", "I/O ").replace('-', " ")),
        _ if name.contains('-') => Cow::Owned(name.replace('-', " ")),
        _ => Cow::Borrowed(name),
    }
}

/// A text without its entities; what is no entity stays as it is.
pub(super) fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('&') {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, entity)) = rest.split_once('&') {
        out.push_str(plain);
        match entity_of(entity) {
            Some((char, after)) => {
                out.push(char);
                rest = after;
            }
            None => {
                out.push('&');
                rest = entity;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The character of the entity that the text begins with, and the text behind it.
fn entity_of(text: &str) -> Option<(char, &str)> {
    /// `#1114111`
    const LONGEST: usize = 8;
    let end = text.bytes().take(LONGEST + 1).position(|b| b == b';')?;
    let (name, after) = (text.get(..end)?, text.get(end + 1..)?);
    let char = match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((char, after))
}
