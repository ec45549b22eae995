//! PostgreSQL's YAML, as the objects and arrays that its JSON has.
//!
//! `EXPLAIN` uses little of YAML: objects and lists by indentation, texts in double quotes with JSON's
//! escapes, numbers and words, and lists of texts in brackets. That is what is read here.

use std::borrow::Cow;

use super::json::{Kind, Token, unescape};
use super::limits::Watch;
use super::source::Source;
use super::{Degraded, Limits, PlanError};

/// Reads a YAML text as the tokens of the JSON of the same plan, whose promises it keeps (see
/// [`Reader`](super::json::Reader)): objects and lists end, each value in an object has its key, what is cut
/// off is not shown.
#[derive(Debug)]
pub(super) struct YamlReader<'a, 'l> {
    text: &'a str,
    /// Where the last line ends that says something.
    end: usize,
    watch: Watch<'l>,
    at: usize,
    line: Option<Line>,
    /// The columns of the open objects and lists, and whether they are lists.
    open: Vec<(usize, bool)>,
    /// The column of a key whose value, if it has one, is in the lines below it.
    awaits: Option<usize>,
    /// The end of the line with a value or a list in brackets that is being read at `at`.
    value_until: Option<usize>,
    in_brackets: bool,
    degraded: Option<Degraded>,
}

/// A line that has not been read yet.
#[derive(Clone, Copy, Debug)]
struct Line {
    /// The column of its first character, or of its dash.
    column: usize,
    dash: bool,
    /// Where what it says begins, and where it ends.
    start: usize,
    end: usize,
}

