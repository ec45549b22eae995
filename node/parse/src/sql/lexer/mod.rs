//! Text to tokens. Every byte belongs to one token, or to the white space between two.

mod class;
mod comments;
mod gaps;
mod operators;
mod quoted;
#[cfg(test)]
mod tests;

pub(super) use self::class::Class;
pub(super) use self::class::is_word;
use self::class::{MYSQL, POSTGRESQL};
use self::gaps::Gaps;
pub(super) use self::quoted::Backslashes;
use super::{Dialect, Unlexable};

/// The most digits that a parameter has: a statement takes at most 65535 of them. What is longer is an
/// amount.
const PARAMETER_DIGITS: usize = 5;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A comment.
    Comment,
    /// Where a version comment of MySQL (`/*!50001 ... */`) begins or ends; what is between is read as SQL.
    Mark,
    /// A string, or what may be one.
    String,
    /// A number, and all that hangs on to it.
    Number,
    /// Something that begins here and whose end is not in the text, or not for certain. Nothing comes after
    /// it.
    Cut,
    /// The same of a comment.
    CutComment,
    /// A keyword or a name.
    Word,
    /// A name in quotes.
    QuotedName,
    /// `@name` of MySQL.
    Variable,
    /// `$1`.
    Parameter,
    /// `?`: a parameter, or an operator of PostgreSQL.
    Question,
    /// `...`, with which MySQL's digests stand for a list, and at which tools cut a text off.
    Ellipsis,
    /// A whole operator, `::` and `:=` among them.
    Operator,
    /// `,`.
    Comma,
    /// `;`.
    Semicolon,
    /// `(`, `[` or `{`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// `.`.
    Dot,
    /// `:`.
    Colon,
    /// Nothing of the dialect. The lexer keeps this to itself.
    Nothing,
}

/// A piece of the text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Token {
    /// Where it is, for texts of less than 4 GiB.
    pub(super) fn span(self) -> (u32, u32) {
        (self.start as u32, self.end as u32)
    }
}

