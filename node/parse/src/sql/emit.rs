//! What each kind of token becomes.

use super::fold::{ELLIPSIS, Holds, List};
use super::key::{KEY_BYTES, chunk};
use super::keyword::{COMMAND, Keyword, LOOSE, Word};
use super::lexer::{Lexer, Token};
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
        let is_first = matches!(self.last, Last::Start | Last::Semicolon);
        if matches!(keyword, Keyword::Null | Keyword::Boolean) && self.is_constant() {
            self.value();
            return true;
        }
        if is_first {
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

    /// Whether `NULL`, `TRUE` or `FALSE` is a value here, and not part of `IS NULL`, `NOT NULL` or `SET
    /// NULL`.
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

    /// A string, number or parameter: `?`.
    #[inline(always)]
    pub(super) fn value(&mut self) {
        self.out
            .text
            .put_byte(space_between(self.last, Next::Value), b'?');
        self.write_value(false);
        self.last = Last::Value;
    }

    /// A value, or several, in the canonical tokens.
    #[inline(always)]
    fn write_value(&mut self, several: bool) {
        self.expect = Expect::Nothing;
        self.last_word = Keyword::Name;
        if !self.joins_run() {
            let start = self.canon();
            self.out.sign(if several { ELLIPSIS } else { b'?' });
            self.begin_run(start, several);
        }
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
            self.out.space(space_between(self.last, Next::Ellipsis));
            self.out.text.put(b"...", 3);
            self.write_value(true);
            self.last = Last::Ellipsis;
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
            self.out
                .operator(if is_not_equal { b"<>______________" } else { unit }, len);
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
        self.out.text.put_byte(space_between(self.last, next), byte);
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
            _ if self.frame.list.holds_rows() && matches!(self.last, Last::Open | Last::Comma) => Holds::Row,
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
        // A list that is open here ends as at the end of the text.
        self.end_item();
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
