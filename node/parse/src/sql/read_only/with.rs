//! Lists of common table expressions, each of which may hold a statement.

use super::words::{MODIFYING, STATEMENTS, is_one_of};
use super::{NotReadOnly, Place, not_a_query};
use crate::sql::lexer::Kind;

/// Where in the list one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum With {
    /// A name comes.
    Name,
    /// Behind a name: its columns or `AS` come.
    Named,
    /// Behind `AS`: the statement comes, in brackets.
    As,
    /// Behind a statement: the next name or the query comes.
    Over,
    /// In `SEARCH ...` or `CYCLE ...`.
    Clause,
}

impl With {
    /// What is here and what is in brackets that open here.
    pub(super) fn open(self) -> Result<(Place, Place), NotReadOnly> {
        match self {
            Self::Named => Ok((Place::With(Self::Named), Place::Inside)),
            Self::As => Ok((Place::With(Self::Over), Place::Statement)),
            Self::Over => Ok((Place::Inside, Place::Statement)),
            // The columns of the next name, or the query.
            Self::Clause => Ok((Place::With(Self::Clause), Place::Maybe)),
            Self::Name => Err(NotReadOnly::Unclear),
        }
    }

    /// A word; `names_it` if what comes after it comes after the name of an expression.
    pub(super) fn word(self, word: &str, names_it: bool) -> Result<Place, NotReadOnly> {
        let with = match (self, word) {
            (Self::Name, "recursive") if !names_it => Self::Name,
            (Self::Name, _) if names_it => Self::Named,
            (Self::Named, "as") | (Self::Clause, "as") => Self::As,
            (Self::As, "not" | "materialized") => Self::As,
            (Self::Over, "search" | "cycle") => Self::Clause,
            (Self::Over | Self::Clause, "select" | "values" | "table") => return Ok(Place::Inside),
            (Self::Clause, _) if !is_one_of(STATEMENTS, word) || word == "set" => Self::Clause,
            (Self::Over | Self::Clause, _) => return Err(not_a_query(word)),
            _ if is_one_of(MODIFYING, word) => return Err(NotReadOnly::Modifies),
            _ => return Err(NotReadOnly::Unclear),
        };
        Ok(Place::With(with))
    }

    /// A name in quotes.
    pub(super) fn name(self) -> Result<Self, NotReadOnly> {
        match self {
            Self::Name => Ok(Self::Named),
            Self::Clause => Ok(Self::Clause),
            _ => Err(NotReadOnly::Unclear),
        }
    }

    /// Any other token.
    pub(super) fn other(self, kind: Kind) -> Result<Self, NotReadOnly> {
        match (self, kind) {
            (Self::Over, Kind::Comma) => Ok(Self::Name),
            (Self::Clause, _) => Ok(Self::Clause),
            _ => Err(NotReadOnly::Unclear),
        }
    }
}
