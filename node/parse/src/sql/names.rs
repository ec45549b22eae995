//! How names and words are written, and what of them counts.

use super::key::{KEY_BYTES, chunk, key_of, lower_key, run_of};
use super::keyword::{Keyword, RESERVED, VALUE, lookup};
use super::lexer::{Token, is_word};
use super::pass::{Pass, pending};
use super::spacing::{Last, Next, space_between};

impl Pass<'_> {
    /// Writes a word or a quoted name as it stands, and its canonical form.
    pub(super) fn write_name(&mut self, token: Token) {
        self.out.space(space_between(self.last, Next::Word));
        self.write_long(token);
        self.last = Last::Name;
        self.last_word = Keyword::Name;
    }

    /// The same without the space before it.
    pub(super) fn write_long(&mut self, token: Token) {
        self.write_text(token.start, token.end);
        self.write_canonical(token.start, token.end);
    }

    /// A piece of the text as it stands.
    pub(super) fn write_text(&mut self, start: usize, end: usize) {
        if end - start <= KEY_BYTES {
            let mut room = [0; KEY_BYTES];
            let chunk = chunk(self.source, start, &mut room);
            self.out.text.put(chunk, end - start);
        } else {
            self.out
                .text
                .extend(self.source.get(start..end).unwrap_or_default());
        }
    }

    /// A word of the canonical tokens: in lower case, and in names of tables without the numbers of
    /// partitions.
    fn write_canonical(&mut self, start: usize, end: usize) {
        let bytes = self.source.get(start..end).unwrap_or_default();
        if self.pending & pending::TABLE != 0 && bytes.iter().any(u8::is_ascii_digit) {
            let kept: Vec<u8> = without_numbers(bytes).collect();
            self.out.word(&kept);
        } else if bytes.len() <= KEY_BYTES {
            self.out.key(key_of(self.source, start, bytes.len()));
        } else {
            self.out.word(bytes);
        }
    }

    /// The same of a short name of a table, of which the key is known.
    pub(super) fn write_table(&mut self, token: Token, key: u128) {
        let bytes = self.source.get(token.start..token.end).unwrap_or_default();
        if bytes.iter().any(u8::is_ascii_digit) {
            self.write_canonical(token.start, token.end);
        } else {
            self.out.key(key);
        }
    }

    pub(super) fn quoted_name(&mut self, token: Token) {
        if self.expect.takes(Keyword::Name) {
            self.expected_name(token);
        }
        self.last_place = self.canon();
        let bytes = self.source.get(token.start..token.end).unwrap_or_default();
        self.out.space(space_between(self.last, Next::Word));
        if bytes.iter().any(u8::is_ascii_control) {
            let shown = |b: &u8| if b.is_ascii_control() { b' ' } else { *b };
            self.out
                .text
                .extend(&bytes.iter().map(shown).collect::<Vec<u8>>());
        } else {
            self.write_text(token.start, token.end);
        }
        match bytes {
            [b'"' | b'`', inner @ .., _] if self.is_plain_name(inner) => {
                self.write_canonical(token.start + 1, token.end - 1);
            }
            _ => self
                .out
                .long(bytes, |byte| if byte.is_ascii_control() { b' ' } else { byte }),
        }
        self.last = Last::Name;
        self.last_word = Keyword::Name;
    }

    /// Whether a name means the same without its quotes. MySQL's digests quote every name, and there quotes
    /// change nothing about capitals.
    fn is_plain_name(&self, name: &[u8]) -> bool {
        let mut room = [0; KEY_BYTES];
        let begin = chunk(name, 0, &mut room);
        let (is_mysql, len) = (self.is_mysql(), name.len());
        let wanted = |b: u8| is_word(b) & (is_mysql | !b.is_ascii_uppercase());
        let is_short = len <= KEY_BYTES && run_of(begin, wanted) >= len;
        let is_reserved = || {
            let word = lookup(lower_key(begin, len));
            word.is(if is_mysql { VALUE } else { RESERVED | VALUE })
        };
        let begins = begin[0] != 0 && !begin[0].is_ascii_digit() && begin[0] != b'$';
        begins
            && (if is_short {
                !is_reserved()
            } else {
                name.iter().all(|b| wanted(*b))
            })
    }
}

/// The bytes of a table's name without runs of digits, in which partitions of one table differ.
fn without_numbers(name: &[u8]) -> impl Iterator<Item = u8> {
    let is_digit = move |at: Option<usize>| at.and_then(|at| name.get(at)).is_some_and(u8::is_ascii_digit);
    name.iter()
        .enumerate()
        .filter(move |(at, b)| {
            !b.is_ascii_digit() || !(is_digit(at.checked_sub(1)) || is_digit(at.checked_add(1)))
        })
        .map(|(_, b)| *b)
}
