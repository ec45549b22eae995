//! What each kind of token becomes.

use super::fold::{ELLIPSIS, Holds, List};
use super::key::{Chunk, KEY_BYTES, chunk, key_of, lower_key, run_of};
use super::keyword::{COMMAND, Keyword, LOOSE, RESERVED, VALUE, Word, lookup};
use super::lexer::{Lexer, Token, is_word};
use super::output::SIGN_BYTES;
use super::pass::{Frame, Pass, pending};
use super::spacing::{Last, Next, space_between};
use super::tables::Expect;

/// What MySQL's digests write behind rows that are alike. It is no comment of the user's.
const MORE_ROWS: &[u8] = b"/* , ... */";
/// How many brackets inside of each other are followed. What is deeper is written, and nothing in it folds.
const DEEPEST: usize = 1000;

impl Pass<'_> {
    /// Follows a keyword that is about to be written. Says whether it was a value, and is written.
    pub(super) fn keyword(&mut self, word: Word) -> bool {
        let keyword = word.keyword;
        if matches!(keyword, Keyword::Null | Keyword::Boolean) && self.is_constant() {
            self.value();
            return true;
        }
        if matches!(self.last, Last::Start | Last::Semicolon) {
            self.verb = keyword;
            if keyword == Keyword::Handle {
                self.pending |= pending::HANDLE;
            }
        } else if keyword == Keyword::To && self.verb == Keyword::Rollback {
            self.pending |= pending::HANDLE;
        }
        if word.is(COMMAND) {
            self.command(word);
        }
        self.track(word);
        false
    }

    /// Whether `NULL`, `TRUE` or `FALSE` is a value here, and not part of `IS NULL`, `NOT NULL` or `SET NULL`.
    fn is_constant(&self) -> bool {
        self.last.wants_operand()
            && !(self.last == Last::Keyword
                && matches!(self.last_word, Keyword::Is | Keyword::Not | Keyword::Set))
    }

    fn command(&mut self, word: Word) {
        if word.is(LOOSE) && !self.begins_statement() && self.last != Last::Name {
            return;
        }
        let bit = 1 << word.keyword as u64;
        if let Some(name) = word.keyword.command().filter(|_| self.seen & bit == 0) {
            self.seen |= bit;
            self.out.commands.push(name);
        }
    }

    /// Whether a statement can begin here, also one inside of another.
    pub(super) fn begins_statement(&self) -> bool {
        match self.last {
            Last::Start | Last::Semicolon | Last::Open | Last::Close => true,
            Last::Name | Last::Keyword => matches!(
                self.last_word,
                Keyword::Lead | Keyword::As | Keyword::Begin | Keyword::Explain | Keyword::Grant
            ),
            _ => false,
        }
    }

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
    fn write_text(&mut self, start: usize, end: usize) {
        if end - start <= KEY_BYTES {
            let mut room = [0; KEY_BYTES];
            let chunk = chunk(self.source, start, &mut room);
            self.out.text.put(chunk, end - start);
        } else {
            self.out.text.extend(self.source.get(start..end).unwrap_or_default());
        }
    }

    /// A word of the canonical tokens: in lower case, and in names of tables without the numbers of partitions.
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
            self.out.text.extend(&bytes.iter().map(shown).collect::<Vec<u8>>());
        } else {
            self.write_text(token.start, token.end);
        }
        match bytes {
            [b'"' | b'`', inner @ .., _] if self.is_plain_name(inner) => {
                self.write_canonical(token.start + 1, token.end - 1);
            }
            _ => self.out.long(bytes, |byte| byte),
        }
        self.last = Last::Name;
        self.last_word = Keyword::Name;
    }

    /// Whether a name means the same without its quotes. MySQL's digests quote every name, and there quotes change
    /// nothing about capitals.
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
        begins && (if is_short { !is_reserved() } else { name.iter().all(|b| wanted(*b)) })
    }

    /// A string, number or parameter: `?`.
    pub(super) fn value(&mut self) {
        self.write_value(b"?...............", 1, Next::Value, Last::Value);
    }

    fn write_value(&mut self, shown: &Chunk, len: usize, next: Next, last: Last) {
        self.expect = Expect::Nothing;
        self.out.text.put_spaced(space_between(self.last, next), shown, len);
        if !self.joins_run() {
            let start = self.canon();
            self.out.sign(if next == Next::Ellipsis { ELLIPSIS } else { b'?' });
            self.begin_run(start, next == Next::Ellipsis);
        }
        self.last = last;
        self.last_word = Keyword::Name;
    }

    /// Strings next to each other are one string.
    pub(super) fn string(&mut self) {
        if self.string_end == self.canon() && matches!(self.last, Last::Value | Last::Ellipsis) {
            return;
        }
        self.value();
        self.string_end = self.canon();
    }

    /// `...` of a digest: the values of a list, or those after its first. Elsewhere the text was cut off.
    pub(super) fn ellipsis(&mut self) {
        if self.last == Last::Value {
            return;
        }
        let is_list = matches!(self.last, Last::Open | Last::Comma);
        if is_list && self.is_mysql() && !self.frame.list.folds() {
            self.write_value(&[b'.'; KEY_BYTES], 3, Next::Ellipsis, Last::Ellipsis);
        } else {
            self.value();
        }
    }

    pub(super) fn variable(&mut self, token: Token) {
        self.expect = Expect::Nothing;
        self.last_place = self.canon();
        self.write_name(token);
    }

    /// A parameter, or an operator of PostgreSQL on JSON.
    pub(super) fn question(&mut self, token: Token, lexer: &mut Lexer<'_>) {
        if !self.last.wants_operand() && !self.is_mysql() {
            let end = lexer.extend_question();
            if end > token.end {
                return self.write_operator(token.start, end, Next::Operator, Last::Operator);
            }
        }
        self.value();
    }

    pub(super) fn operator(&mut self, token: Token, lexer: &Lexer<'_>) {
        let bytes = self.source.get(token.start..token.end).unwrap_or_default();
        let wants_operand = self.last.wants_operand();
        let (next, last) = match bytes {
            b"::" => {
                if self.run.end == self.canon() && self.last == Last::Value {
                    self.begin_cast();
                }
                (Next::Colon, Last::Cast)
            }
            b".." => (Next::Operator, Last::Range),
            b"-" | b"+" if wants_operand && lexer.number_is_next() => return,
            b"-" | b"+" | b"~" | b"!" if wants_operand => (Next::Operator, Last::Sign),
            b"@" | b"@@" if wants_operand && !self.is_mysql() => (Next::Operator, Last::At),
            b"*" if wants_operand => (Next::Star, Last::Star),
            _ => (Next::Operator, Last::Operator),
        };
        self.write_operator(token.start, token.end, next, last);
    }

    fn write_operator(&mut self, start: usize, end: usize, next: Next, last: Last) {
        self.expect = Expect::Nothing;
        self.last_place = self.canon();
        self.out.space(space_between(self.last, next));
        let len = end - start;
        let mut room = [0; KEY_BYTES];
        let unit = chunk(self.source, start, &mut room);
        if len <= SIGN_BYTES {
            self.out.text.put(unit, len);
            let is_not_equal = len == 2 && unit.starts_with(b"!=");
            self.out.operator(if is_not_equal { b"<>______________" } else { unit }, len);
        } else {
            let bytes = self.source.get(start..end).unwrap_or_default();
            self.out.text.extend(bytes);
            self.out.long(bytes, |byte| byte);
        }
        self.last = last;
        self.last_word = Keyword::Name;
    }

    /// A colon, which may begin a parameter.
    pub(super) fn colon(&mut self) {
        if self.last.wants_operand() {
            self.pending |= pending::COLON;
        } else {
            self.write_sign(b':', Next::Colon, Last::Colon);
        }
    }

    pub(super) fn write_sign(&mut self, byte: u8, next: Next, last: Last) {
        self.last_place = self.canon();
        self.out.space(space_between(self.last, next));
        self.out.text.put(&[byte], 1);
        self.out.sign(byte);
        self.last = last;
        self.last_word = Keyword::Name;
    }

    pub(super) fn open(&mut self, token: Token) {
        let byte = self.byte(token);
        let holds = self.holds(byte);
        let word = self.last_place;
        let expects = self.opened_expect(byte);
        if byte == b'(' && self.last_word == Keyword::Extract && !self.is_mysql() {
            self.pending |= pending::FIELD;
        }
        let next = if byte == b'[' { Next::Bracket } else { Next::Paren };
        let before = self.canon();
        self.write_sign(byte, next, Last::Open);
        if self.out.frames.len() >= DEEPEST {
            self.too_deep += 1;
            return;
        }
        let child = Frame {
            list: List::new(holds, word, before, self.canon()),
            tables: expects,
            ..Frame::default()
        };
        self.out.frames.push(std::mem::replace(&mut self.frame, child));
        self.expect = expects;
    }

    fn byte(&self, token: Token) -> u8 {
        self.source.get(token.start).copied().unwrap_or_default()
    }

    /// What is in brackets that open here.
    fn holds(&self, byte: u8) -> Holds {
        let after_word = matches!(self.last, Last::Keyword | Last::Name);
        match self.last_word {
            Keyword::In if after_word && byte == b'(' => Holds::In,
            Keyword::Any if after_word && byte == b'(' && self.is_after_equals() => Holds::Any,
            Keyword::Values if after_word && byte == b'(' => Holds::Row,
            Keyword::Array if after_word && byte == b'[' => Holds::Array,
            _ if self.is_next_row() => Holds::Row,
            _ if self.frame.list.folds() && matches!(self.last, Last::Open | Last::Comma) => Holds::Row,
            _ => Holds::Anything,
        }
    }

    pub(super) fn close(&mut self, token: Token) {
        let byte = self.byte(token);
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return self.write_sign(byte, Next::End, Last::Close);
        }
        self.end_item();
        let list = self.frame.list.closed();
        self.end_run(list);
        self.write_sign(byte, Next::End, Last::Close);
        self.end_comparison(list);
        self.expect = Expect::Nothing;
        if let Some(parent) = self.out.frames.pop() {
            self.frame = parent;
            self.closed();
            self.end_row(list);
        }
    }

    pub(super) fn semicolon(&mut self) {
        self.out.frames.clear();
        self.frame = Frame::default();
        self.too_deep = 0;
        self.verb = Keyword::Name;
        self.expect = Expect::Nothing;
        self.out.ctes.clear();
        if !matches!(self.last, Last::Start | Last::Semicolon) {
            self.pending |= pending::SEMICOLON;
            self.last = Last::Semicolon;
        }
    }

    pub(super) fn comment(&mut self, token: Token) {
        if self.source.get(token.start..token.end) != Some(MORE_ROWS) {
            self.out.comments.push(token.span());
        }
    }

    pub(super) fn is_after_equals(&self) -> bool {
        self.out.ends_with_equals(self.last_place)
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
