//! Text to tokens. Every byte belongs to exactly one token.

use super::{Dialect, Unlexable};

/// The most digits that a parameter has: a statement takes at most 65535 of them. What is longer is an amount.
const PARAMETER_DIGITS: usize = 5;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// White space, control characters, comments.
    Space,
    /// A string, a number, or what may be one.
    Literal,
    /// Something that begins here and whose end is not in the text, or not for certain. Nothing comes after it.
    Cut,
    /// A keyword or a name.
    Word,
    /// A name in double quotes.
    QuotedName,
    /// `$1`.
    Parameter,
    /// One character of an operator, or a bracket, a comma and the like.
    Symbol,
}

/// A piece of the text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Reads a text from its beginning to its end.
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Whether the last word was `ESCAPE`, with nothing but space since.
    after_escape: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(dialect: Dialect, text: &'a str) -> Self {
        match dialect {
            Dialect::PostgreSql => Self {
                bytes: text.as_bytes(),
                at: 0,
                after_escape: false,
            },
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn before(&self) -> Option<u8> {
        self.at.checked_sub(1).and_then(|at| self.bytes.get(at)).copied()
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

    fn token(&mut self, first: u8) -> Result<Kind, Unlexable> {
        let second = self.peek(1);
        Ok(match (first, second) {
            (b'-', Some(b'-')) => self.line_comment(),
            (b'/', Some(b'*')) => self.block_comment(),
            (b'\'', _) => self.plain_string(),
            (b'"', _) => self.quoted_name(),
            (b'$', _) => self.dollar()?,
            (b'0'..=b'9', _) => self.number(),
            (b'.', Some(b'0'..=b'9')) if self.before() != Some(b'.') => self.number(),
            _ if is_space(first) => {
                self.skip(is_space);
                Kind::Space
            }
            _ if is_word_start(first) => self.word(),
            _ if is_symbol(first) => {
                self.at += 1;
                Kind::Symbol
            }
            _ => return Err(Unlexable { at: self.at }),
        })
    }

    fn line_comment(&mut self) -> Kind {
        self.skip(|b| b != b'\n' && b != b'\r');
        Kind::Space
    }

    /// Comments nest.
    fn block_comment(&mut self) -> Kind {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek(0) {
            match (byte, self.peek(1)) {
                (b'/', Some(b'*')) => {
                    depth += 1;
                    self.at += 2;
                }
                (b'*', Some(b'/')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Kind::Space;
                    }
                }
                _ => self.at += 1,
            }
        }
        self.cut()
    }

    /// A string whose meaning of a backslash depends on `standard_conforming_strings`, which the text does not
    /// tell. Where the two readings part, each may show what the other knows to be inside a string, so all that follows
    /// is hidden. Only `ESCAPE '\'` is taken for what it says: the other reading of it is an error.
    fn plain_string(&mut self) -> Kind {
        if self.after_escape && self.bytes[self.at..].starts_with(br"'\'") && self.peek(3) != Some(b'\'') {
            self.at += 3;
            return Kind::Literal;
        }
        self.at += 1;
        let mut backslashes = 0_usize;
        while let Some(byte) = self.peek(0) {
            self.at += 1;
            match byte {
                b'\'' if backslashes % 2 == 1 => return self.cut(),
                b'\'' if self.peek(0) == Some(b'\'') => self.at += 1,
                b'\'' => return Kind::Literal,
                _ => {}
            }
            backslashes = if byte == b'\\' { backslashes + 1 } else { 0 };
        }
        self.cut()
    }

    /// A string after `E`: a backslash takes the next character with it.
    fn escape_string(&mut self) -> Kind {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'\'' if self.peek(0) == Some(b'\'') => self.at += 1,
                b'\'' => return Kind::Literal,
                _ => {}
            }
        }
        self.cut()
    }

    fn quoted_name(&mut self) -> Kind {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            self.at += 1;
            match byte {
                b'"' if self.peek(0) == Some(b'"') => self.at += 1,
                b'"' => return Kind::QuotedName,
                _ => {}
            }
        }
        self.cut()
    }

    /// `$1`, or a string in dollar quotes. A tag holds no dollar, so no byte is compared twice on the way to its
    /// end.
    fn dollar(&mut self) -> Result<Kind, Unlexable> {
        let start = self.at;
        self.at += 1;
        if self.peek(0).is_some_and(|b| b.is_ascii_digit()) {
            self.skip(|b| b.is_ascii_digit());
            return Ok(if self.at - start > PARAMETER_DIGITS + 1 {
                self.number()
            } else {
                Kind::Parameter
            });
        }
        if self.peek(0).is_some_and(is_word_start) {
            self.skip(|b| is_word(b) && b != b'$');
        }
        match self.peek(0) {
            None => return Ok(self.cut()),
            Some(b'$') => self.at += 1,
            Some(_) => return Err(Unlexable { at: start }),
        }
        let tag = &self.bytes[start..self.at];
        while self.at < self.bytes.len() {
            if self.bytes[self.at..].starts_with(tag) {
                self.at += tag.len();
                return Ok(Kind::Literal);
            }
            self.at += 1;
        }
        Ok(self.cut())
    }

    /// A number and all that hangs on to it, such as `1.5e-3`, `0x1F`, `1_000`, `192.168.1.1` and `12abc`.
    fn number(&mut self) -> Kind {
        while let Some(byte) = self.peek(0) {
            let goes_on = match byte {
                b'.' => self.peek(1) != Some(b'.'),
                b'+' | b'-' => self.is_exponent_sign(),
                _ => is_word(byte),
            };
            if !goes_on {
                break;
            }
            self.at += 1;
        }
        Kind::Literal
    }

    fn is_exponent_sign(&self) -> bool {
        matches!(self.before(), Some(b'e' | b'E')) && self.peek(1).is_some_and(|b| b.is_ascii_digit())
    }

    /// A word, or a string that begins with letters.
    fn word(&mut self) -> Kind {
        let start = self.at;
        self.skip(is_word);
        let word = &self.bytes[start..self.at];
        match (word, self.peek(0)) {
            ([b'e' | b'E'], Some(b'\'')) => self.escape_string(),
            ([b'b' | b'B' | b'x' | b'X' | b'n' | b'N'], Some(b'\'')) => self.plain_string(),
            ([b'u' | b'U'], Some(b'&')) if self.peek(1) == Some(b'\'') => {
                self.at += 1;
                self.plain_string()
            }
            _ => Kind::Word,
        }
    }
}

