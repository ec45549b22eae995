//! The reader.

use super::super::limits::Watch;
use super::super::{Degraded, Limits, PlanError};
use super::scan::{quoted, space, word};
use super::{Kind, Token};

/// Reads the first value of a text, a token at a time, without recursion and without memory of its own but a
/// byte per open object or array.
///
/// What it promises, whatever the text is:
/// - Objects and arrays that begin also end, in order; what is cut off ends at the end of the text.
/// - In an object each value has a [`Kind::Key`] before it and each key a value after it; of equal keys all
///   come.
/// - A text or number that is cut off is not shown: [`Kind::Null`] stands for it.
/// - What is no JSON is left out or, a single word, comes as [`Kind::Word`]; raw control characters,
///   trailing and missing commas and quotes without a backslash in texts are taken as they are meant.
///
/// What lies between tokens may be what could not be read. Who must let nothing through writes the JSON anew
/// from the tokens and copies no gaps.
#[derive(Debug)]
pub struct Reader<'a, 'l> {
    text: &'a str,
    watch: Watch<'l>,
    at: usize,
    /// Of each open object or array, whether it is an object.
    open: Vec<bool>,
    expect: Expect,
    degraded: Option<Degraded>,
}

/// What has to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    /// A key of an object, or its end.
    Key,
    /// The value of a key.
    Value,
    /// An element of an array, or its end; the value, at the begin.
    Element,
    /// Nothing.
    End,
}

impl<'a, 'l> Reader<'a, 'l> {
    /// A reader of the value that begins at or after byte `from`.
    ///
    /// # Errors
    ///
    /// [`PlanError::TooLarge`], at once.
    pub fn new(text: &'a str, from: usize, limits: &Limits<'l>) -> Result<Self, PlanError> {
        Ok(Self {
            text,
            watch: Watch::new(text, limits)?,
            at: from,
            open: Vec::new(),
            expect: Expect::Element,
            degraded: None,
        })
    }

