//! Strings, quoted names and dollar quotes.

use super::class::{Class, is_word};
use super::{Kind, Lexer, PARAMETER_DIGITS};
use crate::sql::key::end_of;

/// What a backslash in a string is, which settings of the server change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sql) enum Backslashes {
    /// What it is without such settings.
    Usual,
    /// Nothing special in double quotes, in MySQL with `ANSI_QUOTES`.
    PlainInDouble,
    /// Nothing special, in MySQL with `NO_BACKSLASH_ESCAPES`.
    Plain,
    /// It takes the next character with it, in PostgreSQL without `standard_conforming_strings`.
    Escape,
}

impl Lexer<'_> {
    /// What a single quote begins.
    #[inline(always)]
    pub(in crate::sql) fn quote(&mut self) -> Kind {
        if self.is_postgresql() {
            self.plain_string()
        } else {
            self.backslash_string(b'\'')
        }
    }

    /// What a double quote or a backtick begins: a name, or a string of MySQL.
    #[inline(always)]
    pub(in crate::sql) fn in_quotes(&mut self, class: Class) -> Kind {
        match class {
            Class::Backtick => self.quoted_name(b'`'),
            _ if self.is_postgresql() => self.quoted_name(b'"'),
            _ => self.backslash_string(b'"'),
        }
    }

    /// A string of PostgreSQL, whose meaning of a backslash depends on `standard_conforming_strings`, which
    /// the text does not tell. Where the two readings part, each may show what the other knows to be inside a
    /// string, so all that follows is hidden. Only `ESCAPE '\'` is taken for what it says: the other reading
    /// of it seldom is a statement.
    pub(super) fn plain_string(&mut self) -> Kind {
        if self.rest().starts_with(br"'\'") && self.peek(3) != Some(b'\'') && self.is_after_escape() {
            if self.backslashes == Backslashes::Escape {
                return self.backslash_string(b'\'');
            }
            self.at += 3;
            return Kind::String;
        }
        let open = self.at;
        self.at += 1;
        loop {
            self.at = end_of(self.bytes, self.at, |b| b != b'\'') + 1;
            let inside = self.bytes.get(open + 1..self.at - 1).unwrap_or_default();
            let backslashes = inside.iter().rev().take_while(|b| **b == b'\\').count();
            if self.at > self.bytes.len() || backslashes % 2 == 1 {
                return self.cut();
            }
            if self.peek(0) != Some(b'\'') {
                return Kind::String;
            }
            self.at += 1;
        }
    }

    /// Whether the word before this place is `ESCAPE`, with nothing but space since.
    fn is_after_escape(&self) -> bool {
        let before = self.bytes.get(..self.at).unwrap_or_default();
        let word = before.trim_ascii_end();
        let from = word.len().saturating_sub(7);
        match word.get(from..) {
            Some([first, escape @ ..]) if escape.len() == 6 => {
                !is_word(*first) && escape.eq_ignore_ascii_case(b"escape")
            }
            Some(escape) => escape.eq_ignore_ascii_case(b"escape"),
            None => false,
        }
    }

    /// A string in which a backslash takes the next character with it: after `E`, and all of MySQL's.
    pub(super) fn backslash_string(&mut self, quote: u8) -> Kind {
        let is_plain = match self.backslashes {
            Backslashes::Usual | Backslashes::Escape => false,
            Backslashes::PlainInDouble => quote == b'"',
            Backslashes::Plain => true,
        };
        if is_plain {
            return match self.quoted_name(quote) {
                Kind::QuotedName => Kind::String,
                cut => cut,
            };
        }
        self.at += 1;
        loop {
            self.at = end_of(self.bytes, self.at, |b| (b != quote) & (b != b'\\'));
            match (self.peek(0), self.peek(1)) {
                (None, _) | (Some(b'\\'), None) => return self.cut(),
                (Some(byte), next) if byte == quote && next != Some(quote) => {
                    self.at += 1;
                    return Kind::String;
                }
                // An escaped character, or a quote that is doubled.
                _ => self.at += 2,
            }
        }
    }

    pub(super) fn quoted_name(&mut self, quote: u8) -> Kind {
        self.at += 1;
        loop {
            self.at = end_of(self.bytes, self.at, |b| b != quote) + 1;
            if self.at > self.bytes.len() {
                return self.cut();
            }
            if self.peek(0) != Some(quote) {
                return Kind::QuotedName;
            }
            self.at += 1;
        }
    }

    /// What a word of one letter, or one that begins with `_`, is: a string or a name with a prefix, or a
    /// word.
    pub(super) fn prefix(&mut self, start: usize) -> Kind {
        let word = self.bytes.get(start..self.at).unwrap_or_default();
        let quote = self.peek(0);
        if self.is_postgresql() {
            return match (word, quote) {
                ([b'e' | b'E'], Some(b'\'')) => self.backslash_string(b'\''),
                ([b'b' | b'B' | b'x' | b'X' | b'n' | b'N'], Some(b'\'')) => self.plain_string(),
                ([b'u' | b'U'], Some(b'&')) if self.peek(1) == Some(b'\'') => {
                    self.at += 1;
                    self.plain_string()
                }
                ([b'u' | b'U'], Some(b'&')) if self.peek(1) == Some(b'"') => {
                    self.at += 1;
                    self.quoted_name(b'"')
                }
                _ => Kind::Word,
            };
        }
        match (word, quote) {
            ([b'b' | b'B' | b'x' | b'X' | b'n' | b'N'] | [b'_', ..], Some(quote @ (b'\'' | b'"'))) => {
                self.backslash_string(quote)
            }
            ([b'_', name @ ..], _) => self.introducer(name),
            _ => Kind::Word,
        }
    }

    /// `_utf8mb4 'text'`: the name of a character set before a string is part of it.
    fn introducer(&mut self, word: &[u8]) -> Kind {
        let is_charset = [
            &b"utf8"[..],
            b"utf16",
            b"utf32",
            b"ucs2",
            b"latin",
            b"binary",
            b"ascii",
            b"cp",
            b"gb",
        ]
        .iter()
        .any(|name| {
            word.get(..name.len())
                .is_some_and(|w| w.eq_ignore_ascii_case(name))
        });
        if !is_charset {
            return Kind::Word;
        }
        let spaces = self.rest().iter().take_while(|b| b.is_ascii_whitespace()).count();
        match self.peek(spaces) {
            Some(quote @ (b'\'' | b'"')) => {
                self.at += spaces;
                self.backslash_string(quote)
            }
            _ => Kind::Word,
        }
    }

    /// `$1`, or a string in dollar quotes.
    pub(super) fn dollar(&mut self) -> Kind {
        let start = self.at;
        if self.peek(1).is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
            self.skip(|b| b.is_ascii_digit());
            return if self.at - start > PARAMETER_DIGITS + 1 {
                self.number()
            } else {
                Kind::Parameter
            };
        }
        match self.dollar_tag() {
            Some(()) => self.dollar_string(start),
            None if self.at >= self.bytes.len() => self.cut(),
            None => Kind::Nothing,
        }
    }

    /// A word of MySQL that begins with a dollar. One that looks like the quotes around a routine in another
    /// language is taken for that.
    pub(super) fn dollar_word(&mut self) -> Kind {
        let start = self.at;
        if self.dollar_tag().is_some() {
            return self.dollar_string(start);
        }
        self.at = end_of(self.bytes, start + 1, is_word);
        Kind::Word
    }

    /// Reads `$tag$`. Without one, it stops behind what might have been its beginning.
    fn dollar_tag(&mut self) -> Option<()> {
        self.at += 1;
        if self
            .peek(0)
            .is_some_and(|b| is_word(b) && b != b'$' && !b.is_ascii_digit())
        {
            self.skip(|b| is_word(b) && b != b'$');
        }
        (self.peek(0) == Some(b'$')).then(|| self.at += 1)
    }

    /// What follows the tag from `start` to here. A tag holds no dollar, so no byte is compared twice on the
    /// way.
    fn dollar_string(&mut self, start: usize) -> Kind {
        let tag = self.bytes.get(start..self.at).unwrap_or_default();
        while self.at < self.bytes.len() {
            if self.rest().starts_with(tag) {
                self.at += tag.len();
                return Kind::String;
            }
            self.at += 1;
        }
        self.cut()
    }
}