impl Iterator for Lexer<'_> {
    type Item = Result<Token, Unlexable>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        let first = self.peek(0)?;
        let kind = match self.token(first) {
            Ok(kind) => kind,
            Err(error) => return Some(Err(error)),
        };
        self.at = self.at.min(self.bytes.len());
        let word = &self.bytes[start..self.at];
        let is_escape = kind == Kind::Word && word.eq_ignore_ascii_case(b"escape");
        self.after_escape = is_escape || (self.after_escape && kind == Kind::Space);
        Some(Ok(Token {
            kind,
            start,
            end: self.at,
        }))
    }
}

fn is_space(byte: u8) -> bool {
    byte == b' ' || byte.is_ascii_control()
}

fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii()
}

fn is_word(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit() || byte == b'$'
}

fn is_symbol(byte: u8) -> bool {
    b",()[].;:+-*/%^<>=~!@#&|`?".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        Lexer::new(Dialect::PostgreSql, text)
            .map(|token| token.unwrap().kind)
            .collect()
    }

    #[test]
    fn every_byte_belongs_to_one_token() {
        let text = "SELECT a$1, \"b\"\"c\" /* x /* y */ */ FROM t WHERE d = E'\\'' AND e <@ $2 AND f = $t$ $ $t$ -- z";
        let mut end = 0;
        for token in Lexer::new(Dialect::PostgreSql, text) {
            let token = token.unwrap();
            assert_eq!(token.start, end);
            assert!(token.end > token.start);
            end = token.end;
        }
        assert_eq!(end, text.len());
    }

    #[test]
    fn tokens_are_told_apart() {
        use Kind::{Cut, Literal, Parameter, QuotedName, Space, Symbol, Word};
        for (text, expected) in [
            ("", vec![]),
            ("a1$b", vec![Word]),
            ("$1", vec![Parameter]),
            ("$65535", vec![Parameter]),
            ("$4111111111111111", vec![Literal]),
            ("1..2", vec![Literal, Symbol, Symbol, Literal]),
            ("1e-5", vec![Literal]),
            ("1-5", vec![Literal, Symbol, Literal]),
            (".5", vec![Literal]),
            ("a.b", vec![Word, Symbol, Word]),
            ("U&'\\0041'", vec![Literal]),
            ("U&\"x\"", vec![Word, Symbol, QuotedName]),
            ("x'1f'", vec![Literal]),
            ("fox'1f'", vec![Word, Literal]),
            ("--a\n1", vec![Space, Space, Literal]),
            ("'a", vec![Cut]),
            ("E'\\", vec![Cut]),
            ("$a", vec![Cut]),
            ("$a$ $a", vec![Cut]),
            ("$$a$$", vec![Literal]),
            ("$a$x$$a$", vec![Literal]),
            ("/* /* */", vec![Cut]),
            ("\"a", vec![Cut]),
        ] {
            assert_eq!(kinds(text), expected, "{text}");
        }
    }
}
