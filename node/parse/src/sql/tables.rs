//! Which of the names are tables. The words around a name tell that: no grammar is needed.

use super::keyword::{Keyword, RESERVED, Word};
use super::lexer::{Kind, Token};
use super::output::Span;
use super::pass::{Pass, pending};
use super::spacing::Last;

/// The most names of common table expressions that are known in one statement.
const MOST_CTES: usize = 256;

/// What the next name is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Expect {
    /// Nothing of interest.
    #[default]
    Nothing,
    /// A table, a function, or a query in brackets: after `FROM` and `JOIN`.
    From,
    /// A table or a function: after `USING`.
    Using,
    /// A table: after `INTO`, `UPDATE`, `TABLE`.
    Into,
    /// A common table expression: after `WITH`.
    With,
    /// A procedure.
    Procedure,
}

impl Expect {
    /// Whether a word that is not reserved is the name that is expected.
    #[inline]
    pub(super) fn takes(self, word: Keyword) -> bool {
        match self {
            Self::Nothing => false,
            Self::From | Self::Using => true,
            Self::Into | Self::Procedure => !matches!(word, Keyword::Skip | Keyword::Tables),
            Self::With => !matches!(word, Keyword::Recursive | Keyword::TypeTail),
        }
    }
}

/// Where in a list of common table expressions one is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum With {
    /// There is none.
    #[default]
    No,
    /// A name, which may be that of an expression.
    Name(Span),
    /// Its query comes.
    Query(Span),
    /// One is over, and another one may follow.
    Over,
}

