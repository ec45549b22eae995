//! One pass over the tokens of a text, which writes it anew, without literals and in one spelling.

use super::fold::{List, Run};
use super::key::{KEY_BYTES, key_of};
use super::keyword::{Keyword, Word, lookup};
use super::lexer::{Class, Kind, Lexer, Token};
use super::output::{Output, Place, Span};
use super::spacing::{Last, Next};
use super::tables::{Expect, With};
use super::{Dialect, Unlexable};

/// The longest text that is read, in bytes. Its canonical tokens are at most sixteen times as long.
const LONGEST: usize = 64 << 20;

/// What is to be known at each depth of brackets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Frame {
    pub(super) list: List,
    /// Whether a comma at this depth goes on with tables.
    pub(super) tables: Expect,
    /// Whether a query has begun at this depth, so that `FROM` is a clause.
    pub(super) is_query: bool,
    /// Whether `USING` names a table, as it does in `DELETE` and `MERGE`.
    pub(super) uses_table: bool,
    pub(super) with: With,
    /// Whether the names after `WITH` are known inside of their own queries.
    pub(super) is_recursive: bool,
}

/// What the next token has to look at first.
pub(super) mod pending {
    /// A semicolon that is written only if something comes after it.
    pub(crate) const SEMICOLON: u8 = 1;
    /// A colon that may begin a parameter.
    pub(crate) const COLON: u8 = 2;
    /// A cast of a value, whose type is not part of the fingerprint.
    pub(crate) const CAST: u8 = 4;
    /// A name of a table that may go on, or turn out to be a function.
    pub(crate) const TABLE: u8 = 8;
    /// A name that is not part of the fingerprint, such as that of a savepoint.
    pub(crate) const HANDLE: u8 = 16;
    /// The field of `EXTRACT`, which PostgreSQL takes for a constant.
    pub(crate) const FIELD: u8 = 32;
}

/// Where in the type of a cast the last token was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Type {
    /// A name has to come.
    #[default]
    Wanted,
    /// It may be over.
    Named,
    /// Inside of its brackets.
    Bracket,
}

/// One pass over one text.
pub(super) struct Pass<'a> {
    pub(super) source: &'a [u8],
    dialect: Dialect,
    pub(super) out: Output,
    pub(super) frame: Frame,
    pub(super) last: Last,
    /// The last token, if it was a keyword.
    pub(super) last_word: Keyword,
    /// Before the last token, in canonical tokens.
    pub(super) last_place: u32,
    pub(super) pending: u8,
    cast: Type,
    cast_from: u32,
    pub(super) run: Run,
    /// Behind the last token, if it was a string.
    pub(super) string_end: u32,
    /// How many brackets are open beyond those that are followed.
    pub(super) too_deep: usize,
    pub(super) expect: Expect,
    pub(super) table: (Span, Expect),
    pub(super) verb: Keyword,
    /// A bit for each command that was found.
    pub(super) seen: u64,
}

impl<'a> Pass<'a> {
    pub(super) fn new(dialect: Dialect, text: &'a str, mut out: Output) -> Self {
        out.clear();
        Self {
            source: text.as_bytes(),
            dialect,
            out,
            frame: Frame::default(),
            last: Last::Start,
            last_word: Keyword::Name,
            last_place: 0,
            pending: 0,
            cast: Type::Wanted,
            cast_from: 0,
            run: Run::default(),
            string_end: 0,
            too_deep: 0,
            expect: Expect::Nothing,
            table: ((0, 0), Expect::Nothing),
            verb: Keyword::Name,
            seen: 0,
        }
    }

    pub(super) fn is_mysql(&self) -> bool {
        self.dialect != Dialect::PostgreSql
    }

    /// How long the canonical tokens are.
    #[inline]
    pub(super) fn canon(&self) -> u32 {
        self.out.canon.len() as u32
    }

    pub(super) fn place(&self) -> Place {
        Place {
            text: self.out.text.len() as u32,
            canon: self.canon(),
        }
    }

    pub(super) fn run(&mut self, text: &'a str) -> Result<(), Unlexable> {
        if text.len() > LONGEST {
            return Err(Unlexable { at: LONGEST });
        }
        let mut lexer = Lexer::new(self.dialect, text);
        while let Some(class) = lexer.begin() {
            let is_usual = self.pending == 0 && !lexer.is_versioned();
            if is_usual && self.short(class, &mut lexer) {
                continue;
            }
            let token = lexer.token(class)?;
            if self.pending == 0 || !self.settle(token) {
                self.take(token, &mut lexer);
            }
        }
        self.finish();
        Ok(())
    }

    /// Reads and takes one of the tokens that most of a text consists of, if `class` begins one. What a byte
    /// begins and what a token becomes is one jump here, and two on the long way.
    #[inline(always)]
    fn short(&mut self, class: Class, lexer: &mut Lexer<'_>) -> bool {
        let start = lexer.at();
        let kind = match class {
            Class::Word => lexer.word(),
            Class::Comma => lexer.one(Kind::Comma),
            Class::Open => lexer.one(Kind::Open),
            Class::Close => lexer.one(Kind::Close),
            Class::Dot => lexer.dot(),
            Class::Digit => lexer.number(),
            Class::Quote => lexer.quote(),
            Class::DoubleQuote | Class::Backtick => lexer.in_quotes(class),
            Class::Operator => lexer.operator(),
            _ => return false,
        };
        let token = lexer.read(kind, start);
        match kind {
            Kind::Word => self.word(token),
            Kind::Comma => self.comma(),
            Kind::Open => self.open(token),
            Kind::Close => self.close(token),
            Kind::Dot => self.write_sign(b'.', Next::Dot, Last::Dot),
            Kind::Number => self.value(),
            Kind::String => self.string(),
            Kind::QuotedName => self.quoted_name(token),
            Kind::Operator => self.operator(token, lexer),
            _ => self.take(token, lexer),
        }
        true
    }

