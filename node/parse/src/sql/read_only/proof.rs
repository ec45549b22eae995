//! The walk over the tokens.

use super::with::With;
use super::words::{GOES_ON, STATEMENTS, is_number, is_one_of};
use super::{Frame, NotReadOnly, Place, not_a_query};
use crate::sql::Dialect;
use crate::sql::lexer::{Kind, Token};

/// A walk over the tokens of a text.
pub(super) struct Proof<'a> {
    text: &'a str,
    pub(super) dialect: Dialect,
    tokens: &'a [Token],
    pub(super) at: usize,
    pub(super) frame: Frame,
    outer: Vec<Frame>,
    /// The token behind the last `AS` that was no name itself: a name, whatever its word is.
    behind_as: usize,
    pub(super) parameters: usize,
}

impl<'a> Proof<'a> {
    pub(super) fn new(text: &'a str, dialect: Dialect, tokens: &'a [Token]) -> Self {
        Self {
            text,
            dialect,
            tokens,
            at: 0,
            frame: Frame {
                bracket: 0,
                place: Place::Statement,
                wants_columns: false,
            },
            outer: Vec::new(),
            behind_as: 0,
            parameters: 0,
        }
    }

    pub(super) fn run(&mut self) -> Result<(), NotReadOnly> {
        while let Some(token) = self.tokens.get(self.at).copied() {
            match token.kind {
                Kind::Open => self.open()?,
                Kind::Close => self.close()?,
                Kind::Semicolon => self.semicolon()?,
                Kind::Word => {
                    self.call()?;
                    self.word()?;
                }
                Kind::QuotedName => {
                    self.call()?;
                    self.name()?;
                }
                kind => self.other(kind)?,
            }
            self.at += 1;
        }
        let ends = matches!(self.frame.place, Place::Inside | Place::End);
        if self.tokens.is_empty() {
            Err(NotReadOnly::NotAQuery)
        } else if !self.outer.is_empty() || !ends || self.ends_open(self.tokens.len()) {
            Err(NotReadOnly::Truncated)
        } else {
            Ok(())
        }
    }

    /// Whether the token before this one has to be followed by another one.
    fn ends_open(&self, end: usize) -> bool {
        let last = end.saturating_sub(1);
        match self.kind(last) {
            Some(Kind::Comma | Kind::Dot) => true,
            Some(Kind::Operator) => !self.piece(last).ends_with(['*', '?']),
            _ => false,
        }
    }

    pub(super) fn is_mysql(&self) -> bool {
        self.dialect != Dialect::PostgreSql
    }

    pub(super) fn kind(&self, at: usize) -> Option<Kind> {
        self.tokens.get(at).map(|token| token.kind)
    }

    fn before(&self) -> Option<usize> {
        self.at.checked_sub(1)
    }

    pub(super) fn piece(&self, at: usize) -> &str {
        let token = self.tokens.get(at);
        token
            .and_then(|token| self.text.get(token.start..token.end))
            .unwrap_or_default()
    }

    fn is_word(&self, at: usize, word: &str) -> bool {
        self.kind(at) == Some(Kind::Word) && self.piece(at).eq_ignore_ascii_case(word)
    }

    pub(super) fn was_word(&self, word: &str) -> bool {
        self.before().is_some_and(|at| self.is_word(at, word))
    }

    pub(super) fn was(&self, kind: Kind) -> bool {
        self.before().and_then(|at| self.kind(at)) == Some(kind)
    }

    pub(super) fn is_behind_as(&self) -> bool {
        self.at > 0 && self.behind_as == self.at
    }

    pub(super) fn is_open(&self, at: usize) -> bool {
        self.kind(at) == Some(Kind::Open) && self.piece(at) == "("
    }

    fn open(&mut self) -> Result<(), NotReadOnly> {
        let bracket = self.piece(self.at).bytes().next().unwrap_or_default();
        // What is a string or a number here may be the name of a stored function: "f"(1), db.1(1), 1_0(1).
        if self.is_mysql() && (self.was(Kind::String) || self.was(Kind::Number)) && bracket == b'(' {
            return Err(NotReadOnly::UnknownFunction);
        }
        if self.was_word("columns") {
            self.frame.wants_columns = false;
        }
        let (here, inside) = match self.frame.place {
            Place::Statement | Place::Operand if bracket == b'(' => (Place::Inside, Place::Statement),
            Place::With(with) if bracket == b'(' => with.open()?,
            Place::Maybe | Place::Inside if bracket == b'(' => (Place::Inside, Place::Maybe),
            Place::Maybe | Place::Inside => (Place::Inside, Place::Inside),
            Place::End => return Err(NotReadOnly::SeveralStatements),
            _ => return Err(NotReadOnly::Unclear),
        };
        self.frame.place = here;
        self.outer.push(self.frame);
        self.frame = Frame {
            bracket,
            place: inside,
            wants_columns: self.dialect == Dialect::MariaDb && self.was_word("json_table"),
        };
        Ok(())
    }

    fn close(&mut self) -> Result<(), NotReadOnly> {
        let opened = match self.piece(self.at) {
            ")" => b'(',
            "]" => b'[',
            _ => b'{',
        };
        let ends = matches!(self.frame.place, Place::Inside | Place::Maybe);
        if self.frame.wants_columns {
            return Err(NotReadOnly::UnknownFunction);
        }
        match self.outer.pop() {
            Some(outer) if ends && self.frame.bracket == opened => {
                self.frame = outer;
                Ok(())
            }
            _ => Err(NotReadOnly::Unclear),
        }
    }