impl Pass<'_> {
    /// Takes a name that was expected.
    pub(super) fn expected_name(&mut self, token: Token) {
        let span = token.span();
        match self.expect {
            Expect::Nothing => {}
            Expect::With => self.frame.with = With::Name(span),
            Expect::Procedure => {
                self.out.procedures.push(span);
                self.pending |= pending::TABLE;
                self.table = (span, Expect::Procedure);
            }
            expect => {
                self.table = (span, expect);
                self.pending |= pending::TABLE;
            }
        }
        self.expect = Expect::Nothing;
    }

    /// Whether this token goes on with the name of a table, and if not, takes it.
    pub(super) fn settle_table(&mut self, token: Token) {
        let is_name = matches!(token.kind, Kind::Word | Kind::QuotedName);
        let goes_on = token.kind == Kind::Dot;
        if is_name && self.last == Last::Dot {
            self.table.0.1 = token.span().1;
        } else if !goes_on {
            let bytes = self.source.get(token.start..token.end);
            self.end_table(bytes == Some(b"("));
        }
    }

    /// The name of a table is over. With a bracket behind it, it may be a function.
    pub(super) fn end_table(&mut self, is_call: bool) {
        if self.pending & pending::TABLE == 0 {
            return;
        }
        self.pending &= !pending::TABLE;
        let (span, expect) = self.table;
        match expect {
            Expect::From | Expect::Using if is_call => {}
            Expect::Procedure => {
                if let Some(procedure) = self.out.procedures.last_mut() {
                    *procedure = span;
                }
            }
            _ if self.is_cte(span) => {}
            _ => self.out.tables.push(span),
        }
    }

    fn is_cte(&self, span: Span) -> bool {
        let name = |span: Span| {
            let bytes = self
                .source
                .get(span.0 as usize..span.1 as usize)
                .unwrap_or_default();
            match bytes {
                [b'"' | b'`', inner @ .., b'"' | b'`'] => inner,
                bytes => bytes,
            }
        };
        self.out
            .ctes
            .iter()
            .any(|cte| name(*cte).eq_ignore_ascii_case(name(span)))
    }

    /// Follows a keyword that is about to be written.
    pub(super) fn track(&mut self, word: Word) {
        use Keyword as K;
        let is_into = self.expect == Expect::Into || self.expect == Expect::Procedure;
        self.expect = match word.keyword {
            K::Skip | K::Exists | K::Not if is_into => self.expect,
            K::Skip if word.is(RESERVED) => self.expect,
            K::Recursive if self.expect == Expect::With => {
                self.frame.is_recursive = true;
                Expect::With
            }
            K::From => self.after_from(),
            K::Join => Expect::From,
            K::StraightJoin if self.last_word != K::Select => Expect::From,
            K::Using if self.frame.uses_table => self.lists(Expect::Using),
            K::Into if self.is_target() => Expect::Into,
            K::Update if self.begins_statement() => {
                self.frame.is_query = true;
                self.lists(Expect::Into)
            }
            K::Table if matches!(self.verb, K::Drop | K::Truncate | K::Lock) => self.lists(Expect::Into),
            K::Table => Expect::Into,
            K::Tables if self.verb == K::Lock => self.lists(Expect::Into),
            K::Truncate if self.begins_statement() => self.lists(Expect::Into),
            K::Lock if matches!(self.last, Last::Start | Last::Semicolon) => self.lists(Expect::Into),
            K::Copy if matches!(self.last, Last::Start | Last::Semicolon) => Expect::Into,
            K::Insert | K::Replace if self.is_mysql() && self.begins_statement() => Expect::Into,
            K::With => Expect::With,
            K::Procedure | K::Call => Expect::Procedure,
            _ => Expect::Nothing,
        };
        match word.keyword {
            K::Select => {
                self.frame.is_query = true;
                self.frame.tables = Expect::Nothing;
                self.frame.list.is_query();
            }
            K::With | K::Values | K::Table if self.last == Last::Open => self.frame.list.is_query(),
            K::Delete | K::Merge => {
                self.frame.is_query = true;
                self.frame.uses_table = true;
            }
            K::ListEnd | K::Set | K::Values | K::Returning => self.frame.tables = Expect::Nothing,
            K::As => self.after_as(),
            _ => {}
        }
    }

    /// Commas at this depth go on with tables.
    fn lists(&mut self, expect: Expect) -> Expect {
        self.frame.tables = expect;
        expect
    }

    /// `FROM` is a clause in a query; it is none in `EXTRACT(... FROM ...)`, `IS DISTINCT FROM` and `REVOKE`.
    fn after_from(&mut self) -> Expect {
        use Keyword as K;
        let is_clause = self.frame.is_query && !matches!(self.verb, K::Grant | K::Revoke);
        let is_show = self.verb == K::Show && self.last_word == K::Columns;
        if self.last_word != K::Distinct && (is_clause || is_show) {
            self.lists(Expect::From)
        } else {
            Expect::Nothing
        }
    }

    /// Whether `INTO` names a table: `SELECT ... INTO` does so in PostgreSQL, and a variable in MySQL.
    fn is_target(&self) -> bool {
        use Keyword as K;
        matches!(self.last_word, K::Insert | K::Replace | K::Merge | K::Skip)
            || (self.frame.is_query && !self.is_mysql())
    }

    fn after_as(&mut self) {
        let With::Name(name) = self.frame.with else {
            return;
        };
        self.frame.with = With::Query(name);
        if self.frame.is_recursive {
            self.know_cte(name);
        }
    }

    fn know_cte(&mut self, name: Span) {
        if self.out.ctes.len() < MOST_CTES {
            self.out.ctes.push(name);
        }
    }

    /// What is expected inside of brackets that open here.
    pub(super) fn opened_expect(&mut self, byte: u8) -> Expect {
        match (self.expect, byte) {
            (Expect::From, b'(') => Expect::From,
            _ => Expect::Nothing,
        }
    }

    /// Brackets were closed, and the frame around them is the present one again.
    pub(super) fn closed(&mut self) {
        if let With::Query(name) = self.frame.with {
            self.frame.with = With::Over;
            self.know_cte(name);
        }
    }

    /// A comma was written.
    pub(super) fn track_comma(&mut self) {
        self.expect = if self.frame.with == With::Over {
            Expect::With
        } else {
            self.frame.tables
        };
    }
}