    /// Takes any token.
    #[inline(never)]
    fn take(&mut self, token: Token, lexer: &mut Lexer<'_>) {
        match token.kind {
            Kind::Word => self.word(token),
            Kind::Comma => self.comma(),
            Kind::Open => self.open(token),
            Kind::Close => self.close(token),
            Kind::Dot => self.write_sign(b'.', Next::Dot, Last::Dot),
            Kind::Colon => self.colon(),
            Kind::Semicolon => self.semicolon(),
            Kind::Operator => self.operator(token, lexer),
            Kind::String => self.string(),
            Kind::Number | Kind::Parameter | Kind::Cut => self.value(),
            Kind::QuotedName => self.quoted_name(token),
            Kind::Variable => self.variable(token),
            Kind::Question => self.question(token, lexer),
            Kind::Ellipsis => self.ellipsis(),
            Kind::Comment => self.comment(token),
            Kind::Mark | Kind::CutComment | Kind::Nothing => {}
        }
    }

    fn finish(&mut self) {
        self.pending &= !pending::SEMICOLON;
        if self.pending & pending::COLON != 0 {
            self.write_sign(b':', Next::Colon, Last::Colon);
        }
        self.end_cast();
        self.end_table(false);
        self.end_item();
    }

    /// Does what the tokens before have left to do. Says whether that was all that this token was for.
    fn settle(&mut self, token: Token) -> bool {
        if matches!(token.kind, Kind::Comment | Kind::Mark | Kind::CutComment) {
            return false;
        }
        let first = self.source.get(token.start).copied().unwrap_or_default();
        if self.pending & pending::SEMICOLON != 0 && token.kind != Kind::Semicolon {
            self.pending &= !pending::SEMICOLON;
            self.out.text.put(b";", 1);
            self.out.sign(b';');
        }
        if self.pending & pending::TABLE != 0 {
            self.settle_table(token);
        }
        if self.pending & pending::COLON != 0 {
            self.pending &= !pending::COLON;
            if matches!(token.kind, Kind::Word | Kind::Number) {
                self.value();
                return true;
            }
            self.write_sign(b':', Next::Colon, Last::Colon);
        }
        if self.pending & pending::FIELD != 0 {
            self.pending &= !pending::FIELD;
            if token.kind == Kind::Word {
                self.value();
                return true;
            }
        }
        if self.pending & pending::CAST != 0 && !self.is_type(token, first) {
            self.end_cast();
        }
        self.pending & pending::HANDLE != 0 && self.settle_handle(token, first)
    }

    /// A name that is shown, but does not count.
    fn settle_handle(&mut self, token: Token, first: u8) -> bool {
        let word = self.lookup(token);
        if matches!(word.keyword, Keyword::Handle | Keyword::HandleTail) {
            return false;
        }
        self.pending &= !pending::HANDLE;
        let is_name = matches!(token.kind, Kind::Word | Kind::QuotedName) || first == b'*';
        if is_name {
            let canon = self.out.canon.len();
            self.write_name(token);
            self.out.canon.truncate(canon);
        }
        is_name
    }

    /// Whether a token goes on with the type of a cast.
    fn is_type(&mut self, token: Token, first: u8) -> bool {
        let next = match (self.cast, token.kind, first) {
            (Type::Wanted, Kind::Word | Kind::QuotedName, _) => Type::Named,
            (Type::Named, Kind::Dot, _) => Type::Wanted,
            (Type::Named, Kind::Operator, b':') => Type::Wanted,
            (Type::Named, Kind::Open, _) => Type::Bracket,
            (Type::Bracket, Kind::Close, _) => Type::Named,
            (Type::Bracket, Kind::Open | Kind::Dot | Kind::Semicolon, _) => return false,
            (Type::Bracket, Kind::QuotedName | Kind::Variable, _) => return false,
            (Type::Bracket, _, _) => Type::Bracket,
            (Type::Named, Kind::Word, _) => {
                let tail = matches!(self.lookup(token).keyword, Keyword::TypeTail | Keyword::With);
                if !tail {
                    return false;
                }
                Type::Named
            }
            _ => return false,
        };
        self.cast = next;
        true
    }

    /// A value has just been written, and `::` comes.
    pub(super) fn begin_cast(&mut self) {
        self.pending |= pending::CAST;
        self.cast = Type::Wanted;
        self.cast_from = self.canon();
    }

    fn end_cast(&mut self) {
        if self.pending & pending::CAST != 0 {
            self.pending &= !pending::CAST;
            self.out.canon.truncate(self.cast_from as usize);
            self.run.end = self.cast_from;
        }
    }

    fn lookup(&self, token: Token) -> Word {
        let len = token.end - token.start;
        if token.kind == Kind::Word && (2..=KEY_BYTES).contains(&len) {
            lookup(key_of(self.source, token.start, len))
        } else {
            Word::NAME
        }
    }
}