/// Reads a text from its beginning to its end.
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    classes: &'static [Class; 256],
    dialect: Dialect,
    /// Where the version comment that is open ends; zero without one.
    version_end: usize,
    backslashes: Backslashes,
    gaps: Gaps,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(dialect: Dialect, text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes(),
            at: 0,
            classes: match dialect {
                Dialect::PostgreSql => &POSTGRESQL,
                Dialect::MySql | Dialect::MariaDb => &MYSQL,
            },
            dialect,
            version_end: 0,
            backslashes: Backslashes::Usual,
            gaps: Gaps::new(text.as_bytes()),
        }
    }

    /// The same as a server with other settings reads it.
    pub(super) fn with_backslashes(dialect: Dialect, text: &'a str, backslashes: Backslashes) -> Self {
        Self {
            backslashes,
            ..Self::new(dialect, text)
        }
    }

    /// The next token; `None` at the end of the text.
    #[inline(always)]
    pub(super) fn next_token(&mut self) -> Result<Option<Token>, Unlexable> {
        match self.begin() {
            Some(class) => self.token(class).map(Some),
            None => Ok(None),
        }
    }

    /// What the next token begins with, behind the white space before it; `None` at the end of the text.
    #[inline(always)]
    pub(super) fn begin(&mut self) -> Option<Class> {
        loop {
            match self.classes[usize::from(*self.bytes.get(self.at)?)] {
                Class::Space => self.at += 1,
                class => return Some(class),
            }
        }
    }

    /// The token that begins here.
    #[inline(always)]
    pub(super) fn token(&mut self, class: Class) -> Result<Token, Unlexable> {
        let start = self.at;
        let kind = match class {
            _ if self.version_end != 0 => self.versioned(class)?,
            Class::Word => self.word(),
            Class::Comma => self.one(Kind::Comma),
            Class::Open => self.one(Kind::Open),
            Class::Close => self.one(Kind::Close),
            Class::Digit => self.number(),
            Class::Dot => self.dot(),
            Class::Quote => self.quote(),
            Class::DoubleQuote | Class::Backtick => self.in_quotes(class),
            class => self.other(class),
        };
        if kind == Kind::Nothing {
            return Err(Unlexable { at: start });
        }
        Ok(self.read(kind, start))
    }

    /// Where the next byte is.
    #[inline(always)]
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Whether tokens end at the end of a version comment.
    #[inline(always)]
    pub(super) fn is_versioned(&self) -> bool {
        self.version_end != 0
    }

    /// A token in a version comment, or its end.
    fn versioned(&mut self, class: Class) -> Result<Kind, Unlexable> {
        let start = self.at;
        if self.at == self.version_end {
            self.version_end = 0;
            self.at += 2;
            return Ok(Kind::Mark);
        }
        let kind = match class {
            Class::Word => self.word(),
            class => self.other(class),
        };
        match kind {
            Kind::Nothing => Err(Unlexable { at: start }),
            _ if self.at > self.version_end => Ok(self.cut()),
            kind => Ok(kind),
        }
    }

    /// What was read since `start`.
    #[inline(always)]
    pub(super) fn read(&self, kind: Kind, start: usize) -> Token {
        Token {
            kind,
            start,
            end: self.at.min(self.bytes.len()),
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn before(&self) -> Option<u8> {
        self.at.checked_sub(1).and_then(|at| self.bytes.get(at)).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn is_postgresql(&self) -> bool {
        self.dialect == Dialect::PostgreSql
    }

    /// Goes on for as long as `wanted` holds.
    fn skip(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&wanted) {
            self.at += 1;
        }
    }

    fn cut(&mut self) -> Kind {
        self.at = self.bytes.len();
        Kind::Cut
    }

    fn other(&mut self, class: Class) -> Kind {
        let second = self.peek(1);
        match class {
            Class::Comma => self.one(Kind::Comma),
            Class::Semicolon => self.one(Kind::Semicolon),
            Class::Open => self.one(Kind::Open),
            Class::Close => self.one(Kind::Close),
            Class::Quote => self.quote(),
            Class::DoubleQuote | Class::Backtick => self.in_quotes(class),
            Class::Digit => self.number(),
            Class::Dot => self.dot(),
            Class::Dollar if self.is_postgresql() => self.dollar(),
            Class::Dollar => self.dollar_word(),
            Class::Minus | Class::Slash | Class::Hash if self.begins_comment() => self.comment(),
            Class::Minus | Class::Slash | Class::Operator | Class::Hash => self.operator(),
            Class::Colon if matches!(second, Some(b':' | b'=')) => {
                self.at += 2;
                Kind::Operator
            }
            Class::Colon => self.one(Kind::Colon),
            Class::Question => {
                self.at += 1;
                Kind::Question
            }
            Class::At => self.variable(),
            Class::Backslash if second == Some(b'N') => {
                self.at += 2;
                Kind::String
            }
            _ => Kind::Nothing,
        }
    }

    /// A token of one byte.
    #[inline(always)]
    pub(super) fn one(&mut self, kind: Kind) -> Kind {
        self.at += 1;
        kind
    }

    /// A word, or a string that begins with letters.
    #[inline(always)]
    pub(super) fn word(&mut self) -> Kind {
        let start = self.at;
        self.at = self.gaps.next(self.bytes, start);
        if self.at - start == 1 || self.bytes.get(start) == Some(&b'_') {
            return self.prefix(start);
        }
        Kind::Word
    }

    /// A number and all that hangs on to it, such as `1.5e-3`, `0x1F`, `1_000`, `192.168.1.1` and `12abc`.
    #[inline(always)]
    pub(super) fn number(&mut self) -> Kind {
        self.at = self.gaps.next(self.bytes, self.at);
        match self.peek(0) {
            Some(b'.' | b'+' | b'-') => self.long_number(),
            _ => Kind::Number,
        }
    }

    fn long_number(&mut self) -> Kind {
        loop {
            let goes_on = match self.peek(0) {
                Some(b'.') => self.peek(1) != Some(b'.'),
                Some(b'+' | b'-') => self.is_exponent_sign(),
                _ => false,
            };
            if !goes_on {
                return Kind::Number;
            }
            self.at = self.gaps.next(self.bytes, self.at + 1);
        }
    }

    fn is_exponent_sign(&self) -> bool {
        matches!(self.before(), Some(b'e' | b'E')) && self.peek(1).is_some_and(|b| b.is_ascii_digit())
    }

    /// A dot, `..`, `...`, or a number.
    #[inline(always)]
    pub(super) fn dot(&mut self) -> Kind {
        match self.peek(1) {
            Some(b'0'..=b'9') if self.before() != Some(b'.') => self.number(),
            Some(b'.') if self.peek(2) == Some(b'.') => {
                self.at += 3;
                Kind::Ellipsis
            }
            Some(b'.') => {
                self.at += 2;
                Kind::Operator
            }
            _ => self.one(Kind::Dot),
        }
    }
}