    /// The next token; `None` after the value has ended.
    ///
    /// # Errors
    ///
    /// [`PlanError::TooDeep`] and [`PlanError::TimedOut`]. No text is an error in itself; see
    /// [`Self::degraded`].
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator could go on after an error"
    )]
    pub fn next(&mut self) -> Result<Option<Token<'a>>, PlanError> {
        self.watch.look()?;
        let text = self.text.as_bytes();
        loop {
            if self.expect == Expect::End {
                return Ok(None);
            }
            self.at = space(text, self.at);
            let Some(byte) = text.get(self.at) else {
                return Ok(self.cut());
            };
            match (byte, self.expect) {
                (b',', Expect::Value) => {
                    self.at += 1;
                    return Ok(Some(self.missing(Kind::Null)));
                }
                (b',', _) => self.at += 1,
                (b':', Expect::Value) => self.at += 1,
                (b':', _) => self.garbage(),
                (b'}' | b']', Expect::Value) => return Ok(Some(self.missing(Kind::Null))),
                (b'}' | b']', _) => {
                    if let Some(end) = self.close(*byte == b'}') {
                        return Ok(Some(end));
                    }
                }
                (b'{' | b'[', Expect::Key) => return Ok(Some(self.missing(Kind::Key))),
                (b'{' | b'[', _) => return self.begin(*byte == b'{').map(Some),
                (quote, _) => {
                    let found = if *quote == b'"' {
                        self.string()
                    } else {
                        self.word()
                    };
                    if let Some(token) = found {
                        return Ok(Some(token));
                    }
                }
            }
        }
    }

    /// Goes behind the end of the object or array that the last token began; after any other token it does
    /// nothing.
    ///
    /// # Errors
    ///
    /// As [`Self::next`].
    pub fn skip(&mut self, last: &Token<'_>) -> Result<(), PlanError> {
        if !matches!(last.kind, Kind::Object | Kind::Array) {
            return Ok(());
        }
        let around = self.open.len().saturating_sub(1);
        while self.open.len() > around && self.next()?.is_some() {}
        Ok(())
    }

    /// How many objects and arrays are open.
    pub const fn depth(&self) -> usize {
        self.open.len()
    }

    /// How far it has read, in bytes.
    pub const fn position(&self) -> usize {
        self.at
    }

    /// What was wrong with what has been read so far.
    pub const fn degraded(&self) -> Option<Degraded> {
        self.degraded
    }

    /// What has to come after a value or an end.
    fn proceed(&mut self) {
        self.expect = match self.open.last() {
            Some(true) => Expect::Key,
            Some(false) => Expect::Element,
            None => Expect::End,
        };
    }

    fn token(&self, kind: Kind, start: usize, end: usize) -> Token<'a> {
        Token {
            kind,
            raw: self.text.get(start..end).unwrap_or_default(),
            start,
        }
    }

    /// A token that the text lacks.
    fn missing(&mut self, kind: Kind) -> Token<'a> {
        self.degraded.get_or_insert(Degraded::Invalid);
        match kind {
            Kind::Key => self.expect = Expect::Value,
            _ => self.proceed(),
        }
        self.token(kind, self.at, self.at)
    }

    /// Leaves a byte out.
    fn garbage(&mut self) {
        self.degraded.get_or_insert(Degraded::Invalid);
        self.at += 1;
    }

    /// At the end of the text: the value of the last key, then the ends, innermost first.
    fn cut(&mut self) -> Option<Token<'a>> {
        if self.open.is_empty() {
            self.expect = Expect::End;
            return None;
        }
        self.degraded = Some(Degraded::Truncated);
        if self.expect == Expect::Value {
            return Some(self.missing(Kind::Null));
        }
        let object = self.open.pop()?;
        self.proceed();
        Some(self.token(end_of(object), self.at, self.at))
    }

    fn begin(&mut self, object: bool) -> Result<Token<'a>, PlanError> {
        self.watch.check_open(self.open.len())?;
        self.open.push(object);
        self.proceed();
        let kind = if object { Kind::Object } else { Kind::Array };
        self.at += 1;
        Ok(self.token(kind, self.at - 1, self.at))
    }

    /// The end that stands here. Where it is the end of what is around, what is open ends first; where it is
    /// the end of nothing, it is left out.
    fn close(&mut self, object: bool) -> Option<Token<'a>> {
        let around = self.open.len().checked_sub(2).and_then(|at| self.open.get(at));
        if self.open.last() == Some(&object) {
            self.open.pop();
            self.proceed();
            self.at += 1;
            return Some(self.token(end_of(object), self.at - 1, self.at));
        }
        if around == Some(&object) {
            self.open.pop();
            self.degraded.get_or_insert(Degraded::Invalid);
            self.proceed();
            return Some(self.token(end_of(!object), self.at, self.at));
        }
        self.garbage();
        None
    }

    fn string(&mut self) -> Option<Token<'a>> {
        let start = self.at + 1;
        let Some(found) = quoted(self.text.as_bytes(), start) else {
            return Some(self.cut_value());
        };
        if found.loose {
            self.degraded.get_or_insert(Degraded::Invalid);
        }
        self.at = found.next;
        self.scalar(Kind::Text, start, found.end)
    }

    fn word(&mut self) -> Option<Token<'a>> {
        let start = self.at;
        let end = word(self.text.as_bytes(), start);
        if end == self.text.len() && !self.open.is_empty() {
            return Some(self.cut_value());
        }
        self.at = end;
        let kind = Kind::of_word(self.text.get(start..end).unwrap_or_default());
        if kind == Kind::Word || self.expect == Expect::Key {
            self.degraded.get_or_insert(Degraded::Invalid);
        }
        self.scalar(kind, start, end)
    }

    /// A value of this kind or, where a key has to come, the key; what has no colon behind it is none.
    fn scalar(&mut self, kind: Kind, start: usize, end: usize) -> Option<Token<'a>> {
        if self.expect != Expect::Key {
            self.proceed();
            return Some(self.token(kind, start, end));
        }
        let text = self.text.as_bytes();
        if text.get(space(text, self.at)) != Some(&b':') {
            self.degraded.get_or_insert(Degraded::Invalid);
            return None;
        }
        self.expect = Expect::Value;
        Some(self.token(Kind::Key, start, end))
    }

    /// What is cut off is not shown.
    fn cut_value(&mut self) -> Token<'a> {
        self.at = self.text.len();
        self.degraded = Some(Degraded::Truncated);
        if self.expect == Expect::Key {
            self.expect = Expect::Value;
            return self.token(Kind::Key, self.at, self.at);
        }
        self.missing(Kind::Null)
    }
}

const fn end_of(object: bool) -> Kind {
    if object { Kind::EndObject } else { Kind::EndArray }
}