impl<'a, 'l> YamlReader<'a, 'l> {
    /// A reader of what begins at byte `from`, which is the begin of a line.
    ///
    /// # Errors
    ///
    /// [`PlanError::TooLarge`], at once.
    pub(super) fn new(text: &'a str, from: usize, limits: &Limits<'l>) -> Result<Self, PlanError> {
        Ok(Self {
            text,
            end: text.trim_end().len(),
            watch: Watch::new(text, limits)?,
            at: from,
            line: None,
            open: Vec::new(),
            awaits: None,
            value_until: None,
            in_brackets: false,
            degraded: None,
        })
    }

    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    fn token(&self, kind: Kind, start: usize, end: usize) -> Token<'a> {
        Token {
            kind,
            raw: self.slice(start, end),
            start,
        }
    }

    fn invalid(&mut self) {
        self.degraded.get_or_insert(Degraded::Invalid);
    }

    /// The next line that says something.
    fn line(&mut self) -> Option<Line> {
        while self.line.is_none() && self.at < self.text.len() {
            let rest = self.text.get(self.at..)?;
            let length = rest.find('\n').unwrap_or(rest.len());
            let line = rest.get(..length)?.trim_end();
            let said = line.trim_start();
            let column = line.len() - said.len();
            let item = said
                .strip_prefix('-')
                .filter(|item| item.is_empty() || item.starts_with(' '));
            let content = item.map_or(said, str::trim_start);
            let start = self.at + line.len() - content.len();
            let end = self.at + line.len();
            self.at += length + 1;
            if !said.is_empty() {
                self.line = Some(Line {
                    column,
                    dash: item.is_some(),
                    start,
                    end,
                });
            }
        }
        self.line
    }

    fn begin(&mut self, column: usize, list: bool, at: usize) -> Result<Option<Token<'a>>, PlanError> {
        self.watch.check_open(self.open.len())?;
        self.open.push((column, list));
        let kind = if list { Kind::Array } else { Kind::Object };
        Ok(Some(self.token(kind, at, at)))
    }

    fn end(&mut self, at: usize) -> Option<Token<'a>> {
        let (_, list) = self.open.pop()?;
        Some(self.token(if list { Kind::EndArray } else { Kind::EndObject }, at, at))
    }

    /// The next token of this line; `None` where it has none.
    fn read(&mut self, line: Line) -> Result<Option<Token<'a>>, PlanError> {
        let at = line.start;
        if let Some(column) = self.awaits.take() {
            if line.column > column || (line.dash && line.column == column) {
                return self.begin(line.column, line.dash, at);
            }
            return Ok(Some(self.token(Kind::Null, at, at)));
        }
        let Some(&(column, list)) = self.open.last() else {
            return self.begin(line.column, line.dash, at);
        };
        if column > line.column || (column == line.column && list != line.dash) {
            return Ok(self.end(at));
        }
        if column != line.column || list != line.dash {
            self.invalid();
            self.line = None;
            return Ok(None);
        }
        let said = self.slice(line.start, line.end);
        let pair = pair(said);
        if line.dash && pair.is_some() {
            let column = line.column + 2;
            self.line = Some(Line {
                column,
                dash: false,
                ..line
            });
            return self.begin(column, false, at);
        }
        self.line = None;
        if line.dash {
            self.at_value(line.start, line.end);
            return Ok(None);
        }
        let Some((key, value)) = pair else {
            self.invalid();
            return Ok(None);
        };
        if value == said.len() {
            self.awaits = Some(line.column);
        } else {
            self.at_value(line.start + value, line.end);
        }
        Ok(Some(self.token(Kind::Key, line.start, line.start + key)))
    }

    /// A value begins here; the lines go on behind it.
    fn at_value(&mut self, start: usize, end: usize) {
        self.at = start;
        self.value_until = Some(end);
    }

    /// The value at `at`, or the next element of the list in brackets there.
    fn value_here(&mut self, until: usize) -> Option<Token<'a>> {
        if self.in_brackets {
            let said = self.slice(self.at, until);
            self.at += said.len() - said.trim_start_matches([' ', ',']).len();
        }
        let (start, said) = (self.at, self.slice(self.at, until));
        match said.as_bytes().first() {
            Some(b'[') if !self.in_brackets => {
                self.in_brackets = true;
                self.at += 1;
                return Some(self.token(Kind::Array, start, start + 1));
            }
            Some(b']') | None if self.in_brackets => {
                self.in_brackets = false;
                self.leave(until);
                return Some(self.token(Kind::EndArray, start, start));
            }
            Some(b'"') => return Some(self.quoted(start, until)),
            _ => {}
        }
        let length = if self.in_brackets {
            said.find([',', ']']).unwrap_or(said.len())
        } else {
            said.len()
        };
        self.at += length;
        if !self.in_brackets {
            self.leave(until);
        }
        let word = self.slice(start, start + length);
        Some(self.token(Kind::of_word(word), start, start + length))
    }

    /// Goes on with the line behind the value.
    fn leave(&mut self, until: usize) {
        self.value_until = None;
        self.at = until;
    }

    fn quoted(&mut self, start: usize, until: usize) -> Token<'a> {
        let content = self.slice(start + 1, until);
        let mut escaped = false;
        let end = content.bytes().position(|b| {
            let ends = b == b'"' && !escaped;
            escaped = b == b'\\' && !escaped;
            ends
        });
        let Some(end) = end else {
            let last = until >= self.end;
            self.degraded = Some(if last {
                Degraded::Truncated
            } else {
                Degraded::Invalid
            });
            if self.in_brackets {
                self.at = until;
            } else {
                self.leave(until);
            }
            return self.token(Kind::Null, start, start);
        };
        let end = start + 1 + end;
        self.at = end + 1;
        if !self.in_brackets {
            self.leave(until);
        }
        self.token(Kind::Text, start + 1, end)
    }
}

/// The length of the key that a line begins with, and where its value begins; `None` for what is no key.
fn pair(said: &str) -> Option<(usize, usize)> {
    if said.starts_with(['"', '[']) {
        return None;
    }
    let key = said.find(':')?;
    let behind = said.get(key + 1..)?;
    let value = behind.trim_start();
    (value.is_empty() || value.len() < behind.len()).then(|| (key, said.len() - value.len()))
}

impl<'a> Source<'a> for YamlReader<'a, '_> {
    fn next(&mut self) -> Result<Option<Token<'a>>, PlanError> {
        loop {
            self.watch.look()?;
            if let Some(until) = self.value_until {
                return Ok(self.value_here(until));
            }
            let Some(line) = self.line() else {
                if self.awaits.take().is_some() {
                    return Ok(Some(self.token(Kind::Null, self.at, self.at)));
                }
                return Ok(self.end(self.text.len()));
            };
            if let Some(token) = self.read(line)? {
                return Ok(Some(token));
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
            Kind::Text => unescape(token.raw),
            _ => Cow::Borrowed(token.raw),
        }
    }
}