    /// Whether the next token begins where this one ends.
    pub(super) fn is_adjacent(&self) -> bool {
        let next = self.tokens.get(self.at + 1).map(|token| token.start);
        self.tokens.get(self.at).map(|token| token.end) == next
    }

    fn semicolon(&mut self) -> Result<(), NotReadOnly> {
        match self.frame.place {
            Place::Inside if self.outer.is_empty() && !self.ends_open(self.at) => {
                self.frame.place = Place::End;
                Ok(())
            }
            Place::End => Err(NotReadOnly::SeveralStatements),
            _ => Err(NotReadOnly::Unclear),
        }
    }

    /// A token that is neither a word nor a bracket.
    fn other(&mut self, kind: Kind) -> Result<(), NotReadOnly> {
        match kind {
            Kind::Parameter => {
                let number = self
                    .piece(self.at)
                    .trim_start_matches('$')
                    .parse()
                    .unwrap_or(usize::MAX);
                self.parameters = self.parameters.max(number);
            }
            Kind::Number if !is_number(self.piece(self.at)) => return Err(NotReadOnly::Unclear),
            // Names and variables of MySQL may hold what a string or a clause seems to begin with here.
            Kind::String if self.is_mysql() && self.piece(self.at).starts_with('$') => {
                return Err(NotReadOnly::Unclear);
            }
            Kind::Dot if self.is_mysql() && self.was(Kind::Variable) && !self.is_system_variable() => {
                return Err(NotReadOnly::Unclear);
            }
            Kind::Question if self.is_mysql() => self.parameters += 1,
            Kind::Operator if self.is_mysql() && self.piece(self.at) == ":=" => {
                return Err(NotReadOnly::Assignment);
            }
            _ => {}
        }
        match self.frame.place {
            Place::Inside => {}
            Place::Maybe => self.frame.place = Place::Inside,
            Place::With(with) => {
                let with = with.other(kind)?;
                self.frame.place = Place::With(with);
            }
            Place::Statement | Place::Operand => return Err(NotReadOnly::NotAQuery),
            Place::End => return Err(NotReadOnly::SeveralStatements),
        }
        Ok(())
    }

    /// Whether the last token is one of the server's variables.
    fn is_system_variable(&self) -> bool {
        self.before().is_some_and(|at| self.piece(at).starts_with("@@"))
    }

    /// A name in quotes is never a keyword.
    fn name(&mut self) -> Result<(), NotReadOnly> {
        match self.frame.place {
            Place::With(with) => self.frame.place = Place::With(with.name()?),
            _ => self.other(Kind::QuotedName)?,
        }
        Ok(())
    }

    fn word(&mut self) -> Result<(), NotReadOnly> {
        let word = self.piece(self.at).to_ascii_lowercase();
        if let Place::With(with) = self.frame.place {
            let names_it = self.is_word(self.at + 1, "as") || self.is_open(self.at + 1);
            self.frame.place = with.word(&word, names_it)?;
            return Ok(());
        }
        let is_name = self.was(Kind::Dot) || self.is_behind_as();
        if word == "as" && !is_name {
            self.behind_as = self.at + 1;
        }
        match self.frame.place {
            Place::Statement | Place::Operand => return self.begin(&word),
            Place::End => return Err(NotReadOnly::SeveralStatements),
            Place::Maybe => {
                self.frame.place = Place::Inside;
                if word == "with" {
                    self.frame.place = Place::With(With::Name);
                } else if !is_name && is_one_of(STATEMENTS, &word) && !self.is_operand() {
                    return Err(not_a_query(&word));
                }
            }
            _ => {}
        }
        if is_name { Ok(()) } else { self.keyword(&word) }
    }

    /// The first word of a query.
    fn begin(&mut self, word: &str) -> Result<(), NotReadOnly> {
        self.frame.place = match word {
            "all" | "distinct" if self.frame.place == Place::Operand => return Ok(()),
            "select" | "values" | "table" => Place::Inside,
            "with" => Place::With(With::Name),
            _ => return Err(not_a_query(word)),
        };
        Ok(())
    }

    /// Whether a word behind a bracket that could begin a statement is a column or a function, as what comes
    /// after it shows.
    fn is_operand(&self) -> bool {
        let next = self.at + 1;
        match self.kind(next) {
            Some(Kind::Close | Kind::Comma | Kind::Dot | Kind::Operator | Kind::Open) => true,
            Some(Kind::Word) => is_one_of(GOES_ON, &self.piece(next).to_ascii_lowercase()),
            _ => false,
        }
    }

    /// A word inside of a query that may be a clause with effects.
    fn keyword(&mut self, word: &str) -> Result<(), NotReadOnly> {
        let next = |ahead: usize, word: &str| self.is_word(self.at + ahead, word);
        match word {
            "into" => Err(NotReadOnly::Into),
            "for" if ["update", "share", "no", "key"].iter().any(|lock| next(1, lock)) => {
                Err(NotReadOnly::Locks)
            }
            "lock" if next(1, "in") && next(2, "share") => Err(NotReadOnly::Locks),
            "procedure" if self.is_mysql() => Err(NotReadOnly::Procedure),
            "next" if next(1, "value") && next(2, "for") => Err(NotReadOnly::Function),
            "union" | "intersect" | "except" => {
                self.frame.place = Place::Operand;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
