//! How names and words are written, and what of them counts.

use super::key::{Chunk, KEY_BYTES, chunk, key_of, lower_key, run_of};
use super::keyword::{COMMAND, Keyword, RESERVED, VALUE, Word, lookup};
use super::lexer::{Token, is_word};
use super::pass::{Pass, pending};
use super::spacing::{Last, Next, space_between};
use super::tables::Expect;

impl Pass<'_> {
    /// A word without quotes: a keyword, or a name.
    #[inline(always)]
    pub(super) fn word(&mut self, token: Token) {
        let len = token.end - token.start;
        if len > KEY_BYTES {
            return self.long_word(token);
        }
        let mut room = [0; KEY_BYTES];
        let chunk = chunk(self.source, token.start, &mut room);
        let key = lower_key(chunk, len);
        let is_plain = matches!(self.last, Last::Dot | Last::Cast);
        let word = if is_plain { Word::NAME } else { lookup(key) };
        let is_awaited = self.expect != Expect::Nothing && !word.is(RESERVED | COMMAND);
        if is_awaited && self.expect.takes(word.keyword) {
            self.expected_name(token);
        }
        if word.keyword != Keyword::Name && self.keyword(word) {
            return;
        }
        self.last_place = self.canon();
        let space = space_between(self.last, Next::Word);
        self.out.text.put_spaced(space, chunk, len);
        if self.pending & pending::TABLE == 0 {
            self.out.key(key);
        } else {
            self.write_table(token, key);
        }
        self.last = if word.wants_operand() {
            Last::Keyword
        } else {
            Last::Name
        };
        self.last_word = word.keyword;
    }

    /// A word that is too long for a keyword.
    fn long_word(&mut self, token: Token) {
        if self.expect.takes(Keyword::Name) {
            self.expected_name(token);
        }
        self.last_place = self.canon();
        self.write_name(token);
    }

    /// Writes a word or a quoted name as it stands, and its canonical form.
    pub(super) fn write_name(&mut self, token: Token) {
        self.out.space(space_between(self.last, Next::Word));
        self.write_text(token.start, token.end);
        self.write_canonical(token.start, token.end);
        self.last = Last::Name;
        self.last_word = Keyword::Name;
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
        self.out.space(space_between(self.last, Next::Word));
        self.last = Last::Name;
        self.last_word = Keyword::Name;
        let len = (token.end - token.start).saturating_sub(2);
        let mut room = [0; KEY_BYTES];
        let inner = chunk(self.source, token.start + 1, &mut room);
        let is_mysql = self.is_mysql();
        let is_plain = |b: u8| is_word(b) & (is_mysql | !b.is_ascii_uppercase());
        if (1..=KEY_BYTES).contains(&len) && run_of(inner, is_plain) >= len {
            let key = lower_key(inner, len);
            if is_name(inner[0]) && !self.is_reserved(key) {
                return self.write_plain(token, inner, key);
            }
        }
        self.write_quoted(token, is_plain);
    }

    /// A short name in quotes that it does not need.
    fn write_plain(&mut self, token: Token, inner: &Chunk, key: u128) {
        let quote = self.source.get(token.start).copied().unwrap_or_default();
        self.out.text.put(&[quote], 1);
        self.out.text.put(inner, token.end - token.start - 2);
        self.out.text.put(&[quote], 1);
        if self.pending & pending::TABLE == 0 {
            self.out.key(key);
        } else {
            self.write_canonical(token.start + 1, token.end - 1);
        }
    }

    /// Any name in quotes.
    fn write_quoted(&mut self, token: Token, is_plain: impl Fn(u8) -> bool + Copy) {
        let bytes = self.source.get(token.start..token.end).unwrap_or_default();
        let shown = |byte: u8| if byte.is_ascii_control() { b' ' } else { byte };
        if bytes.iter().any(u8::is_ascii_control) {
            self.out
                .text
                .extend(&bytes.iter().copied().map(shown).collect::<Vec<u8>>());
        } else {
            self.write_text(token.start, token.end);
        }
        match bytes {
            [b'"' | b'`', inner @ .., _] if self.is_plain_name(inner, is_plain) => {
                self.write_canonical(token.start + 1, token.end - 1);
            }
            _ => self.out.long(bytes, shown),
        }
    }

    /// Whether a name means the same without its quotes. MySQL's digests quote every name, and there quotes
    /// change nothing about capitals.
    fn is_plain_name(&self, name: &[u8], is_plain: impl Fn(u8) -> bool + Copy) -> bool {
        name.first().is_some_and(|first| is_name(*first))
            && name.iter().all(|b| is_plain(*b))
            && !(name.len() <= KEY_BYTES && self.is_reserved(key_of(name, 0, name.len())))
    }

    fn is_reserved(&self, key: u128) -> bool {
        lookup(key).is(if self.is_mysql() { VALUE } else { RESERVED | VALUE })
    }
}

/// Whether a name may begin with this byte, of those that go on with one.
fn is_name(first: u8) -> bool {
    !first.is_ascii_digit() && first != b'$' && first != 0
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
